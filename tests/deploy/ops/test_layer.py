"""Filters in the file's order, one bit each."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from torch import nn

from xnorkit.deploy.ops.layer import pack_filters
from xnorkit.deploy.unsupported import Unsupported


def test_bits_lie_in_the_order_rows_columns_channels():
    weight = torch.ones(2, 1, 3, 4)  # (C_out, kh, kw, C_in)
    weight[0, 0, 0, 1] = -1  # bit 1
    weight[0, 0, 2, 3] = -1  # bit 11
    weight[1] = -1
    np.testing.assert_array_equal(pack_filters(weight), [[2, 8], [255, 15]])


def test_zero_is_plus_one_and_filler_is_zero():
    np.testing.assert_array_equal(pack_filters(torch.zeros(1, 1, 1, 3)), [[0]])
    np.testing.assert_array_equal(pack_filters(-torch.ones(1, 1, 1, 3)), [[7]])


@pytest.mark.parametrize(
    ("layer", "shape", "sentence"),
    [
        (nn.Conv2d(1, 1, 1, padding_mode="circular"), (1, 3, 3), "padding_mode='circular'"),
        (nn.Linear(3, 2), (1, 3, 3), "flatten it before"),
    ],
)
def test_a_kernel_that_does_not_stand_on_a_map_is_refused(layer, shape, sentence):
    with pytest.raises(Unsupported, match=sentence):
        outputs(nn.Sequential(layer), torch.randn(1, *shape))
