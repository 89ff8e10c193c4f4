"""Layers of several bits against torch: sums to the bit, planes of weights, what is refused."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from random_networks import settle
from torch import nn

from xnorkit.binarize import WeightRule
from xnorkit.binarize.binop import latent_codes
from xnorkit.deploy.lower import lower
from xnorkit.deploy.ops import Map, Value, Window
from xnorkit.deploy.ops.bitplane_conv2d import BitplaneConv2d, plane_filters
from xnorkit.deploy.ops.quantise import Quantise
from xnorkit.deploy.pipeline import plan
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.networks import KWSCNN
from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLinear
from xnorkit.schemes import XNOR, DoReFa


def rule(bits, **others):
    return WeightRule(centre=False, bits=bits, **others)


DOREFA = rule(3, clamp=False, alpha="none", rule="straight", squash=True)
LAYERS = [
    BinaryConv2d(5, 7, 3, padding=1, weight_rule=rule(2), input_bits=2),
    BinaryConv2d(66, 3, (1, 3), padding=(0, 1), padding_value=-1, input_bits=4),
    BinaryConv2d(6, 9, 3, (2, 1), 1, groups=3, padding_value=1, weight_rule=rule(4), input_bits=3),
    BinaryConv2d(6, 6, 3, padding=1, groups=6, weight_rule=rule(2), input_bits=1),
    BinaryConv2d(5, 7, 3, padding=2, weight_rule=DOREFA, input_bits=2, input_range="unit"),
    BinaryConv2d(
        6, 4, 2, padding=1, groups=2, padding_value=1, weight_rule=rule(1, alpha="layer"),
        input_bits=4, input_range="unit",
    ),
    BinaryConv2d(5, 4, 3, padding=1, input_range="unit"),
    BinaryConv2d(5, 4, 3, padding=1, weight_rule=rule(2), input_bits=2, input_scale="map"),
]  # fmt: skip
AFTER = [LAYERS[index] for index in (4, 0, 6, 4, 6, 0, 4)]  # of 5 channels


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_sums_scales_and_biases_are_torchs(layer):
    torch.manual_seed(0)
    nn.init.uniform_(layer.weight, -1.2, 1.2)
    wanted, got, program = outputs(nn.Sequential(layer), torch.randn(3, layer.in_channels, 7, 8))
    assert len(np.unique(wanted)) > 50
    if layer.input_scale == "none":
        np.testing.assert_array_equal(got, wanted)
    else:
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    one = layer.input_bits == layer.weight_rule.bits == 1
    assert ("binary_conv2d" if one else "bitplane_conv2d") in [op.kind for op in program.ops]


@pytest.mark.parametrize(("before", "after"), list(zip(LAYERS[:7], AFTER, strict=True)), ids=str)
def test_a_row_of_layers_with_batch_norms_is_exact(before, after):
    torch.manual_seed(1)
    out = before.out_channels
    link = BinaryConv2d(out, 5, 1, weight_rule=rule(2), input_bits=3)
    network = nn.Sequential(
        before, nn.BatchNorm2d(out), nn.ReLU(), link, nn.MaxPool2d(2), nn.BatchNorm2d(5), after
    )
    wanted, got, _ = outputs(settle(network, 2), torch.randn(3, before.in_channels, 7, 8))
    np.testing.assert_array_equal(got, wanted)


def test_sequences_vectors_and_flattened_maps_work_too():
    torch.manual_seed(0)
    network = nn.Sequential(
        BinaryConv1d(3, 5, 2, 2, padding=1, weight_rule=rule(2), input_bits=2),
        nn.Flatten(),
        nn.BatchNorm1d(25),
        BinaryLinear(25, 6, weight_rule=DOREFA, input_bits=3, input_range="unit"),
    )
    wanted, got, _ = outputs(settle(network, 1), torch.randn(3, 3, 8))
    np.testing.assert_array_equal(got, wanted)


def test_planes_of_a_group_stand_together_lowest_first():
    layer = BinaryConv2d(4, 6, (2, 3), groups=2, weight_rule=rule(3))
    nn.init.uniform_(layer.weight, -1, 1)
    lowered = lower(nn.Sequential(layer), torch.zeros(1, 4, 5, 5))
    [step] = lowered.binary
    signs = plane_filters(layer, step.kernel).reshape(2, 3, 3, 2, 3, 2)
    codes = step.kernel.filters(latent_codes(layer.weight, layer.weight_rule)[0])
    assert torch.equal(
        signs[:, 0] + 2 * signs[:, 1] + 4 * signs[:, 2], codes.reshape(2, 3, 2, 3, 2)
    )


def test_a_weight_takes_its_bits():
    layer = BinaryConv2d(5, 7, 3, weight_rule=rule(3), input_bits=2)
    specs = lower(nn.Sequential(layer), torch.zeros(1, 5, 4, 4)).program.tensor_specs()
    assert specs["0.weight"] == ("uint8", (3 * 7, -(-45 // 8)))
    assert specs["0.input.threshold"] == ("float32", (3, 5))
    assert specs["0.input.flip"] == ("uint8", (5,))


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (BinaryLinear(9, 2, input_bits=5), "^0: inputs of 5 bits; an engine has up to 4. Change"),
        (BinaryLinear(9, 2, weight_rule=rule(8)), "^0: weights of 8 bits; an engine has up to 4"),
        (
            BinaryLinear(75000, 1, weight_rule=rule(4), input_bits=4),
            "^0: sums up to 16875000, of which float32 can't hold each one",
        ),
        (
            BinaryLinear(9, 2, weight_rule=rule(2), input_sign=None),
            "^0: weights of 2 bits with a real input; 1 bit",
        ),
    ],
)
def test_what_an_engine_can_not_is_refused_before_training(layer, sentence):
    with pytest.raises(Unsupported, match=sentence):
        lower(nn.Sequential(layer), torch.zeros(1, layer.in_features))


@pytest.mark.filterwarnings("ignore:input_scale='batch'")
def test_one_number_of_the_batch_is_refused_with_the_reason():
    with pytest.raises(Unsupported, match="one number of the whole batch, so an answer depends"):
        lower(nn.Sequential(BinaryLinear(9, 2, input_scale="batch")), torch.zeros(1, 9))


@pytest.mark.parametrize(("rows", "bits", "fits"), [(6, 2, True), (6, 4, False), (3, 1, True)])
def test_an_op_of_a_file_fits_only_whole_planes(rows, bits, fits):
    values = (Value("bits", Map(rows, 4, 5)), Value("real", Map(3, 4, 2)))
    window = Window(1, 1, 1, 1, 1, 1, 0, 0, 3, 4)
    assert BitplaneConv2d("op", (0,), 1, 2, 1, window, 0, bits, 2).fits(values) == fits


@pytest.mark.parametrize("bits", [-1, 0, 5, 10**18])
def test_an_op_of_a_file_has_bits_that_an_engine_can_have(bits):
    window = Window(1, 1, 1, 1, 1, 1, 0, 0, 3, 4)
    for both in ((bits, 2), (2, bits)):
        with pytest.raises(ValueError, match=f"_bits={bits}: an engine has 1 … 4"):
            BitplaneConv2d("op", (0,), 1, 2, 1, window, 0, *both)
    with pytest.raises(ValueError, match=f"bits={bits}: an engine has 1 … 4"):
        Quantise("op", (0,), 1, bits)


@pytest.mark.parametrize("scheme", [DoReFa(2, 3), DoReFa(1, 1), XNOR(bits=2)], ids=str)
def test_the_size_is_known_before_the_numbers(scheme):
    def network(seed):
        torch.manual_seed(seed)
        return settle(
            KWSCNN(scheme, (1, 12, 10), 3, stem_channels=5, widths=(9, 6), pools=(2, 1)), seed
        )

    untrained = plan(network(0), torch.zeros(1, 1, 12, 10), ("a", "b", "c"))
    assert (
        len(plan(network(1), torch.zeros(1, 1, 12, 10), ("a", "b", "c")).model())
        == untrained.nbytes
    )
