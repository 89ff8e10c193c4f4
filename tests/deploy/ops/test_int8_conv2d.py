"""int8 stems against torch: exact to the bit."""

import numpy as np
import torch
from interpreter import outputs
from random_networks import settle
from torch import nn

from xnorkit.nn import BinaryConv2d
from xnorkit.nn.int8_stem import Int8Conv2d, Int8Linear


def test_a_stem_is_torchs_to_the_bit():
    torch.manual_seed(0)
    network = nn.Sequential(Int8Conv2d(2, 9, (5, 3), 2, (2, 1)), nn.BatchNorm2d(9), nn.ReLU())
    wanted, got, _ = outputs(settle(network, 1), 3 * torch.randn(4, 2, 9, 9))
    np.testing.assert_array_equal(got, wanted)


def test_signs_after_it_are_torchs_to_the_bit():
    torch.manual_seed(0)
    network = nn.Sequential(
        Int8Conv2d(1, 40, 3, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(40), nn.ReLU(),
        nn.BatchNorm2d(40), BinaryConv2d(40, 8, 3),
    )  # fmt: skip
    wanted, got, program = outputs(settle(network, 1), torch.randn(4, 1, 12, 12))
    assert [op.kind for op in program.ops][:3] == ["int8_conv2d", "max_pool", "binary_conv2d"]
    np.testing.assert_array_equal(got, wanted)


def test_a_linear_stem_is_torchs_to_the_bit():
    wanted, got, _ = outputs(nn.Sequential(nn.Flatten(), Int8Linear(12, 5)), torch.randn(4, 3, 4))
    np.testing.assert_array_equal(got, wanted)
