"""xnorkit.nn.binary_layer: when weights are binarised, in which precision, with which gradient."""

import copy
import pickle
import warnings

import pytest
import torch
from layer_kinds import ARGUMENTS, KINDS, TORCH, example, make
from torch import nn

from xnorkit.binarize import (
    BINARYNET_RULE,
    ESTIMATORS,
    WeightRule,
    binarize_weight,
    centre_and_clamp,
)
from xnorkit.nn import BinaryConv2d, BinaryLayer, BinaryLinear


def channels(values, layer):
    return values.reshape(-1, *(1,) * (layer.weight.dim() - 2))


def exact(layer, x):
    """Integers of sign(x) and sign(W), by torch in float64, and α in the weight's dtype."""
    latent = centre_and_clamp(layer.weight.detach())
    signs, alpha = binarize_weight(latent)
    sums = layer.linear_map(torch.where(x < 0, -1.0, 1.0).double(), signs.double(), None)
    return sums.round(), channels(alpha, layer)


# state


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_state_dict_is_torchs_in_both_directions(kind, bias):
    ours, theirs = make(kind, bias=bias), TORCH[kind](*ARGUMENTS[kind], bias=bias)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert torch.equal(ours.weight, theirs.weight)
    theirs.load_state_dict(make(kind, bias=bias).state_dict(), strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_binary_layer_is_a_torch_layer_and_a_binary_layer(kind):
    assert isinstance(make(kind), TORCH[kind])
    assert isinstance(make(kind), BinaryLayer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", ["none", "map", "tensor"])
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_compute_the_same(kind, scale, copier):
    layer = make(kind, input_scale=scale, weight_rule=BINARYNET_RULE, input_sign="ste_approx")
    twin, x = copier(layer), example(kind)
    assert (twin.weight_rule, twin.input_sign) == (BINARYNET_RULE, "ste_approx")
    assert torch.equal(twin(x), layer(x))
    assert torch.equal(twin.eval()(x), layer.eval()(x))


# evaluation


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_under_bfloat16_autocast_is_still_exact(kind):
    layer = make(kind).eval()
    x = example(kind)
    sums, alpha = exact(layer, x)
    expected = sums.float() * alpha + channels(layer.bias, layer)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x.bfloat16())
    assert y.dtype == torch.float32
    assert torch.equal(y, expected)


def test_sums_past_256_survive_bfloat16_autocast():
    rule = WeightRule(centre=False, alpha="none")
    layer = BinaryLinear(1001, 1, bias=False, weight_rule=rule).eval()
    nn.init.ones_(layer.weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.ones(1, 1001)).item() == 1001


@pytest.mark.parametrize("scale", ["map", "tensor"])
@pytest.mark.parametrize("kind", KINDS)
def test_input_scales_leave_autocast_too(kind, scale):
    layer = make(kind, input_scale=scale).eval()
    x = example(kind)
    expected = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), expected)


def test_winograd_sized_convolutions_are_integers_in_evaluation():
    rule = WeightRule(centre=False, alpha="none")
    layer = BinaryConv2d(64, 16, 3, padding=1, bias=False, weight_rule=rule).eval()
    y = layer(torch.randn(2, 64, 32, 32))
    assert torch.equal(y, y.round())
    assert (y.abs().max() <= 576).item()


def test_a_backend_that_is_slightly_off_changes_no_bit(monkeypatch):
    layer, x = make("conv2d").eval(), example("conv2d")
    expected = layer(x)
    exact_map = layer.linear_map
    monkeypatch.setattr(layer, "linear_map", lambda *a: exact_map(*a) + 3e-5 * torch.randn(1))
    assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_modules_of_every_dtype(kind, dtype):
    layer = make(kind).to(dtype)
    x = example(kind, dtype)
    assert layer(x).dtype == dtype
    layer.eval()
    sums, alpha = exact(layer, x)
    wide = torch.promote_types(dtype, torch.float32)
    expected = sums.to(wide) * alpha.to(wide) + channels(layer.bias, layer).to(wide)
    assert layer(x).dtype == dtype
    assert torch.equal(layer(x), expected.to(dtype))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("input_sign", [None, *ESTIMATORS])
@pytest.mark.parametrize("alpha", ["filter", "layer", "none"])
def test_training_and_evaluation_agree(kind, input_sign, alpha):
    layer = make(kind, input_sign=input_sign, weight_rule=WeightRule(alpha=alpha))
    x = example(kind)
    torch.testing.assert_close(layer.train()(x), layer.eval()(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["conv1d", "conv2d"])
@pytest.mark.parametrize("scale", ["none", "map", "tensor"])
@pytest.mark.parametrize("mode", [True, False])
def test_an_unbatched_input_is_a_batch_of_one(kind, scale, mode):
    layer = make(kind, input_scale=scale, padding=1, padding_value=1).train(mode)
    x = example(kind)
    torch.testing.assert_close(layer(x[0]), layer(x[:1])[0])
    assert layer(x[:0]).shape == (0, *layer(x).shape[1:])


def test_channels_last_input_and_weight():
    layer = make("conv2d").eval()
    x = example("conv2d")
    expected = layer(x)
    layer.to(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(x.to(memory_format=torch.channels_last)), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [True, False])
def test_an_input_of_signs_gives_what_the_real_one_gave(kind, mode):
    layer = make(kind).train(mode)
    x = example(kind)
    assert torch.equal(layer(x), layer(torch.where(x < 0, -1.0, 1.0)))


@pytest.mark.parametrize("mode", [True, False])
def test_zeros_count_as_plus_one_and_a_filter_of_zeros_is_silent(mode):
    layer = BinaryLinear(3, 2, bias=False, weight_rule=WeightRule(centre=False)).train(mode)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, -0.0, 3.0], [0.0, 0.0, 0.0]]))
    y = layer(torch.tensor([[0.0, -0.0, float("nan")]]))
    assert y.tolist() == [[1, 0]]  # 3 signs · α = mean(0, 0, 1)


@pytest.mark.parametrize("mode", [True, False])
def test_a_nan_weight_shows_in_its_own_filter_only(mode):
    layer = BinaryLinear(3, 2, weight_rule=WeightRule(centre=False)).train(mode)
    with torch.no_grad():
        layer.weight[1, 0] = float("nan")
    y = layer(torch.randn(1, 3))
    assert y[0, 0].isfinite()
    assert y[0, 1].isnan()


def test_a_layer_on_the_meta_device_tells_its_shape():
    for mode in (True, False):
        layer = make("conv2d", device="meta").train(mode)
        assert layer(torch.empty(2, 4, 7, 6, device="meta")).shape == (2, 6, 5, 4)


# other tools of torch


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", ["none", "map"])
def test_exported_evaluation_is_the_same_bits_without_autocast_regions(kind, scale):
    layer = make(kind, input_scale=scale).eval()
    x = example(kind)
    program = torch.export.export(layer, (x,))
    assert torch.equal(program.module()(x), layer(x))
    assert "autocast" not in str(program.graph)


@pytest.mark.parametrize("mode", [True, False])
def test_a_layer_compiles_into_one_graph(mode):
    torch._dynamo.reset()
    layer = make("conv2d", padding=1).train(mode)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = example("conv2d")
    y = compiled(x)
    torch.testing.assert_close(y, layer(x))
    y.sum().backward()
    gradient = layer.weight.grad.clone()
    layer.weight.grad = None
    layer(x).sum().backward()
    torch.testing.assert_close(gradient, layer.weight.grad)


# refusals


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_options_are_refused_with_the_known_ones(kind):
    with pytest.raises(ValueError, match="input_sign='tanh': choose one of ste_clip, .* or None"):
        make(kind, input_sign="tanh")
    with pytest.raises(ValueError, match="input_scale='row': choose one of none, map, tensor"):
        make(kind, input_scale="row")
    with pytest.raises(ValueError, match="input_scale='map' with input_sign=None: .* Use input_sc"):
        make(kind, input_sign=None, input_scale="map")


def test_filters_too_long_for_float32_are_refused():
    with pytest.raises(ValueError, match=r"16777216 inputs a filter: .* Use groups or a smaller"):
        BinaryLinear(2**24, 1, device="meta")
    BinaryLinear(2**24 - 1, 1, device="meta")
    BinaryLinear(2**24, 1, device="meta", input_sign=None)


def test_one_input_channel_is_not_centred_and_says_so():
    with pytest.warns(UserWarning, match=r"shape \(4, 1, 3, 3\): .* not centred; WeightRule\(cen"):
        layer = BinaryConv2d(4, 4, 3, groups=4)
    assert layer(torch.randn(1, 4, 3, 3)).isfinite().all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BinaryConv2d(4, 4, 3, groups=4, weight_rule=WeightRule(centre=False))


def test_printed_it_names_its_estimator_and_rule():
    text = repr(BinaryLinear(3, 2, input_scale="tensor"))
    assert text.startswith("BinaryLinear(in_features=3, out_features=2, bias=True, input_sign=ste_")
    assert "alpha='filter'" in text
    assert text.endswith("input_scale=tensor)")


@pytest.mark.parametrize("rule", [{"alpha": "filter"}, "chain"])
def test_a_weight_rule_that_is_none_is_refused(rule):
    with pytest.raises(TypeError, match=r"xnorkit\.binarize\.WeightRule"):
        BinaryLinear(3, 4, weight_rule=rule)
