"""What BinOp leaves in place whatever order it is called in, and what it refuses."""

import copy
import dataclasses

import pytest
import torch
from binop_cases import (
    PlainLoop,
    Regression,
    assert_same,
    batches_of,
    binary_network,
    centred_and_clamped,
    hand_loop,
    inner_weights,
    is_binary,
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
from xnorkit.binarize import BINARYNET_RULE, rescale_gradient


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
