"""xnorkit.callbacks.binop by hand, and what its hooks refuse: golden vectors, formulas, states."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from binop_cases import (
    PlainLoop,
    Regression,
    assert_same,
    batches_of,
    binary_network,
    centred_and_clamped,
    inner_weights,
    is_binary,
    make_optimizer,
    negative_is_minus_one,
    plain_network,
    rescaled,
    samples,
    scale_of,
    trainer,
)
from torch import nn

import xnorkit
from xnorkit import BinOp
from xnorkit.binarize import BINARYNET_RULE, WeightRule, rescale_gradient
from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLinear

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "seed_systems.npz")
RULES = ["chain", "paper", "ste"]
ALPHAS = ["filter", "layer", "none"]


def golden(index, name):
    return torch.from_numpy(GOLDEN[f"binop/conv{index}/{name}"])


def golden_network():
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.Conv2d(8, 5, 1),
        nn.Conv2d(5, 7, (5, 3), padding=1),
        nn.Conv2d(7, 4, 1),
    )
    for index, layer in enumerate(network):
        layer.weight.data = golden(index, "weight_before")
        layer.bias.data = golden(index, "bias")
    return network


def golden_loss(network):
    y = network(torch.from_numpy(GOLDEN["binop/input"]))
    return y, y.square().mean() + y.mean()


def close(a, b, scale=1.0):
    torch.testing.assert_close(a.detach(), b, rtol=1e-5, atol=1e-6 * scale)


def sums_close(a, b):
    """For what convolutions sum: with other threads the order differs, and small sums cancel."""
    close(a, b, scale=b.abs().max().item())


def hand_loop(network, bin_op, batches, optimizer="sgd", accumulate=1):
    optimizer = make_optimizer(optimizer, network.parameters())
    bin_op.attach(network)
    for start in range(0, len(batches), accumulate):
        optimizer.zero_grad()
        for x, y in batches[start : start + accumulate]:
            bin_op.binarize_()
            ((network(x) - y).square().mean() / accumulate).backward()
            bin_op.restore_()
        bin_op.rescale_gradients_()
        optimizer.step()
        bin_op.clamp_()
    return network


def test_a_step_is_that_of_xnor_net_pytorch():
    network = golden_network()
    bin_op = BinOp().attach(network)
    bin_op.binarize_()
    for index, layer in enumerate(network):
        close(layer.weight, golden(index, "weight_binarized"))
    y, loss = golden_loss(network)
    sums_close(y, torch.from_numpy(GOLDEN["binop/output"]))
    loss.backward()
    for index, layer in enumerate(network):
        sums_close(layer.weight.grad, golden(index, "grad_wrt_binarized"))
        layer.weight.grad = golden(index, "grad_wrt_binarized")
    bin_op.restore_()
    bin_op.rescale_gradients_()
    for index, layer in enumerate(network):
        close(layer.weight, golden(index, "weight_restored"))
        close(layer.weight.grad, golden(index, "grad_rescaled"))


@pytest.mark.parametrize(
    ("scale_by_n", "name"), [(False, "grad_paper_adam"), (True, "grad_paper_sgd")]
)
def test_the_paper_rule_is_that_of_the_lua_release(scale_by_n, name):
    network = golden_network()
    bin_op = BinOp(rule="paper", scale_by_n=scale_by_n).attach(network)
    bin_op.binarize_()
    for index, layer in enumerate(network):
        layer.weight.grad = golden(index, "grad_wrt_binarized")
    bin_op.restore_()
    bin_op.rescale_gradients_()
    for index in (1, 2, 3):
        close(network[index].weight.grad, golden(index, name))


@pytest.mark.parametrize("make", [plain_network, binary_network])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_hand_written_loop_follows_the_formulas(make, rule, alpha):
    network = make()
    reference = PlainLoop(network, rule, alpha).train(batches_of())
    hand_loop(network, BinOp(rule, alpha), batches_of())
    assert_same(network, reference.network)


def test_without_arguments_plain_layers_get_the_rule_of_xnor_net():
    default = hand_loop(plain_network(), BinOp(), batches_of())
    named = hand_loop(plain_network(), BinOp(rule="chain", alpha="filter"), batches_of())
    assert_same(default, named, rtol=0, atol=0)


def test_binarynet_clamps_after_the_step_and_does_not_centre():
    network = binary_network(weight_rule=BINARYNET_RULE)
    for weight in inner_weights(network):
        weight.data *= 9
    reference = PlainLoop(network, "ste", "none", centre=False, clamp_after=True)
    hand_loop(network, BinOp(), batches_of())
    assert_same(network, reference.train(batches_of()).network)
    assert max(w.abs().max() for w in inner_weights(network)) == 1  # some are clamped


def test_each_layer_keeps_its_own_rule():
    network = binary_network()
    network[5].weight_rule = BINARYNET_RULE
    bin_op = BinOp().attach(network)
    latent = [centred_and_clamped(network[2].weight.detach()), network[5].weight.detach().clone()]
    bin_op.binarize_()
    torch.testing.assert_close(
        network[2].weight.detach(), scale_of(latent[0]) * negative_is_minus_one(latent[0])
    )
    assert torch.equal(network[5].weight, negative_is_minus_one(latent[1]))
    assert [t.rule.rule for t in bin_op.targets] == ["chain", "ste"]


def layer_and_input(kind, rule):
    torch.manual_seed(1)
    layer, x = {
        "conv1d": (BinaryConv1d(4, 6, 3, weight_rule=rule), torch.randn(3, 4, 9)),
        "conv2d": (BinaryConv2d(4, 6, 3, weight_rule=rule), torch.randn(3, 4, 6, 5)),
        "linear": (BinaryLinear(9, 6, weight_rule=rule), torch.randn(3, 9)),
    }[kind]
    return layer.double(), x.double()


@pytest.mark.parametrize("clamped", [False, True])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", ["conv1d", "conv2d", "linear"])
def test_a_layer_binarised_in_its_graph_gets_the_same_gradient(kind, rule, clamped):
    layer, x = layer_and_input(kind, WeightRule(rule=rule))
    if clamped:
        layer.weight.data *= 12
    in_graph = copy.deepcopy(layer)
    bin_op = BinOp().attach(layer)
    bin_op.binarize_()
    layer(x).square().sum().backward()
    bin_op.restore_()
    assert bool(layer.weight.abs().max() == 1) == clamped
    in_graph.weight.data = layer.weight.detach().clone()
    if clamped:  # where clamping has shifted the mean, centring again would move the weights
        in_graph.weight_rule = dataclasses.replace(layer.weight_rule, centre=False)
    bin_op.rescale_gradients_()
    in_graph(x).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, in_graph.weight.grad, rtol=1e-10, atol=1e-10)
    assert layer.weight.grad.abs().max() > 0


def test_micro_batches_are_centred_once_and_rescaled_once():
    network = plain_network()
    for weight in inner_weights(network):
        weight.data *= 4  # so that clamping shifts the mean, and centring twice would show
    reference = PlainLoop(network).train(batches_of(), accumulate=2)
    hand_loop(network, BinOp(), batches_of(), accumulate=2)
    assert_same(network, reference.network)


def test_binarising_twice_never_saves_binary_weights():
    network = plain_network()
    bin_op = BinOp().attach(network)
    latent = [centred_and_clamped(w.detach()) for w in inner_weights(network)]
    bin_op.binarize_()
    bin_op.binarize_()
    assert all(map(is_binary, inner_weights(network)))
    bin_op.restore_()
    bin_op.restore_()
    for weight, expected in zip(inner_weights(network), latent, strict=True):
        torch.testing.assert_close(weight.detach(), expected)


def test_two_forwards_may_share_one_backward():
    network = plain_network()
    (a, b, *_) = batches_of()
    reference = PlainLoop(network)
    reference.gradients([a, b])
    bin_op = BinOp().attach(network)
    losses = []
    for x, y in (a, b):
        bin_op.binarize_()
        losses.append((network(x) - y).square().mean() / 2)
    sum(losses).backward()
    bin_op.restore_()
    assert_same(network, reference.network)
    torch.testing.assert_close(network[2].weight.grad, reference.network[2].weight.grad)


def test_rescaling_puts_latent_weights_back_first():
    network = plain_network()
    reference = PlainLoop(network)
    reference.gradients(batches_of()[:1])
    reference.rescale()
    bin_op = BinOp().attach(network)
    bin_op.binarize_()
    x, y = batches_of()[0]
    (network(x) - y).square().mean().backward()
    bin_op.rescale_gradients_()
    assert_same(network, reference.network)
    for weight, other in zip(inner_weights(network), reference.weights, strict=True):
        torch.testing.assert_close(weight.grad, other.grad)


def test_gradients_given_by_hand_are_rescaled_as_the_pure_function_does():
    network = plain_network()
    bin_op = BinOp().attach(network)
    given = [torch.randn_like(w) for w in inner_weights(network)]
    for weight, gradient in zip(inner_weights(network), given, strict=True):
        weight.grad = gradient.clone()
    bin_op.rescale_gradients_()
    for weight, gradient in zip(inner_weights(network), given, strict=True):
        torch.testing.assert_close(weight.grad, rescale_gradient(weight.detach(), gradient))
        torch.testing.assert_close(weight.grad, rescaled(weight.detach(), gradient))


def test_a_weight_without_gradient_is_left_alone():
    network = plain_network()
    bin_op = BinOp().attach(network)
    bin_op.binarize_()
    bin_op.rescale_gradients_()
    assert all(w.grad is None and not is_binary(w) for w in inner_weights(network))


def test_weights_and_gradients_keep_their_addresses():
    network = plain_network()
    bin_op = BinOp().attach(network)
    weights = [w.data_ptr() for w in inner_weights(network)]
    gradients = []
    for x, y in batches_of():
        bin_op.binarize_()
        (network(x) - y).square().mean().backward()
        gradients.append([w.grad.data_ptr() for w in inner_weights(network)])
        bin_op.restore_()
        bin_op.rescale_gradients_()
        assert [w.grad.data_ptr() for w in inner_weights(network)] == gradients[0]
    assert [w.data_ptr() for w in inner_weights(network)] == weights


def test_zero_and_not_a_number_count_as_positive():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(4, 2), nn.Linear(3, 3))
    network[1].weight.data = torch.tensor([[0.0, -0.0, -1.0, 0.5], [torch.nan, 1.0, 0.0, -0.5]])
    BinOp(alpha="none", centre=False).attach(network).binarize_()
    assert network[1].weight.tolist() == [[1, 1, -1, 1], [1, 1, 1, -1]]


def test_a_module_that_has_moved_to_another_dtype_is_saved_in_it():
    network = plain_network(torch.float32)
    bin_op = BinOp().attach(network)
    bin_op.binarize_()
    bin_op.restore_()
    network.double()
    for weight in inner_weights(network):
        weight.data = torch.randn_like(weight)  # float32 could not hold it
    latent = [centred_and_clamped(w.detach()) for w in inner_weights(network)]
    bin_op.rescale_gradients_()
    bin_op.binarize_()
    bin_op.restore_()
    for weight, expected in zip(inner_weights(network), latent, strict=True):
        torch.testing.assert_close(weight.detach(), expected, rtol=1e-14, atol=1e-15)


def test_evaluation_by_hand_gives_plain_layers_back_as_they_were():
    network = plain_network().eval()
    before = copy.deepcopy(network.state_dict())
    latent = [centred_and_clamped(w.detach()) for w in inner_weights(network)]
    bin_op = BinOp().attach(network)
    with torch.inference_mode():
        bin_op.binarize_()
        for weight, values in zip(inner_weights(network), latent, strict=True):
            torch.testing.assert_close(
                weight.detach(), scale_of(values) * negative_is_minus_one(values)
            )
        bin_op.restore_()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    hand_loop(network.train(), bin_op, batches_of())  # what inference saved is no obstacle


@pytest.mark.parametrize("make", [plain_network, binary_network])
def test_a_training_step_in_eval_mode_is_refused(make):
    network = make().eval()
    bin_op = BinOp().attach(network)
    bin_op.binarize_()
    network(samples()[0][:4]).sum().backward()
    with pytest.raises(RuntimeError, match=r"eval mode.*train\(\)"):
        bin_op.rescale_gradients_()
    assert not any(map(is_binary, inner_weights(network)))


def test_evaluation_by_hand_leaves_binary_layers_to_themselves():
    network = binary_network().eval()
    before = copy.deepcopy(network.state_dict())
    bin_op = BinOp().attach(network)
    bin_op.binarize_()
    assert not network[2].holds_binary_weight
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_forgotten_restore_between_evaluation_and_training_does_no_harm():
    network = plain_network()
    reference = PlainLoop(network).train(batches_of())
    bin_op = BinOp().attach(network)
    network.eval()
    bin_op.binarize_()
    network.train()
    bin_op.binarize_()
    bin_op.restore_()
    hand_loop(network, bin_op, batches_of())
    assert_same(network, reference.network)


def test_an_argument_overrides_the_layers_rule_and_evaluation_follows():
    network = binary_network(weight_rule=BINARYNET_RULE)
    bin_op = BinOp(alpha="layer", centre=True).attach(network)
    expected = dataclasses.replace(BINARYNET_RULE, alpha="layer", centre=True)
    assert network[2].weight_rule == network[5].weight_rule == expected
    assert [t.rule for t in bin_op.targets] == [expected, expected]
    layer, x = network[5].eval(), torch.randn(2, 24, dtype=torch.float64)
    latent = centred_and_clamped(layer.weight.detach())
    y = negative_is_minus_one(x) @ negative_is_minus_one(latent).T * latent.abs().mean()
    torch.testing.assert_close(layer(x).detach(), y + layer.bias.detach())


def test_without_arguments_a_layers_rule_stays_as_it_is():
    network = binary_network(weight_rule=BINARYNET_RULE)
    BinOp().attach(network)
    assert network[2].weight_rule is BINARYNET_RULE or network[2].weight_rule == BINARYNET_RULE


def test_gradient_norms_are_there_when_asked_for():
    network = plain_network()
    bin_op = BinOp().attach(network)
    for x, y in batches_of()[:1]:
        bin_op.binarize_()
        (network(x) - y).square().mean().backward()
        bin_op.restore_()
    before = [w.grad.norm().item() for w in inner_weights(network)]
    bin_op.measure_gradients = True
    bin_op.rescale_gradients_()
    after = [w.grad.norm().item() for w in inner_weights(network)]
    assert list(bin_op.gradient_norms) == [t.name for t in bin_op.targets] == ["2", "5"]
    values = [[norm.item() for norm in pair] for pair in bin_op.gradient_norms.values()]
    assert values == [pytest.approx(pair) for pair in zip(before, after, strict=True)]
    bin_op.measure_gradients = False
    bin_op.rescale_gradients_()
    assert bin_op.gradient_norms == {}


def test_binary_layers_are_told_what_their_weight_holds():
    network = binary_network()
    bin_op = BinOp().attach(network)
    bin_op.binarize_()
    assert network[2].holds_binary_weight
    x, _ = samples()
    hidden = torch.tanh(network[0](x))
    expected = nn.functional.conv2d(
        negative_is_minus_one(hidden), network[2].weight, network[2].bias
    )
    torch.testing.assert_close(network[2](hidden), expected)
    bin_op.restore_()
    assert not network[2].holds_binary_weight


def test_attaching_elsewhere_restores_the_first_module():
    first, second = plain_network(), plain_network()
    bin_op = BinOp().attach(first)
    bin_op.binarize_()
    bin_op.attach(second).binarize_()
    assert not any(map(is_binary, inner_weights(first)))
    assert all(map(is_binary, inner_weights(second)))


def test_before_attach_there_is_nothing_to_binarise():
    with pytest.raises(RuntimeError, match=r"attach\(module\)"):
        BinOp().binarize_()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [({"rule": "chian"}, "rule='chian'.*chain, paper, ste"), ({"alpha": "row"}, "alpha='row'")],
)
def test_an_unknown_value_is_refused_at_once(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        BinOp(**arguments)


def test_it_is_exported_and_moves_before_the_other_callbacks(tmp_path):
    assert xnorkit.BinOp is BinOp
    other, bin_op = xnorkit.callbacks.BinOp(targets="network.5"), BinOp(targets="network.2")
    run = trainer(tmp_path, other, bin_op)
    run.fit(Regression(plain_network()))
    assert run.callbacks[:2] == [bin_op, other]
    assert [t.name for t in bin_op.targets] == ["network.2"]
