"""Packed layers against the layers that they were made of, bit by bit."""

import copy

import pytest
import torch
from torch import nn

from xnorkit.binarize import BINARYNET_RULE, WeightRule
from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLinear
from xnorkit.ops import OpError, pack_

RULES = [WeightRule(alpha=alpha) for alpha in ("filter", "layer", "none")]
BORDERS = [(0, "zeros"), (1, "zeros"), (-1, "zeros"), (0, "reflect"), (0, "circular")]
CONV1D = {"in_channels": 16, "out_channels": 20, "kernel_size": 3}
CONV2D = {"in_channels": 12, "out_channels": 20, "kernel_size": (3, 2)}


def answers(layer, x):
    """Before and after packing."""
    layer.eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        before = layer(x)
        return before, pack_(layer)(x)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("scale", ["none", "map", "tensor"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.alpha)
def test_a_linear_layer_answers_as_before(rule, scale, bias):
    layer = BinaryLinear(77, 20, bias, weight_rule=rule, input_scale=scale)
    for shape in ((5, 77), (77,), (2, 3, 77), (0, 77)):
        before, after = answers(copy.deepcopy(layer), torch.randn(shape))
        assert torch.equal(before, after)


@pytest.mark.parametrize(("value", "mode"), BORDERS)
@pytest.mark.parametrize("scale", ["none", "map", "tensor"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.alpha)
def test_a_convolution_answers_as_before(rule, scale, value, mode):
    options = {"weight_rule": rule, "input_scale": scale, "padding_value": value,
               "padding_mode": mode}  # fmt: skip
    for padding, stride, groups in ((1, 2, 1), ("same", 1, 2), ((2, 1), (1, 2), 4)):
        geometry = {"stride": stride, "groups": groups, "bias": groups > 1, **options}
        layer = BinaryConv2d(**CONV2D, padding=padding, **geometry)
        for shape in ((3, 12, 9, 11), (12, 5, 4)):
            before, after = answers(copy.deepcopy(layer), torch.randn(shape))
            assert torch.equal(before, after)


@pytest.mark.parametrize(("value", "mode"), BORDERS)
@pytest.mark.parametrize("scale", ["none", "map"])
def test_a_convolution_of_lines_answers_as_before(scale, value, mode):
    options = {"input_scale": scale, "padding_value": value, "padding_mode": mode}
    for padding, stride, dilation, groups in ((1, 2, 1, 1), ("same", 1, 2, 2), (3, 1, 2, 4)):
        geometry = {"padding": padding, "stride": stride, "dilation": dilation, "groups": groups}
        layer = BinaryConv1d(**CONV1D, **geometry, **options)
        for shape in ((3, 16, 31), (16, 9)):
            before, after = answers(copy.deepcopy(layer), torch.randn(shape))
            assert torch.equal(before, after)


@pytest.mark.parametrize("scale", ["batch", "max"])
@pytest.mark.filterwarnings("ignore:input_scale=.* takes one number")
def test_scales_of_a_batch_stay(scale):
    for layer, x in (
        (BinaryLinear(30, 7, input_scale=scale), torch.randn(4, 30)),
        (BinaryConv2d(**CONV2D, input_scale=scale), torch.randn(4, 12, 5, 5)),
    ):
        before, after = answers(layer, x)
        assert torch.equal(before, after)


@pytest.mark.parametrize(
    "rule",
    [BINARYNET_RULE, WeightRule(alpha="max", rule="ste"), WeightRule(squash=True, centre=False)],
    ids=["binarynet", "max", "dorefa"],
)
def test_other_rules_of_one_bit_are_packed_too(rule):
    layer, x = BinaryConv2d(**CONV2D, weight_rule=rule), torch.randn(2, 12, 6, 7)
    before, after = answers(layer, x)
    assert torch.equal(before, after)


def test_in_training_nothing_is_drawn_or_dropped():
    drawn = WeightRule(centre=False, alpha="none", rule="ste", quant_mode="stochastic")
    layer = BinaryLinear(
        77, 20, weight_rule=drawn, input_quant_mode="stochastic", input_dropout=0.5
    )
    x = torch.randn(5, 77)
    before, after = answers(layer, x)
    assert torch.equal(before, after)
    assert torch.equal(layer.train()(x), before)


def test_a_real_input_stays_real_over_packed_weights():
    for layer, x in (
        (BinaryLinear(30, 7, input_sign=None), torch.randn(4, 30)),
        (BinaryConv1d(**CONV1D, input_sign=None, padding=1, groups=2), torch.randn(4, 16, 9)),
        (BinaryConv2d(**CONV2D, input_sign=None, padding=1), torch.randn(4, 12, 5, 5)),
    ):
        before, after = answers(layer, x)
        assert torch.equal(before, after)
        assert layer.weight.dtype == torch.uint8


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", ["none", "map"])
def test_other_dtypes_round_as_before(dtype, scale):
    for layer, x in (
        (BinaryLinear(30, 7, dtype=dtype, input_scale=scale), torch.randn(4, 30)),
        (BinaryConv2d(**CONV2D, dtype=dtype, input_scale=scale), torch.randn(4, 12, 5, 5)),
    ):
        before, after = answers(layer, x.to(dtype))
        assert torch.equal(before, after)
        assert after.dtype == dtype


def test_an_input_of_float64_loses_its_tiny_numbers_as_before():
    x = -torch.logspace(-300, 0, 77, dtype=torch.float64).expand(3, 77)
    before, after = answers(BinaryLinear(77, 5), x)
    assert torch.equal(before, after)


def test_under_autocast_it_answers_in_float32_as_before():
    layer, x = BinaryConv2d(**CONV2D), torch.randn(2, 12, 6, 7)
    with torch.autocast("cpu", torch.bfloat16):
        before, after = answers(layer, x.bfloat16())
    assert torch.equal(before, after)
    assert after.dtype == torch.float32


def test_it_follows_its_network_to_another_dtype():
    layer = pack_(BinaryLinear(30, 7))
    assert layer.bfloat16()(torch.randn(2, 30).bfloat16()).dtype == torch.bfloat16
    assert layer.weight.dtype == torch.uint8


@pytest.mark.parametrize(
    ("layer", "shape", "sentence"),
    [
        (BinaryLinear(77, 5), (3, 76), "takes 77 features"),
        (BinaryConv1d(16, 5, 1), (2, 15, 9), "takes 16 channels"),
        (BinaryConv2d(16, 5, 1), (2, 13, 9, 9), "takes 16 channels"),
        (BinaryConv2d(16, 5, 1), (16, 16), "takes 16 channels"),
    ],
)
def test_an_input_of_another_size_is_refused_even_where_its_bits_take_as_many_bytes(
    layer, shape, sentence
):
    with pytest.raises(OpError, match=sentence):
        pack_(layer)(torch.randn(shape))


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (BinaryLinear(640, 32, bias=False), torch.randn(2, 640)),
        (BinaryConv1d(64, 32, 5, bias=False), torch.randn(2, 64, 9)),
        (BinaryConv2d(64, 32, 3, bias=False), torch.randn(2, 64, 5, 5)),
    ],
)
def test_weights_take_a_32nd(layer, x):
    before = layer.state_dict()["weight"].nbytes
    state = pack_(layer).state_dict()
    assert state["weight"].nbytes * 32 == before
    assert set(state) == {"weight", "alpha"}


def test_backward_says_that_there_is_no_gradient():
    layer = pack_(BinaryConv2d(**CONV2D))
    y = nn.Sequential(nn.Conv2d(12, 12, 1), layer)(torch.randn(1, 12, 5, 5))
    with pytest.raises(RuntimeError, match="xnor_conv2d has no gradient"):
        y.sum().backward()
