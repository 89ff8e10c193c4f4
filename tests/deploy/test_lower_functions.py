"""Functions in a forward: those that have an op, and those that are refused as they were called."""

import pytest
import torch
from interpreter import Interpreter
from random_networks import settle
from torch import nn
from torch_agreement import assert_agreement

from xnorkit.deploy.lower import lower
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryConv2d


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.both = nn.Bilinear(3, 3, 2)

    def forward(self, x):
        return self.both(x, torch.relu(x))


def test_a_module_of_two_inputs_is_refused():
    with pytest.raises(Unsupported, match="^both: it takes several inputs; one is supported"):
        lower(Both(), torch.zeros(1, 3))


class Written(nn.Module):
    """Two binary layers, and a forward of any kind."""

    def __init__(self, forward):
        super().__init__()
        self.one, self.other = BinaryConv2d(4, 8, 3), BinaryConv2d(4, 8, 3)
        self.written = forward

    def forward(self, x):
        return self.written(self.one(x), self.other(x))


@pytest.mark.parametrize(
    "forward",
    [
        lambda x, y: x + y,
        lambda x, y: torch.add(input=x, other=y),
        lambda x, y: x.add(y),
        lambda x, y: x.relu() + torch.relu(y),
        lambda x, y: x.flatten(1) + torch.flatten(y, start_dim=1, end_dim=-1),
        lambda x, y: torch.flatten(x + x, -3, 3),
    ],
)
def test_functions_that_have_an_op_are_lowered(forward):
    lowered = lower(settle(Written(forward), 1), torch.zeros(1, 4, 5, 5))
    assert_agreement(lowered, Interpreter(lowered.program, lowered.tensors()))


@pytest.mark.filterwarnings("ignore:This overload of add is deprecated")
@pytest.mark.parametrize(
    ("forward", "sentence"),
    [
        (lambda x, y: x + 1, r"^add: add\(one, 1\) has no engine op"),
        (lambda x, y: torch.add(x, y, alpha=2), r"add\(one, other, alpha=2\) has no engine op"),
        (lambda x, y: torch.add(x, 2, y), r"add\(one, 2, other\) has no engine op"),
        (lambda x, y: x - y, r"sub\(one, other\) has no engine op"),
        (lambda x, y: x.mean((2, 3)), r"mean\(one, \(2, 3\)\).*AdaptiveAvgPool2d\(1\) for a mean"),
        (lambda x, y: x.view(x.size(0), -1), r"size\(one, 0\) has no.*Flatten for a view"),
        (lambda x, y: x.flatten(), r"Flatten\(start_dim=0.*all but the batch"),
        (lambda x, y: x.flatten(end_dim=1), r"Flatten\(start_dim=0, end_dim=1.*all but the batch"),
        (lambda x, y: (x, y), r"returns \(one, other\); an engine returns one tensor"),
        (lambda x, y: None, "returns None"),
        (lambda x, y: torch.ones(3), "forward uses this tensor itself"),
    ],
)
def test_functions_that_have_none_are_refused_as_they_were_called(forward, sentence):
    with pytest.raises(Unsupported, match=sentence):
        lower(Written(forward), torch.zeros(1, 4, 5, 5))
