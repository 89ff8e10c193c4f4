"""Real values → planes of codes: every float has torch's code."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from random_networks import settle
from torch import nn

from xnorkit.binarize import WeightRule
from xnorkit.deploy.fold import Thresholds
from xnorkit.deploy.lower import lower
from xnorkit.deploy.ops.quantise import BelowLevel, common_direction
from xnorkit.nn import BinaryConv2d, BinaryLinear

PLAIN = WeightRule(centre=False, alpha="none", rule="ste")


def planes(network, x):
    """What the program's quantise gives for x: u of each element, (C, N)."""
    lowered = lower(network, x[:1])
    op = next(op for op in lowered.program.ops if op.kind == "quantise")
    tensors = lowered.tensors()
    threshold, flip = (tensors[f"{op.name}.{field}"].numpy() for field in ("threshold", "flip"))
    assert threshold.shape == (2**op.bits - 1, x.shape[1])
    return sum((x.numpy() < level) == flip.astype(bool) for level in threshold)


@pytest.mark.parametrize("of", ["signed", "unit"])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_codes_are_torchs_on_ties_and_on_the_floats_beside_them(bits, of):
    layer = BinaryLinear(1, 1, weight_rule=PLAIN, input_bits=bits, input_range=of).eval()
    low = -1 if of == "signed" else 0
    ties = torch.linspace(low, 1, 2 * 2**bits - 1)[:, None]
    x = torch.cat([ties, torch.nextafter(ties, ties + 1), torch.nextafter(ties, ties - 1)])
    x = torch.cat([x, torch.randn(99, 1), torch.tensor([[-0.0], [1e38], [-1e38], [1e-42]])])
    np.testing.assert_array_equal(planes(nn.Sequential(layer), x), layer.input_steps(x).int())


def test_batch_norms_of_both_signs_fall_and_rise():
    torch.manual_seed(0)
    layer = BinaryLinear(40, 3, weight_rule=PLAIN, input_bits=3, input_range="unit")
    network = settle(nn.Sequential(nn.BatchNorm1d(40), nn.Hardtanh(), layer), 3)
    x = 3 * torch.randn(500, 40)
    wanted = layer.input_steps(network[:2](x)).int().detach()
    assert wanted.unique().numel() == 8
    np.testing.assert_array_equal(planes(network, x), wanted)


def test_a_pool_before_it_is_one_of_reals():
    torch.manual_seed(0)
    layer = BinaryConv2d(4, 5, 3, weight_rule=PLAIN, input_bits=2)
    network = nn.Sequential(nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.BatchNorm2d(4), layer)
    wanted, got, program = outputs(settle(network, 1), torch.randn(2, 4, 9, 9))
    np.testing.assert_array_equal(got, wanted)
    kinds = [op.kind for op in program.ops]
    assert kinds == ["pointwise", "max_pool", "quantise", "bitplane_conv2d", "pointwise"]


def test_levels_that_a_channel_never_reaches_take_its_direction():
    rising, falling, never = 0, 1, torch.inf
    levels = [
        Thresholds(torch.tensor([1.0, 4.0, -never]), torch.tensor([rising, falling, 0]).byte()),
        Thresholds(torch.tensor([2.0, never, never]), torch.tensor([rising, 0, 0]).byte()),
    ]
    threshold, flip = common_direction(levels)
    assert flip.tolist() == [0, 1, 0]
    assert threshold.tolist() == [[1, 4, -never], [2, -never, never]]
    for value in (-1e30, 3.0, 5.0):
        x = torch.full((3,), value)
        for level, one in zip(levels, threshold, strict=True):
            assert torch.equal((x < one) != flip.bool(), level.bits(x))


def test_below_level_is_negative_where_the_code_is():
    layer = BinaryLinear(1, 1, weight_rule=PLAIN, input_bits=2, input_range="unit")
    x = torch.tensor([-1.0, 0.1, 0.2, 0.5, 0.51, 0.9, 2.0])
    u = torch.tensor([0, 0, 1, 2, 2, 3, 3])
    for level in (1, 2, 3):
        assert torch.equal(BelowLevel(layer, level)(x) < 0, u < level)
