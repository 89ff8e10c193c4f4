"""A graph says all that forward does, or the network is refused by a sentence."""

import pytest
import torch
import torch.nn.functional as F
from interpreter import Interpreter
from random_networks import settle
from torch import nn
from torch_agreement import assert_agreement

from xnorkit import BinOp
from xnorkit.deploy.lower import lower
from xnorkit.deploy.trace import evaluated, traced
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryConv2d


class Written(nn.Module):
    """A binary layer and a BatchNorm, then whatever a forward may do with them."""

    def __init__(self, forward, **modules):
        super().__init__()
        self.body = nn.Sequential(BinaryConv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.written = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x):
        return self.written(self, self.body(x))


def relu():
    return nn.ReLU(inplace=True)


def grown(own, y):
    y += own.other(y)
    return own.relu(y) + own.other(y)


def grown_behind_a_name(own, y):
    z = y
    z += own.other(y)
    return own.relu(y) + z


def behind_a_view(own, y):
    flat = torch.flatten(y, 1)
    return own.relu(y).flatten(1) + flat


def forgotten(own, y):
    own.relu(y)
    return own.other(y)


def grown_twice(own, y):
    z = y
    z = z.add_(own.other(y))
    return z + y


OTHER = {"other": BinaryConv2d(8, 8, 1), "relu": nn.ReLU()}
OVERWRITTEN = {
    "module": (lambda own, y: own.relu(y) + y, {"relu": relu()}),
    "shortcut": (lambda own, y: own.other(own.relu(y)) + y, {**OTHER, "relu": relu()}),
    "function": (lambda own, y: F.relu(y, inplace=True) + y, {}),
    "argument": (lambda own, y: F.relu(y, True) + y, {}),
    "method": (lambda own, y: y.relu_() + y, {}),
    "+=": (grown_behind_a_name, OTHER),
    "add_": (grown_twice, OTHER),
    "view": (behind_a_view, {"relu": relu()}),
    "dropout": (lambda own, y: own.relu(own.drop(y)) + y, {"relu": relu(), "drop": nn.Dropout()}),
    "forgotten": (forgotten, {**OTHER, "relu": relu()}),
}


@pytest.mark.parametrize("case", OVERWRITTEN)
def test_what_is_read_after_it_was_overwritten_in_place_is_refused(case):
    forward, modules = OVERWRITTEN[case]
    with pytest.raises(Unsupported, match=r"it reads what \w+ has overwritten in place"):
        lower(Written(forward, **modules), torch.zeros(1, 4, 5, 5))


HARMLESS = {
    "in a row": (lambda own, y: own.relu(own.relu(y)), {"relu": relu()}),
    "+=": (grown, OTHER),
    "read before": (lambda own, y: own.other(y) + own.relu(y), {**OTHER, "relu": relu()}),
    "a dropout overwrites nothing": (
        lambda own, y: own.drop(y) + y,
        {"drop": nn.Dropout(inplace=True)},
    ),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_nobody_reads_any_more_may_be_overwritten(case):
    forward, modules = HARMLESS[case]
    lowered = lower(settle(Written(forward, **modules), 1), torch.zeros(1, 4, 5, 5))
    assert_agreement(lowered, Interpreter(lowered.program, lowered.tensors()))


def test_the_example_is_not_overwritten():
    example = -torch.ones(1, 4, 5, 5)
    lower(nn.Sequential(relu(), BinaryConv2d(4, 8, 3)), example)
    assert torch.equal(example, -torch.ones(1, 4, 5, 5))


def hooked(where, hook, before=False):
    network = nn.Sequential(nn.Sequential(BinaryConv2d(4, 8, 3)), nn.ReLU()).eval()
    module = network.get_submodule(where)
    (module.register_forward_pre_hook if before else module.register_forward_hook)(hook)
    return network


@pytest.mark.parametrize("where", ["", "0", "0.0"])
def test_a_hook_that_changes_the_answer_is_refused(where):
    network = hooked(where, lambda module, given, result: 2 * result)
    with pytest.raises(Unsupported, match=f"^{where or 'the network'}: a forward hook changes"):
        lower(network, torch.zeros(1, 4, 5, 5))


def test_a_hook_that_changes_the_input_is_refused():
    network = hooked("0.0", lambda module, given: (-given[0],), before=True)
    with pytest.raises(Unsupported, match=r"^0\.0: a forward hook changes"):
        lower(network, torch.zeros(1, 4, 5, 5))


def test_a_hook_that_fails_is_refused():
    network = hooked("0.0", lambda module, given, result: given[1])
    with pytest.raises(Unsupported, match=r"^0\.0: with its forward hook it fails \(tuple index"):
        lower(network, torch.zeros(1, 4, 5, 5))


@pytest.mark.parametrize("where", ["", "0", "0.0"])
def test_a_hook_that_only_looks_is_left_out(where):
    network = hooked(where, lambda module, given, result: float(result.mean()) and None)
    lowered = lower(network, torch.zeros(1, 4, 5, 5))
    assert not any(module._forward_hooks for module in lowered.network.modules())
    assert network.get_submodule(where)._forward_hooks


def test_a_layer_that_holds_binop_s_weights_is_refused_until_they_are_restored():
    network = nn.Sequential(BinaryConv2d(4, 8, 3), nn.BatchNorm2d(8))
    bin_op = BinOp().attach(network)
    bin_op.binarize_()
    with pytest.raises(Unsupported, match=r"^0: BinOp's binary weights.*restore_\(\)"):
        lower(network, torch.zeros(1, 4, 5, 5))
    bin_op.restore_()
    lower(network, torch.zeros(1, 4, 5, 5))


@pytest.mark.parametrize("layer", [nn.LazyConv2d(8, 3), nn.Conv2d(4, 8, 3, device="meta")])
def test_weights_that_are_not_there_yet_are_refused(layer):
    with pytest.raises(Unsupported, match=r"^0\.weight: it has no numbers yet"):
        lower(nn.Sequential(layer), torch.zeros(1, 4, 5, 5))


def test_weights_that_are_no_parameters_are_refused_with_the_way_out():
    layer = nn.Conv2d(4, 8, 3)
    nn.utils.prune.l1_unstructured(layer, "weight", 0.5)
    with pytest.raises(Unsupported, match=r"can't be copied .* prune\.remove"):
        lower(nn.Sequential(layer), torch.zeros(1, 4, 5, 5))
    nn.utils.prune.remove(layer, "weight")
    lower(nn.Sequential(layer), torch.zeros(1, 4, 5, 5))


def test_the_torch_that_counts_is_the_contiguous_one():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 16, 7, padding=3)).eval()
    x = torch.randn(2, 1, 20, 20)
    with torch.no_grad():
        wanted = network(x)
        found = evaluated(network.to(memory_format=torch.channels_last))(x)
    assert torch.equal(found, wanted)


@pytest.mark.slow  # torch.compile imports for seconds
def test_a_compiled_module_is_lowered_as_what_it_was():
    network = nn.Sequential(BinaryConv2d(4, 8, 3), nn.BatchNorm2d(8))
    example = torch.zeros(1, 4, 5, 5)
    assert lower(torch.compile(network), example).program == lower(network, example).program


@pytest.mark.parametrize("network", [lambda x: x, None])
def test_what_is_no_module_is_refused(network):
    with pytest.raises(Unsupported, match=r"no torch\.nn\.Module"):
        evaluated(network)


@pytest.mark.parametrize(
    ("layers", "shape", "sentence"),
    [
        ([BinaryConv2d(4, 8, 3)], (5, 6, 6), r"^0: torch refuses an input of shape \(1, 5, 6, 6\)"),
        ([nn.Identity(), nn.MaxPool2d(9)], (4, 6, 6), "^1: torch refuses.*too small"),
        ([nn.BatchNorm1d(4)], (4, 6, 6), "^0: torch refuses.*expected 2D or 3D"),
    ],
)
def test_a_shape_that_torch_refuses_is_said_in_one_line_with_its_place(
    layers, shape, sentence, capfd
):
    with pytest.raises(Unsupported, match=sentence) as refused:
        lower(nn.Sequential(*layers), torch.zeros(1, *shape))
    assert len(str(refused.value).splitlines()) == 1
    assert capfd.readouterr().err == ""


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.only = nn.ReLU()

    def forward(self, x, mask=None):
        return self.only(x)


def test_a_second_input_is_refused_by_name():
    with pytest.raises(Unsupported, match="a second input, mask"):
        traced(Two(), (4,), lambda module: False)


class Any(Two):
    def forward(self, *given):
        return self.only(given[0])


def test_any_number_of_inputs_is_refused():
    with pytest.raises(
        Unsupported, match=r"its forward takes \*given; the engine gives one tensor"
    ):
        lower(Any(), torch.zeros(1, 4))


class Nothing(Two):
    def forward(self):
        return torch.ones(1)


def test_no_input_is_refused():
    with pytest.raises(Unsupported, match="its forward takes nothing"):
        lower(Nothing(), torch.zeros(1, 4))
