"""Drawn and scaled weights and inputs in layers, under BinOp and in the graph."""

import pytest
import torch
from torch import nn

from xnorkit.binarize import BINARYNET_RULE, WeightRule, quantize_sign
from xnorkit.callbacks import BinOp
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.nn.summary import summarise

MAX = WeightRule(centre=False, alpha="max", rule="ste", clamp_after_step=True)
DRAWN = WeightRule(centre=False, alpha="none", rule="ste", quant_mode="stochastic")
DRAWN_MAX = WeightRule(centre=False, alpha="max", rule="ste", quant_mode="stochastic")


def signs(x):
    return torch.where(x < 0, -1.0, 1.0)


@pytest.mark.parametrize("training", [True, False])
def test_weights_with_scale_are_the_layers_largest_magnitude(training):
    layer = BinaryLinear(9, 4, weight_rule=MAX).train(training)
    x = torch.randn(5, 9)
    expected = layer.weight.abs().max() * (signs(x) @ signs(layer.weight).T) + layer.bias
    torch.testing.assert_close(layer(x), expected)


def test_the_gradient_of_a_scaled_weight_goes_straight_through():
    layer = BinaryLinear(9, 4, weight_rule=MAX)
    plain = BinaryLinear(9, 4, weight_rule=BINARYNET_RULE)
    x, g = torch.randn(5, 9), torch.randn(5, 4)
    layer(x).backward(g)
    plain(x).backward(g)
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)


@pytest.mark.parametrize("rule", [DRAWN, DRAWN_MAX])
def test_training_draws_weights_anew_and_evaluation_takes_their_signs(rule):
    torch.manual_seed(0)
    layer = BinaryLinear(200, 3, bias=False, weight_rule=rule)
    x = torch.eye(200)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    scale = layer.weight.abs().max() if rule is DRAWN_MAX else 1.0
    expected = scale * (signs(x) @ signs(layer.weight).T)
    torch.testing.assert_close(layer(x), expected)
    assert torch.equal(layer(x), layer(x))


def test_drawn_weights_have_the_probability_of_the_latent_one():
    torch.manual_seed(1)
    layer = BinaryLinear(1, 5, bias=False, weight_rule=DRAWN)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-1.0], [-0.5], [0.0], [0.5], [1.0]]))
        mean = torch.stack([layer(torch.ones(1, 1)) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(mean[0], layer.weight.detach()[:, 0], atol=0.08, rtol=0)


@pytest.mark.filterwarnings("ignore:input_scale='max'")
@pytest.mark.parametrize("make", [lambda **o: BinaryLinear(6, 4, **o), None], ids=["fc", "conv"])
def test_inputs_with_scale_are_the_batches_largest_magnitude(make):
    if make is None:
        layer = BinaryConv2d(2, 4, 3, padding=1, input_scale="max", weight_rule=BINARYNET_RULE)
        x = torch.randn(3, 2, 5, 5)
        product = nn.functional.conv2d(signs(x), signs(layer.weight), padding=1)
        bias = layer.bias[:, None, None]
    else:
        layer = make(input_scale="max", weight_rule=BINARYNET_RULE)
        x = torch.randn(5, 6)
        product, bias = signs(x) @ signs(layer.weight).T, layer.bias
    for training in (True, False):
        found = layer.train(training)(x)
        torch.testing.assert_close(found, x.abs().max() * product + bias)


@pytest.mark.filterwarnings("ignore:input_scale='max'")
def test_no_factor_is_in_the_gradient_of_a_scaled_input():
    scaled = BinaryLinear(6, 4, input_scale="max", weight_rule=BINARYNET_RULE)
    plain = BinaryLinear(6, 4, weight_rule=BINARYNET_RULE)
    plain.load_state_dict(scaled.state_dict())
    gradients = []
    for layer in (scaled, plain):
        x = torch.linspace(-3, 3, 12).reshape(2, 6).requires_grad_()
        layer(x).backward(torch.ones(2, 4))
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients)


def test_inputs_are_drawn_in_training_only():
    torch.manual_seed(0)
    layer = BinaryLinear(300, 2, input_quant_mode="stochastic", weight_rule=BINARYNET_RULE)
    x = 0.2 * torch.randn(4, 300)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), signs(x) @ signs(layer.weight).T + layer.bias)


def test_a_layer_draws_as_the_function_does():
    layer = BinaryLinear(50, 2, input_quant_mode="stochastic", weight_rule=BINARYNET_RULE)
    x = torch.randn(3, 50)
    torch.manual_seed(5)
    found = layer(x)
    torch.manual_seed(5)
    expected = quantize_sign(x, "stochastic") @ signs(layer.weight).T + layer.bias
    torch.testing.assert_close(found, expected)


def test_binop_draws_for_training_and_leaves_latent_weights_and_evaluation_alone():
    torch.manual_seed(0)
    network = nn.Sequential(BinaryLinear(40, 8, weight_rule=DRAWN), nn.Linear(8, 2))
    latent = network[0].weight.detach().clone()
    bin_op, seen = BinOp().attach(network), []
    for _ in range(2):
        bin_op.binarize_()
        seen.append(network[0].weight.detach().clone())
        network(torch.randn(3, 40)).sum().backward()
        bin_op.restore_()
        bin_op.rescale_gradients_()
    assert all(set(w.unique().tolist()) == {-1.0, 1.0} for w in seen)
    assert not torch.equal(*seen)
    assert torch.equal(network[0].weight, latent)
    network.eval()
    bin_op.binarize_()
    assert torch.equal(network[0].weight, latent)


def test_plain_layers_are_drawn_by_binop_in_training_and_signed_in_evaluation():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 200), nn.Linear(200, 2))
    bin_op = BinOp(centre=False, alpha="none", rule="ste").attach(network)
    target = bin_op.targets[0]
    assert target.name == "1"
    network.eval()
    bin_op._groups[0].rule = DRAWN
    wanted = signs(network[1].weight.detach())
    bin_op.binarize_()
    assert torch.equal(network[1].weight, wanted)
    bin_op.restore_()
    network.train()
    bin_op.binarize_()
    assert not torch.equal(network[1].weight, wanted)
    bin_op.restore_()


def test_a_largest_magnitude_is_one_number_of_the_packed_size():
    layers = [BinaryLinear(64, 8, bias=False, weight_rule=r) for r in (MAX, BINARYNET_RULE)]
    sizes = [summarise(nn.Sequential(x), torch.zeros(1, 64)).total.packed_bytes for x in layers]
    assert sizes[0] - sizes[1] == 4


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"input_quant_mode": "random"}, "input_quant_mode='random': choose det or stochastic"),
        ({"input_quant_mode": "stochastic", "input_sign": None}, "only a sign can be drawn"),
        ({"input_quant_mode": "stochastic", "input_bits": 2}, "only a sign can be drawn"),
    ],
)
def test_inputs_that_cannot_be_drawn_are_refused(options, why):
    with pytest.raises(ValueError, match=why):
        BinaryLinear(4, 2, **options)


@pytest.mark.filterwarnings("ignore:input_scale='max'")
def test_a_border_of_one_beside_a_scale_is_refused():
    with pytest.raises(ValueError, match="padding_value=1 with input_scale='max'"):
        BinaryConv2d(2, 2, 3, padding=1, padding_value=1, input_scale="max")


@pytest.mark.filterwarnings("error")
def test_one_number_of_the_whole_batch_warns():
    with pytest.raises(UserWarning, match="input_scale='max' takes one number of the whole batch"):
        BinaryLinear(4, 2, input_scale="max")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"alpha": "max"}, "alpha='max' with rule='chain'"),
        ({"alpha": "max", "rule": "ste", "bits": 2}, "bits=2"),
        ({"quant_mode": "stochastic"}, "quant_mode='stochastic' with alpha='filter'"),
        ({"quant_mode": "random"}, "choose det or stochastic"),
    ],
)
def test_weight_rules_that_cannot_work_are_refused(options, why):
    with pytest.raises(ValueError, match=why):
        WeightRule(**options)
