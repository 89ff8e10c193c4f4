"""Windows: output sizes are torch's."""

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from xnorkit.deploy.ops.geometry import convolution_window, pair, pool_window
from xnorkit.deploy.ops.op import Map

small = st.integers(1, 4)


@given(st.integers(1, 12), small, small, small, st.integers(0, 3))
def test_convolutions_have_torchs_size(size, kernel, stride, dilation, padding):
    assume(size + 2 * padding >= dilation * (kernel - 1) + 1)
    layer = nn.Conv2d(1, 1, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1))
    window = convolution_window(
        Map(size, 5, 1), (kernel, 1), (stride, 1), (dilation, 1), (padding, padding, 0, 0)
    )
    assert (window.out_h, window.out_w) == tuple(layer(torch.zeros(1, 1, size, 5)).shape[2:])


@given(st.integers(1, 12), small, small, small, st.integers(0, 2), st.booleans())
def test_pools_have_torchs_size(size, kernel, stride, dilation, padding, up):
    assume(padding <= kernel // 2)
    assume(size + 2 * padding >= dilation * (kernel - 1) + 1)
    pool = nn.MaxPool2d((kernel, 1), (stride, 1), (padding, 0), (dilation, 1), ceil_mode=up)
    window = pool_window(Map(size, 3, 1), (kernel, 1), (stride, 1), (padding, 0), (dilation, 1), up)
    assert (window.out_h, window.out_w) == tuple(pool(torch.zeros(1, 1, size, 3)).shape[2:])


def test_a_size_is_one_number_an_axis():
    assert pair(3, 1, 1) == (1, 3)
    assert pair((2,), 0, 1) == (0, 2)
    assert pair(3, 1, 2) == (3, 3)
    assert pair([2, 5], 1, 2) == (2, 5)
