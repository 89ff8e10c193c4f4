"""Programs as data."""

import json

import pytest
import torch
from torch import nn

from xnorkit.deploy.lower import lower
from xnorkit.deploy.program import Program
from xnorkit.nn import BinaryConv2d


@pytest.fixture(scope="module")
def program():
    layers = (nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), BinaryConv2d(5, 9, 3), nn.MaxPool2d(2))
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(9, 2))
    return lower(network, torch.zeros(1, 1, 7, 7)).program


def test_it_survives_json(program):
    text = json.dumps(program.to_json())
    assert Program.from_json(json.loads(text)) == program


def test_the_result_is_the_last_ops(program):
    assert program.output == program.ops[-1].output
    assert program.output_shape == (2,)


def test_every_number_has_a_name_dtype_and_shape(program):
    specs = program.tensor_specs()
    assert specs["0.weight"] == ("float32", (5, 3, 3, 1))
    assert specs["2.weight"] == ("uint8", (9, -(-45 // 8)))
    assert specs["0.threshold"] == ("float32", (5,))


@pytest.mark.parametrize(
    "change", [{"op": "fourier"}, {"op": "add", "colour": 1}, {"window": {"kernel_h": 1}}]
)
def test_what_this_version_does_not_know_is_refused(program, change):
    node = program.to_json()
    node["ops"][0] |= change
    with pytest.raises(ValueError, match="Deploy again"):
        Program.from_json(node)
