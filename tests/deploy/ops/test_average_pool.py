"""Average pools against torch, with borders and windows that reach over them."""

import itertools

import numpy as np
import pytest
import torch
from interpreter import outputs
from random_networks import settle
from torch import nn

from xnorkit.deploy.unsupported import Unsupported


@pytest.mark.parametrize(
    ("ceil", "count", "divisor"), list(itertools.product([False, True], [False, True], [None, 3]))
)
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), ((2, 3), (1, 2), (1, 0)), (3, 3, 1)]
)
def test_a_windowed_pool_is_torchs(kernel, stride, padding, ceil, count, divisor):
    pool = nn.AvgPool2d(kernel, stride, padding, ceil, count, divisor)
    wanted, got, _ = outputs(pool, torch.randn(2, 3, 7, 8))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1, (2, 4), (None, 1), (4, None)])
def test_an_adaptive_pool_of_equal_windows_is_torchs(size):
    wanted, got, _ = outputs(nn.AdaptiveAvgPool2d(size), torch.randn(2, 3, 4, 8))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pool", [nn.AvgPool1d(3, 2, 1, True, False), nn.AdaptiveAvgPool1d(3)])
def test_pools_of_sequences_are_torchs(pool):
    wanted, got, _ = outputs(pool, torch.randn(2, 3, 9))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_what_comes_before_a_pool_is_done_while_it_reads():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    wanted, got, program = outputs(settle(network, 1), torch.randn(2, 3, 4, 8))
    assert [op.kind for op in program.ops] == ["average_pool"]
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_elements_under_several_windows_are_computed_before():
    network = nn.Sequential(nn.ReLU(), nn.AvgPool2d(3, 1))
    wanted, got, program = outputs(network, torch.randn(2, 3, 4, 8))
    assert [op.kind for op in program.ops] == ["pointwise", "average_pool"]
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_windows_that_differ_and_vectors_are_refused():
    with pytest.raises(Unsupported, match="windows differ"):
        outputs(nn.AdaptiveAvgPool2d(3), torch.randn(1, 3, 4, 8))
    with pytest.raises(Unsupported, match="needs a map"):
        outputs(nn.Sequential(nn.Flatten(), nn.AvgPool1d(2)), torch.randn(1, 3, 4))
