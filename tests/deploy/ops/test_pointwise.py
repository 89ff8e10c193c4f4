"""Elementwise modules that nothing folds are computed with torch's roundings."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from random_networks import settle
from torch import nn

from xnorkit.deploy.ops.pointwise import STEP_FIELDS

CHAIN = nn.Sequential(
    nn.BatchNorm2d(5), nn.ReLU(), nn.BatchNorm2d(5), nn.Hardtanh(-0.5, 2), nn.Dropout(), nn.ReLU6()
)


@pytest.mark.parametrize(
    ("chain", "shape"),
    [(CHAIN, (5, 3, 4)), (nn.BatchNorm1d(6), (6,)), (nn.BatchNorm1d(6, affine=False), (6, 4))],
    ids=["maps", "vectors", "sequences"],
)
def test_a_chain_is_torchs_to_the_bit(chain, shape):
    wanted, got, program = outputs(settle(nn.Sequential(chain), 4), torch.randn(3, *shape))
    np.testing.assert_array_equal(got, wanted)
    steps = [step for op in program.ops for step in op.steps]
    assert set(steps) <= STEP_FIELDS.keys()


def test_a_norm_of_a_flattened_map_finds_its_channels():
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(60), nn.Linear(60, 3))
    wanted, got, _ = outputs(settle(network, 4), torch.randn(3, 5, 3, 4))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_the_fields_are_those_that_the_steps_read():
    _, _, program = outputs(nn.Sequential(nn.Hardtanh(), nn.ReLU()), torch.randn(1, 4))
    assert program.tensor_specs() == {"0.low0": ("float32", (1,)), "0.high0": ("float32", (1,))}
