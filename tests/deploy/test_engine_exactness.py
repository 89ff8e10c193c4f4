"""Compiled engines against torch, on every path of this CPU: bit for bit where that is promised."""

import sys
from itertools import cycle, islice

import numpy as np
import pytest
import torch
from int8_cases import spread
from merged_programs import Merged
from random_networks import Sum, drawn, map_networks, settle, vector_networks
from torch import nn
from torch_agreement import assert_agreement

from xnorkit.binarize import WeightRule
from xnorkit.deploy.lower import lower
from xnorkit.deploy.validate import exact_values
from xnorkit.nn import BinaryConv2d, BinaryLinear, Int8Conv2d

HARD = {
    "weight": (1.0, -1.0, 0.0, -0.0, 1e-30, -1e-30, 1e-42, -1e-42, 1e20, -1e20, 0.3, -3.0),
    "bias": (0.0, -0.0, 0.5, -0.5, 1e-30, -2.0, 40.0),
    "running_mean": (0.0, 3.0, -11.0, 0.25, 17.5),
    "running_var": (0.0, 1.0, 80.0, 1e-40),
}


def hard_norm(channels):
    """γ of both signs, zero, tiny and huge; running variances of 0."""
    norm = nn.BatchNorm2d(channels).eval()
    for name, numbers in HARD.items():
        norm.state_dict()[name].copy_(torch.tensor([*islice(cycle(numbers), channels)]))
    return norm


def shortcuts():
    """An 8-bit stem, an identity shortcut, then binary shortcuts that change width and step."""
    network = nn.Sequential(
        spread(Int8Conv2d(2, 20, 3)),
        nn.BatchNorm2d(20),
        Sum(nn.Identity(), nn.Sequential(BinaryConv2d(20, 20, 3, padding=1), nn.BatchNorm2d(20))),
        nn.ReLU(),
        Sum(
            nn.Sequential(BinaryConv2d(20, 70, 1, 2), nn.BatchNorm2d(70)),
            nn.Sequential(BinaryConv2d(20, 70, 3, 2, padding=1), nn.BatchNorm2d(70)),
        ),
        nn.Hardtanh(),
    )
    return settle(network, 3), (2, 9, 8)


def pools():
    """Max-pools before and after BatchNorms whose γ have both signs."""
    network = nn.Sequential(
        BinaryConv2d(2, 40, 3), nn.MaxPool2d(2), nn.BatchNorm2d(40),
        BinaryConv2d(40, 33, 3, padding=1), nn.BatchNorm2d(33), nn.MaxPool2d(2, padding=1),
        nn.BatchNorm2d(33), nn.MaxPool2d(2, 1), BinaryConv2d(33, 5, 1),
    )  # fmt: skip
    return settle(network, 4), (2, 12, 10)


def hard_numbers():
    """BatchNorms of hard numbers before a sign, on a shortcut, and on real values."""
    layer = nn.Sequential(BinaryConv2d(65, 65, 3, padding=1, padding_value=1), hard_norm(65))
    network = nn.Sequential(
        BinaryConv2d(2, 65, 3), hard_norm(65), Sum(layer, nn.Identity()), hard_norm(65),
        nn.Hardtanh(), BinaryConv2d(65, 9, 2), hard_norm(9), nn.ReLU6(),
    )  # fmt: skip
    return network.eval(), (2, 6, 6)


def vectors():
    """Linear layers with a shortcut."""
    layer = nn.Sequential(BinaryLinear(67, 67), nn.BatchNorm1d(67), nn.ReLU())
    network = nn.Sequential(
        BinaryLinear(30, 67), nn.BatchNorm1d(67), Sum(nn.Identity(), layer), BinaryLinear(67, 7)
    )
    return settle(network, 5), (30,)


def several_bits():
    """Codes in [−1, 1] and [0, 1] of 1 to 4 bits, groups, borders, a pool, a shortcut, a vector."""
    dorefa = WeightRule(
        centre=False, clamp=False, alpha="none", rule="straight", bits=3, squash=True
    )
    unit = {"input_range": "unit", "padding": 1}
    two = {"weight_rule": WeightRule(bits=2), "input_bits": 2, "padding": 1}
    network = nn.Sequential(
        spread(Int8Conv2d(2, 20, 3)), nn.BatchNorm2d(20),
        Sum(nn.Identity(), nn.Sequential(BinaryConv2d(20, 20, 3, **two), nn.BatchNorm2d(20))),
        BinaryConv2d(20, 70, 3, padding_value=-1, **two), nn.MaxPool2d(2), nn.BatchNorm2d(70),
        BinaryConv2d(70, 34, 3, weight_rule=dorefa, input_bits=4, groups=2, **unit),
        nn.BatchNorm2d(34), BinaryConv2d(34, 6, 2, **unit), nn.BatchNorm2d(6),
        BinaryConv2d(6, 5, 1, weight_rule=dorefa, input_range="unit"), nn.Flatten(),
        nn.BatchNorm1d(125), BinaryLinear(125, 33, input_bits=3), nn.BatchNorm1d(33),
        BinaryLinear(33, 7, weight_rule=dorefa, input_bits=2, input_range="unit"),
    )  # fmt: skip
    return settle(network, 6), (2, 10, 10)


EXACT = (shortcuts, pools, hard_numbers, vectors, several_bits)
RANDOM = ((map_networks(), 1), (map_networks(dims=1, widest=20), 1))
MANY = {
    "maps": (map_networks(), 1),
    "more maps": (map_networks(), 2),
    "wide maps": (map_networks(widest=200), 3),
    "sequences": (map_networks(dims=1), 4),
    "vectors": (vector_networks(widest=1100), 5),
}


def lowered_of(network, shape):
    return lower(network, torch.zeros(1, *shape))


@pytest.fixture(scope="module")
def few(engine_cache):
    """The exact networks, and after them a few random ones."""
    random = [one for strategy, count in RANDOM for one in drawn(strategy, count, 7)]
    return Merged([*exact(EXACT), *(lowered_of(*made) for made in random)], engine_cache)


def exact(makers):
    torch.manual_seed(0)
    return [lowered_of(*make()) for make in makers]


def assert_every_bit(few, index):
    lowered = few.lowered[index]
    assert lowered.departures() == {}
    assert all(exact_values(lowered)[0])
    torch.manual_seed(2)
    x = 2 * torch.randn(20, *lowered.program.input_shape)
    with torch.no_grad():
        wanted = lowered.network(x).numpy()
    assert len(np.unique(wanted)) > 5
    for engine in few.engines(index):
        np.testing.assert_array_equal(
            engine(x.numpy()).view(np.int32), wanted.view(np.int32), err_msg=engine.isa
        )
        assert_agreement(lowered, engine)


@pytest.mark.parametrize("index", range(len(EXACT)), ids=[make.__name__ for make in EXACT])
def test_every_value_of_an_exact_network_is_torchs_to_the_bit(few, index):
    assert_every_bit(few, index)


@pytest.mark.slow
def test_clang_makes_engines_that_are_exact_too(engine_cache, monkeypatch):
    pytest.importorskip("ziglang")
    monkeypatch.setenv("CXX", f"{sys.executable} -m ziglang c++")
    few = Merged(exact([shortcuts, hard_numbers]), engine_cache)
    for index in range(2):
        assert_every_bit(few, index)


def test_random_networks_give_torchs_answers_on_every_path(few):
    for index in range(len(EXACT), len(few.lowered)):
        for engine in few.engines(index):
            assert_agreement(few.lowered[index], engine)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kind", MANY)
def test_many_random_networks_give_torchs_answers_on_every_path(kind, engine_cache):
    strategy, number = MANY[kind]
    many = Merged([lowered_of(*made) for made in drawn(strategy, 8, number)], engine_cache)
    for index, lowered in enumerate(many.lowered):
        for engine in many.engines(index):
            assert_agreement(lowered, engine)
