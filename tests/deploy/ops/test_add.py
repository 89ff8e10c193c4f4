"""Sums of two maps."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from random_networks import settle
from torch import nn

from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryLinear


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


def test_a_map_is_not_added_to_a_vector_that_torch_would_spread_over_it():
    pooled = nn.AdaptiveAvgPool2d(1)
    network = Twice(pooled, nn.Sequential(pooled, nn.Flatten(), nn.Linear(3, 3)))
    with pytest.raises(Unsupported, match=r"a sum of \(3, 1, 1\) and \(3,\)"):
        outputs(network, torch.randn(1, 3, 4, 5))


def norm():
    return settle(nn.BatchNorm1d(3 * 4 * 5), 2)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (nn.ReLU(), nn.Hardtanh()),
        (norm(), nn.ReLU()),
        (nn.ReLU(), norm()),
        (norm(), nn.Sequential(norm(), nn.ReLU())),
    ],
)
@pytest.mark.parametrize("after", [nn.Identity(), norm()])
def test_flattened_maps_are_added_element_by_element_and_stay_flat(left, right, after):
    network = nn.Sequential(
        nn.Flatten(), Twice(left, right), after, BinaryLinear(3 * 4 * 5, 70), nn.BatchNorm1d(70)
    )
    wanted, got, _ = outputs(settle(network, 1), torch.randn(4, 3, 4, 5))
    np.testing.assert_array_equal(got, wanted)


def test_a_vector_in_the_engines_order_is_not_added_to_one_in_torchs():
    network = nn.Sequential(nn.Flatten(), Twice(norm(), BinaryLinear(60, 60)), BinaryLinear(60, 4))
    with pytest.raises(Unsupported, match="in other orders"):
        outputs(network, torch.randn(1, 3, 4, 5))


def test_vectors_of_a_map_of_one_pixel_have_one_order():
    pooled = nn.Sequential(nn.MaxPool2d((4, 5)), nn.Flatten())
    network = nn.Sequential(pooled, Twice(nn.BatchNorm1d(3), BinaryLinear(3, 3)))
    wanted, got, _ = outputs(settle(network, 1), torch.randn(4, 3, 4, 5))
    np.testing.assert_array_equal(got, wanted)
