"""Average pools against torch, with borders and windows that reach over them."""

import itertools

import numpy as np
import pytest
import torch
from interpreter import outputs
from random_networks import settle
from torch import nn

from xnorkit.deploy.lower import lower
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.deploy.validate import exact_values
from xnorkit.nn import BinaryConv2d


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


def test_torch_sums_a_window_in_one_order_in_every_memory_format():
    torch.manual_seed(0)
    for pool in (nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(8), nn.AvgPool2d(5, 3, 2, True, False)):
        for channels in (3, 70):  # vectors of 8 and 16, and their tails
            x = 3 * torch.randn(2, channels, 9, 11)
            _, got, _ = outputs(pool, x)
            for layout in (torch.contiguous_format, torch.channels_last):
                wanted = pool(x.contiguous(memory_format=layout))
                np.testing.assert_array_equal(got, wanted.numpy())


def test_what_follows_a_windowed_pool_stays_exact_and_what_follows_a_mean_does_not():
    for pool, exact in ((nn.AvgPool2d(2), True), (nn.AdaptiveAvgPool2d(2), False)):
        lowered = lower(nn.Sequential(pool, BinaryConv2d(3, 4, 2)), torch.zeros(1, 3, 4, 4))
        assert exact_values(lowered)[0][1:] == [exact] * (len(lowered.program.values) - 1)


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


def test_what_comes_before_a_windowed_pool_is_an_op_that_is_compared_with_torch():
    network = nn.Sequential(BinaryConv2d(3, 4, 1), nn.ReLU(), nn.AvgPool2d(2))
    lowered = lower(network.eval(), torch.zeros(1, 3, 4, 8))
    kinds = [op.kind for op in lowered.program.ops]
    assert kinds == ["threshold", "binary_conv2d", "pointwise", "average_pool"]
    assert lowered.checks.keys() == {lowered.program.ops[2].name}
    assert lowered.departures() == {}


def test_windows_that_differ_and_vectors_are_refused():
    with pytest.raises(Unsupported, match="windows differ"):
        outputs(nn.AdaptiveAvgPool2d(3), torch.randn(1, 3, 4, 8))
    with pytest.raises(Unsupported, match="needs a map"):
        outputs(nn.Sequential(nn.Flatten(), nn.AvgPool1d(2)), torch.randn(1, 3, 4))
