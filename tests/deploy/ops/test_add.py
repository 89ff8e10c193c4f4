"""Sums of two maps."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from torch import nn

from xnorkit.deploy.unsupported import Unsupported


class Twice(nn.Module):
    def __init__(self, left, right):
        super().__init__()
        self.left, self.right = left, right

    def forward(self, x):
        return self.left(x) + self.right(x)


def test_a_sum_is_torchs_to_the_bit():
    wanted, got, program = outputs(Twice(nn.ReLU(), nn.Hardtanh()), torch.randn(2, 3, 4, 5))
    np.testing.assert_array_equal(got, wanted)
    assert [op.kind for op in program.ops][-1] == "add"


def test_maps_of_different_shapes_are_refused():
    network = Twice(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 1, 1))
    with pytest.raises(Unsupported, match="shapes must be equal"):
        outputs(network, torch.randn(1, 3, 4, 5))
