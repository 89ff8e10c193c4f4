"""K of XNOR-Net against torch."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from torch import nn

from xnorkit.nn import BinaryConv2d, BinaryLinear


@pytest.mark.parametrize("scale", ["map", "tensor"])
@pytest.mark.parametrize("norm", [True, False])
def test_sums_times_k_are_torchs_within_rounding(scale, norm):
    torch.manual_seed(0)
    before = [nn.BatchNorm2d(5)] if norm else []
    layer = BinaryConv2d(5, 7, 3, stride=2, padding=1, input_scale=scale)
    wanted, got, program = outputs(nn.Sequential(*before, layer), torch.randn(3, 5, 8, 9))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    assert {"input_scale", "multiply"} <= {op.kind for op in program.ops}


@pytest.mark.parametrize("scale", ["map", "tensor"])
def test_a_linear_layers_k_is_one_number_a_sample(scale):
    layer = BinaryLinear(9, 4, input_scale=scale)
    wanted, got, _ = outputs(nn.Sequential(layer), torch.randn(3, 9))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
