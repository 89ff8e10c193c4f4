"""LSQ in training: gradients by the closed form, steps that suit weights and inputs."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from int8_cases import KINDS, conv, pair, spread
from torch import nn

from xnorkit.nn import Int8Linear
from xnorkit.nn.int8_stem import INPUT_UNIT


def lsq(values, step):
    """Esser et al. 2020, eq. 2, 3, 5: value, and its derivatives by value and step."""
    ratio = values / step
    whole = ratio.round().clamp(-127, 127)
    inside = ratio.abs() < 127
    return whole * step, inside.double(), torch.where(inside, whole - ratio, whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("input_gradient", [True, False])
@pytest.mark.parametrize("frozen", [False, True])
def test_gradients_are_lsqs_closed_form(kind, input_gradient, frozen):
    layer, x = pair(kind)
    layer, x = spread(layer).double(), (2 * x.double()).requires_grad_(input_gradient)
    layer.raw_input_step.requires_grad_(not frozen)
    gradient = torch.randn_like(layer(x))
    layer(x).backward(gradient)

    axes = tuple(range(1, layer.weight.dim()))
    r_x, r_w = layer.raw_input_step.detach(), layer.raw_weight_step.detach()
    features, n = x[0].numel(), layer.weight[0].numel()
    u_x, u_w = 4 / 127, 1 / math.sqrt(n * 127)
    s_x = u_x / (1 - r_x)  # −0.3
    s_w = torch.where(r_w < 0, u_w / (1 - r_w), u_w * (1 + r_w)).reshape(-1, *[1] * len(axes))
    x_hat, x_inside, x_by_step = lsq(x.detach(), s_x)
    w_hat, w_inside, w_by_step = lsq(layer.weight.detach(), s_w)
    x_hat.requires_grad_()
    w_hat.requires_grad_()
    y = layer.linear_map(x_hat, w_hat, layer.bias.detach())
    y.backward(gradient)

    torch.testing.assert_close(layer(x), y)
    torch.testing.assert_close(layer.weight.grad, w_hat.grad * w_inside)
    slope = torch.where(r_w < 0, (1 - r_w) ** -2, 1.0) * u_w / (u_w**2 * math.sqrt(n * 127))
    expected = (w_hat.grad * w_by_step).sum(axes) * slope
    torch.testing.assert_close(layer.raw_weight_step.grad, expected)
    if input_gradient:
        torch.testing.assert_close(x.grad, x_hat.grad * x_inside)
    if frozen:
        assert layer.raw_input_step.grad is None
    else:
        slope = (1 - r_x) ** -2 * u_x / (u_x**2 * math.sqrt(features * 127))
        expected = (x_hat.grad * x_by_step).sum() * slope
        torch.testing.assert_close(layer.raw_input_step.grad, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_passes_lsqs_gradients_unscaled(kind):
    layer, x = pair(kind)
    layer = spread(layer).double().eval()
    x = x.double().requires_grad_()
    layer(x).square().sum().backward()
    found = {n: p.grad for n, p in layer.named_parameters()}
    given, layer = x.grad, copy.deepcopy(layer).train()
    layer.zero_grad()
    x.grad = None
    layer(x).square().sum().backward()
    torch.testing.assert_close(given, x.grad)
    torch.testing.assert_close(found["weight"], layer.weight.grad)
    n = layer.weight[0].numel()
    scale = 1 / (math.sqrt(n * 127) * (1 / math.sqrt(n * 127)) ** 2)
    torch.testing.assert_close(found["raw_weight_step"] * scale, layer.raw_weight_step.grad)


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
def test_steps_stay_positive_under_rates_that_are_far_too_high(optimizer):
    layer, x = pair("conv")
    steps = optimizer(layer.parameters(), lr=1.0)
    for _ in range(30):
        steps.zero_grad()
        (layer(x) - 1).square().mean().backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 10.0)
        steps.step()
        assert layer.input_step() > 0
        assert (layer.quantised_weight()[1] > 0).all()
        assert layer(x).isfinite().all()


def test_weight_decay_alone_pulls_steps_to_their_usual_size():
    layer = spread(conv())
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(200):
        for parameter in layer.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    assert layer.input_step() == pytest.approx(INPUT_UNIT, rel=0.05)
    usual = 1 / math.sqrt(18 * 127)
    torch.testing.assert_close(
        layer.quantised_weight()[1], torch.full((6,), usual), rtol=0.1, atol=0
    )


def test_the_input_step_learns_the_range_of_its_input():
    torch.manual_seed(0)
    layer = Int8Linear(16, 16, bias=False)
    target = torch.randn(16, 16)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(300):
        x = 20 * torch.randn(64, 16)  # five times past ±127 steps at the start
        optimizer.zero_grad()
        F.mse_loss(layer(x), x @ target.T).backward()
        optimizer.step()
    assert 127 * layer.input_step() > 20


def test_a_training_step_is_the_same_for_every_split_of_the_batch():
    # As DDP averages: N of LSQ's scale counts no samples.
    layer, x = pair("conv")
    x = torch.cat([x, x + 1])
    (layer(x).square().mean()).backward()
    whole = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    for half in x.split(3):
        (layer(half).square().mean() / 2).backward()
    for gradient, parameter in zip(whole, layer.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
