"""A lowered program, run by a plain interpreter, computes what the torch module computes."""

import pytest
import torch
from hypothesis import given, settings
from interpreter import Interpreter
from random_networks import map_networks, settle, vector_networks
from torch import nn
from torch_agreement import assert_agreement

from xnorkit.deploy import steps
from xnorkit.deploy.fold import FoldError
from xnorkit.deploy.lower import lower
from xnorkit.deploy.program import Program
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.networks import KWSCNN, MLP
from xnorkit.nn import BinaryConv2d, BinaryLinear, Int8Conv2d
from xnorkit.schemes import BWN, XNOR, BinaryNet, Float


def check(network, shape):
    lowered = lower(network, torch.zeros(1, *shape))
    tensors = lowered.tensors()
    assert_agreement(lowered, Interpreter(lowered.program, tensors))
    assert lowered.departures() == {}
    assert lowered.program.misfit() is None
    specs = lowered.program.tensor_specs()
    assert {n: (str(t.dtype)[6:], tuple(t.shape)) for n, t in tensors.items()} == specs
    assert Program.from_json(lowered.program.to_json()) == lowered.program


# The same networks each time, so that a red run can be repeated.
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(max_examples=20, deadline=None, derandomize=True)
@given(map_networks())
def test_any_network_of_maps_computes_what_torch_does(made):
    check(*made)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(max_examples=8, deadline=None, derandomize=True)
@given(map_networks(dims=1))
def test_any_network_of_sequences_computes_what_torch_does(made):
    check(*made)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(vector_networks())
def test_any_network_of_vectors_computes_what_torch_does(made):
    check(*made)


@pytest.mark.parametrize("scheme", [Float, BWN, XNOR, BinaryNet])
@pytest.mark.parametrize(
    "build",
    [
        lambda s: (KWSCNN(s, (1, 12, 17), 5, 8, widths=(9, 66), pools=(2, 1)), (1, 12, 17)),
        lambda s: (MLP(s, (1, 5, 7), 4, widths=(70, 33), dropout=0.2), (1, 5, 7)),
    ],
    ids=["kws_cnn", "mlp"],
)
def test_each_scheme_lowers_each_network(scheme, build):
    network, shape = build(scheme())
    check(settle(network, 3), shape)


@pytest.mark.parametrize("scheme", [XNOR, BinaryNet])
@pytest.mark.parametrize(
    "network",
    [
        lambda s: KWSCNN(s, (1, 12, 17), 5, 8, widths=(9, 66), pools=(2, 1), stem="int8"),
        lambda s: MLP(s, (1, 12, 17), 4, widths=(70, 33, 20), stem="int8"),
    ],
    ids=["kws_cnn", "mlp"],
)
def test_behind_an_int8_stem_every_binary_layer_is_exact(scheme, network):
    lowered = lower(settle(network(scheme()), 4), torch.zeros(1, 1, 12, 17))
    found = assert_agreement(lowered, Interpreter(lowered.program, lowered.tensors()))
    assert (found.exact, found.exact_until, len(found.layers)) == (True, None, 2)
    assert sum(layer.wrong_in_whole for layer in found.layers) == 0


def test_a_network_that_does_nothing_gives_its_input():
    check(nn.Sequential(nn.Identity(), nn.Dropout()).eval(), (2, 3, 4))


class Shortcut(nn.Module):
    """Identity shortcuts around binary convolutions, and a sum that two layers take."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 20, 3)
        self.first = nn.Sequential(BinaryConv2d(20, 20, 3, padding=1), nn.BatchNorm2d(20))
        self.second = nn.Sequential(BinaryConv2d(20, 20, 1), nn.BatchNorm2d(20), nn.Hardtanh())
        self.average, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(20, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = x + self.first(x)
        x = torch.add(self.second(x), x)
        return self.head(torch.flatten(self.average(x), 1))


def test_shortcuts_add_what_torch_adds():
    check(settle(Shortcut(), 5), (1, 7, 8))


@pytest.mark.parametrize(
    ("network", "shape", "sentence"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sigmoid()), (1, 5, 5), "^1: Sigmoid has no engine"),
        (nn.Sequential(nn.ConvTranspose2d(1, 2, 3)), (1, 5, 5), "ConvTranspose2d"),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect")),
            (1, 5, 5),
            "reflect",
        ),
        (nn.Sequential(nn.AdaptiveAvgPool2d(2)), (1, 5, 5), "windows differ"),
        (nn.Sequential(nn.Linear(5, 2)), (1, 5, 5), "flatten it before"),
        (nn.Sequential(nn.LSTM(5, 2)), (4, 5), "LSTM"),
        (nn.Sequential(nn.AdaptiveAvgPool1d(1)), (5,), "^0: a pool of a vector"),
        (
            nn.Sequential(nn.Conv1d(1, 2, 3)),
            (5,),
            r"^0: an input of shape \(5,\); it takes \(C, L\)",
        ),
        (nn.Sequential(nn.Flatten(), nn.BatchNorm1d(18)), (2, 3, 3), "after a flattened map"),
    ],
)
def test_what_has_no_op_is_refused_by_name_with_a_way_out(network, shape, sentence):
    with pytest.raises(Unsupported, match=sentence) as refused:
        lower(network, torch.zeros(1, *shape))
    assert "deploy=none" in str(refused.value)


class Doubled(BinaryConv2d):
    def linear_map(self, x, weight, bias):
        return 2 * super().linear_map(x, weight, bias)


class Rectified(nn.Conv2d):
    def forward(self, x):
        return torch.relu(super().forward(x))


@pytest.mark.parametrize("kind", [Doubled, Rectified])
def test_a_subclass_that_computes_something_else_is_refused(kind):
    with pytest.raises(Unsupported, match=f"^0: {kind.__name__} has no engine op"):
        lower(nn.Sequential(kind(4, 8, 3)), torch.zeros(1, 4, 5, 5))


class Square(BinaryConv2d):
    def __init__(self, channels):
        super().__init__(channels, channels, 3)

    def extra_repr(self):
        return "square"


@pytest.mark.parametrize(
    "layer", [Square(4), nn.utils.parametrizations.weight_norm(BinaryConv2d(4, 8, 3))]
)
def test_a_subclass_that_computes_the_same_is_lowered(layer):
    check(nn.Sequential(layer).eval(), (4, 5, 5))


@pytest.mark.parametrize(
    ("layers", "made"),
    [
        ([nn.MaxPool2d(2)], r"torch makes \(1, 2, 3\) there, an engine \(1, 4, 3\)"),
        ([nn.MaxPool2d((1, 2))], "an engine"),
        ([nn.AvgPool2d(2)], "an engine"),
        ([nn.AdaptiveAvgPool2d(1)], "an engine"),
    ],
)
def test_a_pool_of_another_rank_is_refused(layers, made):
    with pytest.raises(Unsupported, match=made):
        lower(nn.Sequential(*layers), torch.zeros(1, 4, 6))


@pytest.mark.parametrize(
    "example",
    [
        torch.zeros(3, 4, 5, 5),
        torch.zeros(0, 4, 5, 5),
        torch.full((1, 4, 5, 5), torch.nan),
        torch.zeros(1, 4, 5, 5, dtype=torch.uint8),
        torch.zeros(1, 4, 5, 5, device="meta"),
    ],
)
def test_of_an_example_its_shape_alone_counts(example):
    network = nn.Sequential(BinaryConv2d(4, 8, 3))
    assert lower(network, example).program == lower(network, torch.zeros(1, 4, 5, 5)).program


@pytest.mark.parametrize(
    ("example", "sentence"),
    [
        ([1.0], "an example of type list; give it a tensor"),
        (torch.zeros(()), "an input of shape"),
        (torch.zeros(1, 1, 4, 5, 5), r"an input of shape \(N, 1, 4, 5, 5\); \(N, C, H, W\)"),
    ],
)
def test_an_example_of_another_kind_is_refused(example, sentence):
    with pytest.raises(Unsupported, match=sentence):
        lower(nn.Sequential(BinaryConv2d(4, 8, 3)), example)


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_a_forward_that_looks_at_values_is_refused():
    with pytest.raises(Unsupported, match="can't follow"):
        lower(nn.Sequential(Branching()), torch.zeros(1, 3))


def test_lowering_changes_nothing_in_the_network():
    network = nn.Sequential(BinaryLinear(5, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    lower(network, torch.zeros(1, 5)).tensors()
    assert all(module.training for module in network.modules())
    assert all(torch.equal(before[n], v) for n, v in network.state_dict().items())


@pytest.fixture(params=["device", "dtype"])
def other_defaults(request):
    """A default device or dtype of the user's own."""
    dtype = torch.get_default_dtype()
    if request.param == "device":
        torch.set_default_device("meta")
    else:
        torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_device(None)
    torch.set_default_dtype(dtype)


NETWORK = settle(
    nn.Sequential(
        Int8Conv2d(2, 40, 3), nn.BatchNorm2d(40), nn.Hardtanh(), BinaryConv2d(40, 40, 1),
        nn.MaxPool2d(2), nn.BatchNorm2d(40), BinaryConv2d(40, 30, 1), nn.ReLU6(),
    ),
    2,
)  # fmt: skip
EXAMPLE = torch.zeros(1, 2, 6, 6)
TENSORS = lower(NETWORK, EXAMPLE).tensors()


def test_a_users_default_device_and_dtype_are_not_taken(other_defaults):
    steps.batch_norm_is_fused.cache_clear()
    lowered = lower(NETWORK, EXAMPLE)
    found = lowered.tensors()
    assert lowered.departures() == {}
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) for name in found)


def test_the_program_does_not_depend_on_what_was_trained():
    def build(seed):
        return settle(KWSCNN(XNOR(), (1, 12, 12), 3, 8, widths=(8,), pools=(1,)), seed)

    programs = [lower(build(seed), torch.zeros(1, 1, 12, 12)).program for seed in (1, 2)]
    assert programs[0] == programs[1]


def test_a_norm_without_statistics_is_refused():
    network = nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False))
    with pytest.raises(Unsupported, match="track_running_stats"):
        lower(network, torch.zeros(1, 4))


def test_a_damaged_parameter_is_named_by_its_path():
    network = nn.Sequential(nn.Sequential(BinaryLinear(5, 4), nn.BatchNorm1d(4)))
    network[0][1].running_var[2] = torch.nan
    with pytest.raises(FoldError, match=r"^0\.1\.running_var\[2\] is nan"):
        lower(network, torch.zeros(1, 5)).tensors()
