"""Max-pools of values and of signs against torch."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from random_networks import settle
from torch import nn

from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryConv2d

POOLS = [
    nn.MaxPool2d(2),
    nn.MaxPool2d(2, ceil_mode=True),
    nn.MaxPool2d(3, 2, 1),
    nn.MaxPool2d((2, 3), (1, 2), (1, 1), ceil_mode=True),
    nn.MaxPool2d(2, 1, 0, 2),
]


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_values_are_torchs_to_the_bit(pool):
    wanted, got, _ = outputs(pool, torch.randn(2, 3, 7, 8))
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("norm_first", [True, False])
def test_signs_are_pooled_as_bits_for_both_signs_of_gamma(pool, norm_first):
    torch.manual_seed(0)
    between = [nn.BatchNorm2d(12), pool] if norm_first else [pool, nn.BatchNorm2d(12)]
    last = BinaryConv2d(12, 4, 1, bias=False)
    network = settle(nn.Sequential(BinaryConv2d(3, 12, 3), *between, last), 3)
    wanted, got, program = outputs(network, torch.randn(4, 3, 9, 9))
    np.testing.assert_array_equal(got, wanted)
    [pooled] = [op for op in program.ops if op.kind == "max_pool"]
    assert program.values[pooled.output].kind == "bits"


def test_what_is_no_map_and_what_wants_indices_is_refused():
    with pytest.raises(Unsupported, match="needs a map"):
        outputs(nn.Sequential(nn.Flatten(), nn.MaxPool1d(2)), torch.randn(1, 3, 4))
    with pytest.raises(Unsupported, match="keeps no indices"):
        outputs(nn.Sequential(nn.MaxPool2d(2, return_indices=True)), torch.randn(1, 3, 4, 4))
