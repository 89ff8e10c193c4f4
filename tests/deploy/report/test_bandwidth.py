"""xnorkit.deploy.report.bandwidth."""

import pytest
import torch
from random_networks import settle
from torch import nn

from xnorkit.deploy.lower import lower
from xnorkit.deploy.report.bandwidth import Traffic, large_weights, traffic_of
from xnorkit.nn import BinaryConv2d, BinaryLinear


def test_weights_of_layers_of_a_vector_count_where_they_are_large():
    network = nn.Sequential(
        nn.Linear(300, 1000, bias=False),  # 1.2 MB of float32
        nn.BatchNorm1d(1000),
        BinaryLinear(1000, 9000, bias=False),  # 125 bytes a filter: 1.1 MB
        nn.BatchNorm1d(9000),
        BinaryLinear(9000, 9, bias=False),  # 10 kB
    )
    program = lower(settle(network, 0), torch.zeros(1, 300)).program
    assert large_weights(program) == {"0": 1_200_000, "2": 1_125_000}


def test_weights_that_are_used_in_many_places_do_not_count():
    network = settle(nn.Sequential(BinaryConv2d(64, 256, 24, bias=False)), 0)
    assert list(large_weights(lower(network, torch.zeros(1, 64, 24, 24)).program)) == ["0"]
    assert large_weights(lower(network, torch.zeros(1, 64, 25, 24)).program) == {}


def test_the_read_loop_goes_through_as_many_bytes():
    found = traffic_of({"a": 3_000_000, "b": 1_000_000})
    assert found.read_bytes == 4_000_000
    assert 1e8 < found.read_rate < 1e13
    assert traffic_of({}) is None


def test_a_share_is_the_ops_rate_over_the_read_loops():
    traffic = Traffic(20e9, 10, {"a": 4_000_000})
    assert traffic.rate("a", 400) == pytest.approx(10e9)
    assert traffic.share("a", 400) == pytest.approx(0.5)
