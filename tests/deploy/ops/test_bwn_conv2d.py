"""Layers of ±1 weights and real input against torch in float64."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from torch import nn

from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryConv2d, BinaryLinear


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (BinaryConv2d(5, 7, 3, padding=1, input_sign=None), (5, 6, 7)),
        (BinaryConv2d(6, 4, (2, 1), stride=2, groups=2, bias=False, input_sign=None), (6, 6, 7)),
        (BinaryLinear(9, 4, input_sign=None), (9,)),
    ],
    ids=["padded", "grouped", "linear"],
)
def test_the_output_is_torchs_within_rounding(layer, shape):
    wanted, got, program = outputs(nn.Sequential(layer), torch.randn(3, *shape))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    assert program.tensor_specs()["0.weight"][0] == "uint8"


def test_a_sign_after_it_is_folded_into_it():
    network = nn.Sequential(BinaryConv2d(3, 9, 3, input_sign=None), BinaryConv2d(9, 4, 1))
    wanted, got, program = outputs(network, torch.randint(-4, 5, (3, 3, 6, 6)).float())
    assert [op.kind for op in program.ops][:2] == ["bwn_conv2d", "binary_conv2d"]
    np.testing.assert_array_equal(got, wanted)


def test_a_border_of_ones_around_real_values_is_refused():
    layer = BinaryConv2d(5, 7, 3, padding=1, padding_value=1, input_sign=None)
    with pytest.raises(Unsupported, match="padding_value=1 with a real input"):
        outputs(nn.Sequential(layer), torch.randn(1, 5, 6, 7))
