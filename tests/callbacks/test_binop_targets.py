"""xnorkit.callbacks.binop_targets: which weights BinOp takes, and which it leaves."""

import warnings

import pytest
import torch
from binop_cases import binary_network, plain_network
from torch import nn
from torchmetrics import Metric

from xnorkit.binarize import BINARYNET_RULE, XNOR_RULE
from xnorkit.callbacks.binop_targets import describe, find_targets
from xnorkit.nn import BinaryConv2d, BinaryLinear


def names(module, *arguments, **options):
    return [t.name for t in find_targets(module, {}, *arguments, **options)]


def test_plain_layers_are_all_but_the_first_and_the_last():
    module = nn.ModuleDict(
        {
            "stem": nn.Conv1d(1, 2, 3),
            "norm": nn.BatchNorm1d(2),
            "inner": nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Conv3d(2, 2, 1)),
            "up": nn.ConvTranspose2d(2, 2, 2),
            "linear": nn.Linear(2, 2),
            "head": nn.Linear(2, 2),
        }
    )
    targets = find_targets(module, {})
    assert [t.name for t in targets] == ["inner.0", "inner.2", "linear"]
    assert targets[0].weight is module["inner"][0].weight
    assert all(t.rule == XNOR_RULE and t.layers == () for t in targets)


def test_binary_layers_are_taken_wherever_they_are_and_plain_ones_left():
    module = nn.Sequential(
        BinaryConv2d(2, 2, 3), nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3), nn.Flatten(),
        BinaryLinear(2, 2, input_sign=None, weight_rule=BINARYNET_RULE),
    )  # fmt: skip
    targets = find_targets(module, {})
    assert [t.name for t in targets] == ["0", "4"]
    assert [t.rule for t in targets] == [XNOR_RULE, BINARYNET_RULE]
    assert [t.layers for t in targets] == [(module[0],), (module[4],)]


def test_shared_weights_are_one_target_and_all_their_layers_are_told():
    module = nn.Sequential(*(BinaryLinear(3, 3) for _ in range(3)))
    module[2].weight = module[0].weight
    targets = find_targets(module, {"alpha": "layer"})
    assert [t.name for t in targets] == ["0", "1"]
    assert targets[0].layers == (module[0], module[2])
    assert {layer.weight_rule.alpha for layer in module} == {"layer"}


def test_plain_shared_weights_count_once_for_first_and_last():
    module = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))
    module[3].weight = module[0].weight
    assert names(module) == ["1"]


def test_a_module_used_twice_is_one_target():
    inner = nn.Linear(3, 3)
    assert names(nn.Sequential(nn.Linear(3, 3), inner, nn.ReLU(), inner, nn.Linear(3, 3))) == ["1"]


def test_frozen_weights_are_left():
    module = plain_network()
    module[2].weight.requires_grad_(False)
    assert names(module, wanted=["*"]) == ["0", "5", "7"]
    binary = binary_network()
    binary[5].weight.requires_grad_(False)
    assert names(binary) == ["2"]


def test_a_module_that_is_frozen_as_a_whole_keeps_its_targets():
    assert names(plain_network().requires_grad_(False)) == ["2", "5"]


def test_frozen_binary_layers_never_make_plain_ones_targets():
    module = nn.Sequential(BinaryLinear(3, 3), *(nn.Linear(3, 3) for _ in range(3)))
    module[0].requires_grad_(False)
    with pytest.raises(ValueError, match="finds nothing to binarise"):
        find_targets(module, {})


class NetworkMetric(Metric):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(*(nn.Linear(3, 3) for _ in range(3)))

    def update(self):
        """Nothing to count."""

    def compute(self):
        return torch.zeros(())


def test_networks_of_metrics_are_left():
    module = nn.ModuleDict({"network": plain_network(), "metric": NetworkMetric()})
    assert names(module) == ["network.2", "network.5"]


def test_names_do_not_show_compilation():
    module = nn.ModuleDict({"network": torch.compile(plain_network())})
    assert names(module) == ["network.2", "network.5"]
    assert names(torch.compile(plain_network())) == ["2", "5"]


@pytest.mark.parametrize(
    ("wanted", "unwanted", "expected"),
    [
        (["network.0", "network.7"], [], ["network.0", "network.7"]),
        (["network"], ["network.5"], ["network.0", "network.2", "network.7"]),
        (["*.?"], ["network.[07]"], ["network.2", "network.5"]),
        (None, ["network.5"], ["network.2"]),
    ],
)
def test_names_and_patterns_choose(wanted, unwanted, expected):
    module = nn.ModuleDict({"network": plain_network()})
    assert names(module, wanted, unwanted) == expected


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"wanted": ["conv3"]}, r"'conv3' fits no layer that is trained; there are: 0, 2, 5, 7"),
        ({"unwanted": ["*", "nothing"]}, "'nothing' fits no layer that is trained"),
        (
            {"unwanted": ["2", "5"]},
            r"finds nothing to binarise in Sequential.*\(here: 0, 2, 5, 7\)",
        ),
        ({"wanted": []}, "finds nothing to binarise"),
    ],
)
def test_names_that_fit_nothing_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        find_targets(plain_network(), {}, **arguments)


@pytest.mark.parametrize(
    "module", [nn.ReLU(), nn.Linear(3, 3), nn.Sequential(*[nn.Linear(3, 3)] * 2)]
)
def test_a_module_with_nothing_inside_is_refused_with_the_way_out(module):
    with pytest.raises(ValueError, match=r"targets=, or leave BinOp out"):
        find_targets(module, {})


def test_a_weight_without_shape_is_refused():
    with pytest.raises(ValueError, match=r"^1: its weight has no shape yet"):
        find_targets(nn.Sequential(nn.Linear(3, 3), nn.LazyLinear(3), nn.Linear(3, 3)), {})


def test_a_parametrised_weight_is_left():
    module = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))
    nn.utils.parametrizations.weight_norm(module[1])
    assert names(module) == ["2"]


def test_a_depthwise_layer_is_named_in_a_warning():
    depthwise = nn.Conv2d(4, 4, 3, groups=4)
    module = nn.Sequential(nn.Conv2d(1, 4, 1), depthwise, nn.Conv2d(4, 4, 1), nn.Linear(4, 2))
    with pytest.warns(UserWarning, match=r"^1, weight of shape \(4, 1, 3, 3\).*not centred"):
        assert names(module) == ["1", "2"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_targets(module, {"centre": False})


def test_description_has_a_line_for_each_target():
    text = describe(find_targets(binary_network(), {"rule": "paper"}))
    assert text.splitlines()[1:] == [
        "  2  (6, 4, 2, 2)  paper, alpha filter",
        "  5  (8, 24)  paper, alpha filter",
    ]
