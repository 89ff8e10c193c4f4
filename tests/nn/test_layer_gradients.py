"""What flows back through the binary layers: in training, under BinOp, in evaluation."""

import copy

import pytest
import torch
from layer_kinds import KINDS, example, make
from torch import nn

from xnorkit.binarize import (
    ESTIMATORS,
    WeightRule,
    binarize_weight,
    centre_and_clamp,
    rescale_gradient,
)
from xnorkit.nn import BinaryLinear


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", ["chain", "paper", "ste"])
def test_the_in_graph_gradient_is_the_rescaled_one_of_the_binary_weight(kind, rule):
    # Latent weights as BinOp leaves them: centred, clamped (and none of them at the border).
    layer = make(kind, weight_rule=WeightRule(rule=rule)).double()
    with torch.no_grad():
        layer.weight.copy_(centre_and_clamp(layer.weight))
    x = example(kind, torch.float64)
    layer(x).square().sum().backward()

    swapped = copy.deepcopy(layer)
    latent = layer.weight.detach().clone()
    signs, alpha = binarize_weight(latent)
    with torch.no_grad():
        swapped.weight.copy_(signs * alpha)
    swapped.holds_binary_weight = True
    swapped.zero_grad()
    swapped(x).square().sum().backward()
    expected = rescale_gradient(latent, swapped.weight.grad, rule)
    torch.testing.assert_close(layer.weight.grad, expected)


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_held_binary_weight_is_used_as_it_is(kind, mode):
    layer = make(kind).train(mode)
    layer.holds_binary_weight = True
    x = example(kind)
    signs = torch.where(x < 0, -1.0, 1.0)
    torch.testing.assert_close(layer(x), layer.linear_map(signs, layer.weight, layer.bias))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("mode", [True, False])
def test_the_input_gets_its_estimators_gradient(name, mode):
    rule = WeightRule(centre=False, alpha="none")
    layer = BinaryLinear(6, 4, input_sign=name, weight_rule=rule).train(mode)
    x = (0.8 * torch.randn(3, 6)).requires_grad_()
    layer(x).backward(torch.full((3, 4), 0.1))
    signs = torch.where(layer.weight.detach() < 0, -1.0, 1.0)
    twin = x.detach().requires_grad_()
    ESTIMATORS[name](twin).backward(torch.full((3, 4), 0.1) @ signs)
    torch.testing.assert_close(x.grad, twin.grad)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_passes_gradients_by_the_true_chain_rule(kind):
    layer = make(kind, weight_rule=WeightRule(centre=False), input_sign="ste_identity").eval()
    x = example(kind).requires_grad_()
    layer(x).square().sum().backward()
    rule = WeightRule(centre=False, centre_factor=False, scale_by_n=False)
    training = make(kind, weight_rule=rule, input_sign="ste_identity")
    training.load_state_dict(layer.state_dict())
    twin = x.detach().requires_grad_()
    training(twin).square().sum().backward()
    assert x.grad.abs().sum() > 0
    torch.testing.assert_close(x.grad, twin.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.weight.grad, training.weight.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(layer.bias.grad, training.bias.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_training_under_autocast_runs_in_sixteen_bits_with_float32_gradients(kind):
    layer = make(kind)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(example(kind))
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert layer.weight.grad.dtype == torch.float32
    assert layer.weight.grad.isfinite().all()


def test_in_graph_layers_learn():
    layer = BinaryLinear(20, 1, weight_rule=WeightRule(centre=False))
    x = torch.randn(256, 20)
    target = torch.where(x < 0, -1.0, 1.0) @ torch.where(torch.randn(20, 1) < 0, -0.1, 0.1)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.01)
    before = nn.functional.mse_loss(layer(x), target).item()
    for _ in range(150):
        optimiser.zero_grad()
        nn.functional.mse_loss(layer(x), target).backward()
        optimiser.step()
    assert nn.functional.mse_loss(layer.eval()(x), target).item() < 0.1 * before
