"""Binary layers of several bits: integers in evaluation, the same in training, under BinOp too."""

import copy

import pytest
import torch
from layer_kinds import KINDS, example, make

from xnorkit.binarize import WeightRule
from xnorkit.callbacks import BinOp
from xnorkit.nn import BinaryLinear

SIGNED = {"weight_rule": WeightRule(bits=3), "input_bits": 2}
UNIT = {
    "weight_rule": WeightRule(
        centre=False, clamp=False, alpha="none", rule="straight", bits=2, squash=True
    ),
    "input_bits": 3,
    "input_range": "unit",
}
CASES = {
    "signed": SIGNED,
    "scaled": {**SIGNED, "input_scale": "map"},
    "unit": UNIT,
    "zeros and ones": {"input_bits": 1, "input_range": "unit"},
    "binary gradient": {**SIGNED, "binary_gradient": True},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_training_and_evaluation_agree(kind, case):
    layer, x = make(kind, **CASES[case]), example(kind)
    torch.testing.assert_close(layer.train()(x), layer.eval()(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["conv1d", "conv2d"])
@pytest.mark.parametrize("value", [1, -1])
def test_a_border_has_its_value_whatever_the_bits(kind, value):
    layer, bare = make(kind, **SIGNED, padding=1, padding_value=value), make(kind, **SIGNED)
    bare.load_state_dict(layer.state_dict())
    x = example(kind)
    bordered = torch.nn.functional.pad(x, (1, 1) * (x.dim() - 2), value=float(value))
    for mode in (True, False):
        torch.testing.assert_close(
            layer.train(mode)(x), bare.train(mode)(bordered), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("case", ["signed", "unit"])
def test_taps_in_a_border_of_0_vanish_whatever_the_bits(case):
    layer, x = make("conv2d", **CASES[case], padding=2), example("conv2d")
    inner = make("conv2d", **CASES[case])
    inner.load_state_dict(layer.state_dict())
    for mode in (True, False):
        y = layer.train(mode)(x)
        torch.testing.assert_close(y[..., 2:-2, 2:-2], inner.train(mode)(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.train()(x), layer.eval()(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["signed", "unit", "zeros and ones"])
def test_evaluation_is_one_scale_times_an_integer(kind, case):
    layer = make(kind, **CASES[case], bias=False).eval()
    scale = layer.per_channel(layer.sum_scale().detach())
    sums = layer(example(kind)).detach() / scale
    assert sums.unique().numel() > 3
    assert sums.abs().max() <= layer.largest_sum
    torch.testing.assert_close(sums, sums.round(), rtol=1e-6, atol=1e-4)


def test_a_backend_that_is_slightly_off_changes_no_bit(monkeypatch):
    layer, x = make("conv2d", **SIGNED).eval(), example("conv2d")
    expected = layer(x)
    exact_map = layer.linear_map
    monkeypatch.setattr(layer, "linear_map", lambda *a: exact_map(*a) + 3e-2 * torch.randn(1))
    assert torch.equal(layer(x), expected)


def test_sums_past_float32s_integers_are_exact_too():
    rule = WeightRule(bits=8, alpha="none", centre=False)
    wide = BinaryLinear(1001, 2, bias=False, input_bits=8, weight_rule=rule).eval()
    torch.nn.init.ones_(wide.weight)
    x = torch.ones(1, 1001)
    x[0, 0] = -1 + 2 / 255
    expected = (1000 * 255 * 255 - 253 * 255) / 255**2
    assert wide.largest_sum > 2**24
    assert wide(x)[0, 0].item() == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["signed", "unit"])
def test_binops_step_has_the_gradient_of_the_graph(kind, case):
    layer = make(kind, **CASES[case]).double()
    bin_op = BinOp().attach(layer)
    bin_op.binarize_()  # centres and clamps for good
    bin_op.restore_()
    rule = layer.weight_rule
    if rule.centre:
        layer.weight_rule = WeightRule(**{**vars(rule), "centre": False})
    twin, x = copy.deepcopy(layer), example(kind, torch.float64)
    y = layer(x)
    bin_op.binarize_()
    held = layer(x)
    torch.testing.assert_close(held, y)
    held.square().sum().backward()
    bin_op.restore_()
    bin_op.rescale_gradients_()
    twin(x).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, twin.weight.grad)


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_evaluation_is_the_same_bits(kind):
    layer, x = make(kind, **UNIT).eval(), example(kind)
    assert torch.equal(torch.export.export(layer, (x,)).module()(x), layer(x))


def test_printed_it_says_its_bits():
    text = repr(make("linear", **UNIT))
    assert text.endswith("input_bits=3, input_range=unit)")
    assert "bits=2" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"input_bits": 9}, "bits=9: an input has a whole number of bits, 1 … 8"),
        ({"input_range": "half"}, "input_range='half': choose one of signed, unit"),
        ({"input_range": "unit", "input_scale": "map"}, "input_range='unit': such an input has no"),
        ({"input_bits": 2, "input_sign": "ste_approx"}, "only one signed bit has a choice"),
        ({"input_bits": 2, "input_sign": None}, "only one signed bit has a choice"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        make("linear", **options)


def test_a_border_of_minus_one_is_no_value_of_zero_to_one():
    with pytest.raises(ValueError, match="padding_value=-1 with input_range='unit'"):
        make("conv2d", input_range="unit", padding=1, padding_value=-1)
