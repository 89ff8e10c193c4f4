"""xnorkit.nn.summary: rows and totals against numbers counted by hand."""

import pytest
import torch
from torch import nn

from xnorkit.binarize import BINARYNET_RULE, WeightRule
from xnorkit.nn import (
    BinaryConv1d,
    BinaryConv2d,
    BinaryLinear,
    Int8Conv2d,
    Int8Linear,
    summarise,
)
from xnorkit.nn.summary import Cost


def small_network():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        BinaryConv2d(8, 16, 3, stride=2, padding=1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, 10),
    )


def only(layer, *shape):
    (row,) = summarise(layer, torch.zeros(shape)).layers
    return row


def test_every_layer_of_a_small_network_is_counted():
    rows = {row.name: row for row in summarise(small_network(), torch.zeros(1, 1, 16, 16)).layers}
    assert list(rows) == ["0", "1", "2", "5"]  # pooling and flattening own nothing
    stem, norm, conv, head = rows.values()
    assert (stem.kind, stem.input_shape, stem.output_shape) == (
        "Conv2d",
        (1, 1, 16, 16),
        (1, 8, 16, 16),
    )
    assert (stem.parameters, stem.float_macs) == (72, 8 * 16 * 16 * 9)
    assert (stem.packed_bytes, stem.float_bytes) == (288, 288)
    assert (norm.parameters, norm.float_macs, norm.packed_bytes) == (16, 0, 64)
    assert (conv.kind, conv.output_shape) == ("BinaryConv2d", (1, 16, 8, 8))
    assert (conv.binary_parameters, conv.float_parameters) == (16 * 8 * 9, 16)
    assert (conv.binary_macs, conv.float_macs) == (16 * 64 * 72, 0)
    assert conv.packed_bytes == 1152 // 8 + 4 * 16 + 4 * 16  # bits, α, bias
    assert conv.float_bytes == 4 * (1152 + 16)
    assert (head.parameters, head.float_macs, head.packed_bytes) == (2570, 2560, 10280)


def test_the_total_is_the_sum():
    assert summarise(small_network(), torch.zeros(1, 1, 16, 16)).total == Cost(
        binary_parameters=1152,
        float_parameters=72 + 16 + 16 + 2570,
        binary_macs=73728,
        float_macs=18432 + 2560,
        packed_bytes=288 + 64 + 272 + 10280,
        float_bytes=288 + 64 + 4672 + 10280,
    )


def test_real_input_makes_float_macs_with_binary_weights():
    row = only(BinaryLinear(20, 5, bias=False, input_sign=None), 1, 20)
    assert (row.binary_parameters, row.binary_macs, row.float_macs) == (100, 0, 100)
    assert row.packed_bytes == 13 + 4 * 5  # 100 bits are 12.5 bytes


@pytest.mark.parametrize(("alpha", "scales"), [("filter", 6), ("layer", 1), ("none", 0)])
def test_each_scale_is_four_bytes(alpha, scales):
    layer = BinaryLinear(16, 6, bias=False, weight_rule=WeightRule(alpha=alpha))
    assert only(layer, 1, 16).packed_bytes == 12 + 4 * scales


def test_an_int8_weight_is_a_byte_and_each_step_is_four():
    row = only(Int8Conv2d(1, 8, 5, bias=False), 1, 1, 9, 9)
    assert row.packed_bytes == 8 * 25 + 4 * (8 + 1)  # weights, a step a filter, the input's
    assert row.float_bytes == 4 * 8 * 25
    assert (row.binary_parameters, row.float_parameters) == (0, 8 * 25 + 9)
    assert (row.binary_macs, row.float_macs) == (0, 8 * 25 * 25)
    row = only(Int8Linear(20, 3), 1, 20)
    assert (row.packed_bytes, row.float_bytes) == (60 + 4 * (3 + 1 + 3), 4 * 63)


def test_groups_divide_the_work():
    row = only(BinaryConv2d(8, 12, 3, groups=4, bias=False, weight_rule=BINARYNET_RULE), 1, 8, 5, 5)
    assert (row.binary_parameters, row.binary_macs) == (12 * 2 * 9, 12 * 9 * 2 * 9)
    assert only(nn.Conv2d(8, 8, 3, groups=8, bias=False), 1, 8, 5, 5).float_macs == 8 * 9 * 9


def test_one_dimension_and_unbatched_input():
    row = only(BinaryConv1d(4, 6, 5, bias=False), 4, 20)
    assert (row.input_shape, row.output_shape, row.binary_macs) == ((4, 20), (6, 16), 6 * 16 * 20)
    assert only(BinaryLinear(7, 3), 7).binary_macs == 21


def test_macs_are_those_of_the_batch_given():
    assert only(BinaryLinear(7, 3), 5, 7).binary_macs == 5 * 21


def test_transposed_convolutions_are_counted_from_their_input():
    assert only(nn.ConvTranspose1d(4, 6, 3, bias=False), 1, 4, 10).float_macs == 10 * 4 * 6 * 3


def test_a_batch_norm_is_two_floats_a_channel_whatever_it_learns():
    plain = only(nn.BatchNorm1d(5, affine=False), 2, 5)
    assert (plain.parameters, plain.packed_bytes, plain.float_bytes) == (0, 40, 40)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = BinaryLinear(8, 8, bias=False)
        self.tied = nn.Linear(8, 8, bias=False)
        self.tied.weight = self.layer.weight
        self.idle = nn.Linear(2, 3)
        self.scale = nn.Parameter(torch.ones(8))
        self.register_buffer("window", torch.ones(3))
        self.register_buffer("scratch", torch.ones(100), persistent=False)

    def forward(self, x):
        return self.tied(self.layer(self.layer(x))) * self.scale


def test_shared_layers_and_parameters_are_stored_once_and_worked_each_time():
    rows = {row.name: row for row in summarise(Twice(), torch.zeros(1, 8)).layers}
    assert (rows["layer"].binary_macs, rows["layer"].binary_parameters) == (2 * 64, 64)
    assert (rows["tied"].float_macs, rows["tied"].parameters) == (64, 0)
    assert rows["tied"].packed_bytes == 0


def test_parameters_outside_layers_and_layers_never_reached_are_there():
    rows = {row.name: row for row in summarise(Twice(), torch.zeros(1, 8)).layers}
    assert (rows[""].parameters, rows[""].packed_bytes) == (8, 4 * (8 + 3))
    assert (rows["idle"].input_shape, rows["idle"].parameters, rows["idle"].float_macs) == (
        (),
        9,
        0,
    )


def test_nothing_about_the_module_changes():
    network = small_network().train()
    network[1].eval()
    network[2].weight.grad = torch.ones_like(network[2].weight)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    summarise(network, torch.randn(2, 1, 16, 16))
    assert [m.training for m in network] == [True, False, True, True, True, True]
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert (network[2].weight.grad == 1).all()
    assert not any(m._forward_hooks for m in network.modules())


def test_a_failing_example_leaves_the_module_as_it_was():
    network = small_network().train()
    with pytest.raises(RuntimeError):
        summarise(network, torch.zeros(1, 2, 16, 16))
    assert all(m.training for m in network.modules())
    assert not any(m._forward_hooks for m in network.modules())


def test_printed_it_is_a_table_with_the_total_last():
    lines = str(summarise(small_network(), torch.zeros(1, 1, 16, 16))).splitlines()
    assert len(lines) == 6
    assert len(set(map(len, lines))) == 1
    assert lines[0].split()[:3] == ["layer", "kind", "output"]
    assert "73,728" in lines[3]
    assert lines[-1].startswith("total")
    assert lines[-1].endswith("15,304")


def test_more_bits_are_more_binary_macs_and_more_bytes():
    rule = WeightRule(centre=False, clamp=False, alpha="none", rule="straight", bits=3)
    layer = BinaryLinear(33, 5, bias=False, weight_rule=rule, input_bits=2, input_range="unit")
    row = only(layer, 1, 33)
    assert (row.binary_parameters, row.binary_macs, row.float_macs) == (165, 165 * 3 * 2, 0)
    assert (row.packed_bytes, row.float_bytes) == (-(-165 * 3 // 8), 165 * 4)
