"""Binary layers against torch: sums to the bit, thresholds to the bit."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from random_networks import settle
from torch import nn

from xnorkit.binarize import WeightRule
from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLinear

LAYERS = [
    BinaryConv2d(5, 7, 3),
    BinaryConv2d(66, 3, (1, 3), padding=(0, 1), padding_value=-1),
    BinaryConv2d(6, 9, 3, stride=(2, 1), padding=1, groups=3, padding_value=1),
    BinaryConv2d(4, 4, (3, 2), padding="same", dilation=(1, 2)),
    BinaryConv2d(4, 8, 3, weight_rule=WeightRule(centre=False, alpha="layer")),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_sums_scales_and_biases_are_torchs_to_the_bit(layer):
    channels = layer.in_channels
    wanted, got, _ = outputs(nn.Sequential(layer), torch.randn(3, channels, 7, 8))
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_thresholds_give_the_next_layers_input_bits(layer):
    torch.manual_seed(1)
    out = layer.out_channels
    network = settle(nn.Sequential(layer, nn.BatchNorm2d(out), BinaryConv2d(out, 40, 1)), 2)
    wanted, got, program = outputs(network, torch.randn(3, layer.in_channels, 7, 8))
    np.testing.assert_array_equal(got, wanted)
    assert [op.kind for op in program.ops].count("threshold") == 1  # of the input alone


def test_a_sequence_and_a_vector_are_maps_too():
    network = nn.Sequential(BinaryConv1d(3, 5, 2, 2), nn.Flatten(), BinaryLinear(20, 6))
    wanted, got, _ = outputs(settle(network, 1), torch.randn(3, 3, 8))
    np.testing.assert_array_equal(got, wanted)


def test_a_weight_takes_one_bit():
    _, _, program = outputs(nn.Sequential(BinaryConv2d(5, 7, 3)), torch.randn(1, 5, 4, 4))
    assert program.tensor_specs()["0.weight"] == ("uint8", (7, -(-45 // 8)))
