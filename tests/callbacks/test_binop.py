"""xnorkit.callbacks.binop by hand: golden vectors, and the formulas in a hand-written loop."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from binop_cases import (
    PlainLoop,
    assert_same,
    batches_of,
    binary_network,
    centred_and_clamped,
    hand_loop,
    inner_weights,
    negative_is_minus_one,
    plain_network,
    scale_of,
)
from torch import nn

from xnorkit import BinOp
from xnorkit.binarize import BINARYNET_RULE, WeightRule
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
