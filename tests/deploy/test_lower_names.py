"""Names of modules become names of ops, in JSON and in C++."""

import pytest
import torch
from torch import nn

from xnorkit.deploy.lower import lower
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryLinear


@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "a\nb", "a\x00b", "a\u2028b", ")json", "x" * 513], ids=ascii
)
def test_a_name_that_no_cpp_can_hold_is_refused_before_anything_is_trained(name):
    network = nn.Sequential(BinaryLinear(3, 2))
    network.add_module(name, nn.BatchNorm1d(2))
    with pytest.raises(Unsupported, match="a module's name stands in C") as refused:
        lower(network, torch.zeros(1, 3))
    assert repr(name[:80]) in str(refused.value)


def test_a_name_that_grows_too_long_in_the_program_is_refused():
    network = nn.Sequential()
    network.add_module("x" * 510, BinaryLinear(3, 2))  # its sign is called x….sign
    with pytest.raises(Unsupported, match="512 characters"):
        lower(network, torch.zeros(1, 3))


def test_a_word_of_python_is_no_name():
    network = nn.Sequential(nn.Sequential())
    network[0].add_module("class", BinaryLinear(3, 2))
    with pytest.raises(Unsupported, match=r"^0\.class: a word of Python"):
        lower(network, torch.zeros(1, 3))


@pytest.mark.parametrize("name", ["ü", "a b", "a'b", "a:b", "json"])
def test_other_names_reach_the_program(name):
    network = nn.Sequential()
    network.add_module(name, BinaryLinear(3, 2))
    assert name in {op.name for op in lower(network, torch.zeros(1, 3)).program.ops}
