"""xnorkit.tasks.learning_rates, beside one step of the optimiser."""

from functools import partial
from math import sqrt

import pytest
import torch
from torch import nn

from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.tasks.learning_rates import glorot_coefficient, require_lr_scale, scaled_optimizer

NETWORK = nn.Sequential(
    nn.Conv2d(1, 4, 3),
    BinaryConv2d(4, 6, (3, 2)),
    nn.BatchNorm2d(6),
    nn.Flatten(),
    BinaryLinear(30, 20),
    BinaryLinear(20, 30, bias=False),
    nn.Linear(30, 2),
)
FACTORS = {
    "1.weight": sqrt((4 * 6 + 6 * 6) / 1.5),  # fans count the 3·2 taps
    "4.weight": sqrt(50 / 1.5),
    "5.weight": sqrt(50 / 1.5),
}


def steps(lr_scale, make):
    """Name → how far a gradient of ones moves each parameter, in units of the rate 0.125."""
    before = {n: p.detach().clone() for n, p in NETWORK.named_parameters()}
    optimizer = scaled_optimizer(make, NETWORK, lr_scale)
    for parameter in NETWORK.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return {n: (before[n] - p.detach()) / 0.125 for n, p in NETWORK.named_parameters()}


@pytest.mark.parametrize(("lr_scale", "power"), [("none", 0), ("glorot", 1), ("glorot_squared", 2)])
@pytest.mark.parametrize(
    "make", [partial(torch.optim.SGD, lr=0.125), partial(torch.optim.Adam, lr=0.125)]
)
def test_binary_weights_alone_move_by_their_factor(lr_scale, power, make):
    for name, moved in steps(lr_scale, make).items():
        expected = torch.full_like(moved, FACTORS.get(name, 1.0) ** power)
        torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-4)


def test_the_coefficient_of_the_papers_mlp():
    assert glorot_coefficient(torch.empty(6144, 6144)) == pytest.approx(90.51, abs=0.01)


def test_a_schedule_keeps_the_factors():
    optimizer = scaled_optimizer(partial(torch.optim.SGD, lr=0.1), NETWORK, "glorot")
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5)
    rates = schedule.get_last_lr()
    assert rates[0] == pytest.approx(0.05)
    assert sorted(rates[1:]) == pytest.approx(sorted({0.05 * f for f in FACTORS.values()}))


def test_frozen_parameters_are_left_out():
    layer = BinaryLinear(3, 2)
    layer.bias.requires_grad_(False)
    (group,) = scaled_optimizer(partial(torch.optim.SGD, lr=1.0), layer, "glorot").param_groups
    assert group["params"] == [layer.weight]


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match="task.lr_scale=paper: choose one of none, glorot"):
        require_lr_scale("paper")
