"""xnorkit.nn.int8_stem: its state, and whole numbers in evaluation, bit for bit."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from int8_cases import KINDS, assert_bits, conv, pair, spread
from torch import nn

from xnorkit.nn import Int8Conv1d, Int8Conv2d, Int8Layer, Int8Linear
from xnorkit.nn.int8_stem import INPUT_UNIT, MAX_INPUTS

CONVOLUTIONS = [
    {},
    {"stride": (2, 1), "padding": 2},
    {"padding": "same", "dilation": 2},
    {"padding": 1, "groups": 2},
    {"padding": 1, "padding_mode": "reflect", "bias": False},
]


# state


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_state_dict_is_torchs_and_the_steps(kind, bias):
    arguments, ours, theirs = {
        "conv": ((2, 6, 3), Int8Conv2d, nn.Conv2d),
        "sequence": ((2, 6, 3), Int8Conv1d, nn.Conv1d),
        "linear": ((40, 6), Int8Linear, nn.Linear),
    }[kind]
    torch.manual_seed(3)
    layer = ours(*arguments, bias=bias)
    torch.manual_seed(3)
    twin = theirs(*arguments, bias=bias)
    assert isinstance(layer, (Int8Layer, theirs))
    assert set(layer.state_dict()) == {*twin.state_dict(), *Int8Layer.STEPS}
    for name, value in twin.state_dict().items():
        assert torch.equal(layer.state_dict()[name], value), name  # the same draws, too
    missing = layer.load_state_dict(twin.state_dict(), strict=False)
    assert set(missing.missing_keys) == set(Int8Layer.STEPS)


def test_steps_begin_as_lsqs_and_suit_the_weights():
    layer = conv()
    with torch.no_grad():
        layer.weight.mul_(torch.logspace(-3, 3, 6).reshape(-1, 1, 1, 1))
        layer.weight[2] = 0
        layer.raw_input_step.fill_(2)
    layer.reset_steps()
    means = layer.weight.detach().double().abs().mean((1, 2, 3))
    means[2] = 0.5 / math.sqrt(18)  # of torch's own start, for want of another
    _, steps = layer.quantised_weight()
    expected = (2 * means / math.sqrt(127)).float()
    torch.testing.assert_close(steps, expected, rtol=1e-5, atol=0)
    assert layer.input_step() == np.float32(INPUT_UNIT)


def test_resetting_the_parameters_resets_the_steps():
    layer = spread(conv())
    layer.reset_parameters()
    assert layer.raw_input_step == 0
    assert layer.raw_weight_step.abs().max() < 1  # torch's start is their unit


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_compute_the_same(copier):
    layer, x = pair("conv")
    twin = copier(spread(layer))
    assert torch.equal(twin(x), layer(x))
    assert torch.equal(twin.eval()(x), layer.eval()(x))


# evaluation


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("batch", [1, 17])
def test_a_convolution_is_that_of_whole_numbers_bit_for_bit(options, batch):
    x = 2 * torch.randn(batch, 2, 9, 10)
    assert_bits(spread(conv(**options)), x)


@pytest.mark.parametrize("kind", KINDS)
def test_each_layer_is_that_of_whole_numbers_bit_for_bit(kind):
    layer, x = pair(kind)
    assert_bits(spread(layer), 2 * x)


@pytest.mark.parametrize("features", [1, 40, 1040, 1041, 5000])
def test_a_linear_layer_is_that_of_whole_numbers_bit_for_bit(features):
    assert_bits(spread(Int8Linear(features, 6)), 2 * torch.randn(9, features))


@pytest.mark.parametrize("features", [1040, 1041, 40001])
def test_the_largest_sums_are_exact(features):
    layer = Int8Linear(features, 2, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1e3)
        layer.weight[:, -1] = layer.quantised_weight()[1]  # 1, an odd one at the end
    x = torch.full((1, features), 1e3)
    assert_bits(layer, x)
    sums = layer(x) / layer.output_scale()
    torch.testing.assert_close(sums, torch.full((1, 2), 127.0**2 * (features - 1) + 127))


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("sizes", [(1, 8, 3), (3, 8, 3), (16, 8, 3), (1, 8, 7)])
def test_no_backend_convolves_by_transforms_that_round(sizes, onednn):
    # With 16 samples and more torch takes NNPACK's Winograd and FFT where oneDNN is not.
    layer = conv(sizes=sizes, padding=1)
    with torch.no_grad():  # large sums: their error grows with them
        layer.weight.copy_(
            torch.rand_like(layer.weight) * 127 / math.sqrt(127 * layer.weight[0].numel())
        )
        layer.raw_weight_step.zero_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of another setting, that `flags` reads and writes back
        with torch.backends.mkldnn.flags(enabled=onednn):
            assert_bits(layer, 4 * torch.rand(16, sizes[0], 32, 32))
    assert torch.backends.nnpack.set_flags(True) == (True,)  # it is left as it was


def test_sums_that_are_slightly_off_change_no_bit(monkeypatch):
    layer, x = pair("conv")
    layer.eval()
    expected, exact = layer(x), layer.linear_map
    monkeypatch.setattr(layer, "linear_map", lambda *a: exact(*a) + 0.3 * torch.rand(1))
    assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_under_bfloat16_autocast_is_still_exact(kind):
    layer, x = pair(kind)
    expected = spread(layer).eval()(x)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.float32
    assert torch.equal(y, expected)


def test_channels_last_changes_no_bit():
    layer = spread(conv(sizes=(1, 8, 5), stride=2)).to(memory_format=torch.channels_last)
    x = torch.randn(4, 1, 20, 20)
    assert_bits(layer, x)
    assert layer(x).is_contiguous(memory_format=torch.channels_last)
    y = layer.train()(x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    y.sum().backward()
    assert layer.weight.grad.stride() == layer.weight.stride()  # or DDP warns


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_modules_of_every_dtype(kind, dtype):
    layer, x = pair(kind)
    layer, x = layer.to(dtype), x.to(dtype)
    y = layer(x)
    assert y.dtype == dtype
    y.float().sum().backward()
    assert layer.raw_input_step.grad.dtype == dtype
    wide = copy.deepcopy(layer).to(torch.promote_types(dtype, torch.float32))
    expected = wide.eval()(x.to(wide.weight.dtype))
    assert torch.equal(layer.eval()(x), expected.to(dtype))
    torch.testing.assert_close(y.float(), expected.float(), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [True, False])
def test_no_sample_and_one_without_a_batch(kind, mode):
    layer, x = pair(kind)
    layer.train(mode)
    torch.testing.assert_close(layer(x[0]), layer(x)[0])
    empty = layer(x[:0])
    assert empty.shape == (0, *layer(x).shape[1:])
    empty.sum().backward()
    assert all(p.grad.abs().sum() == 0 for p in layer.parameters())


@pytest.mark.parametrize("mode", [True, False])
def test_a_nan_weight_shows_in_its_own_filter_only(mode):
    layer, x = pair("linear")
    with torch.no_grad():
        layer.weight[1, 0] = float("nan")
    assert layer.train(mode)(x).isnan().any(0).tolist() == [False, True, *[False] * 4]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("autocast", [True, False])
def test_training_and_evaluation_agree(kind, autocast):
    layer, x = pair(kind)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y = spread(layer)(x)
    close = {"rtol": 0.02, "atol": 0.05} if autocast else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(y.float(), layer.eval()(x), **close)


def test_eight_bits_are_near_the_float_layer():
    layer = Int8Conv2d(1, 16, 7, 2, 3, bias=False)
    x = torch.randn(4, 1, 40, 51)
    y, twin = layer.eval()(x), F.conv2d(x, layer.weight, None, 2, 3)
    noise = (y - twin).square().mean() / twin.square().mean()
    assert 10 * noise.log10() < -20


def test_what_a_deploy_needs_is_there():
    layer = spread(conv(padding=1))
    whole, steps = layer.quantised_weight()
    assert (whole.dtype, whole.shape) == (torch.int8, layer.weight.shape)
    assert (steps.dtype, steps.shape) == (torch.float32, (6,))
    assert whole.min() >= -127
    assert whole.abs().max() == 127
    assert isinstance(layer.input_step(), float)
    assert np.float32(layer.input_step()) == layer.input_step()
    expected = np.float32(layer.input_step()) * steps.numpy()
    np.testing.assert_array_equal(layer.output_scale().detach().numpy(), expected)


# refusals


def test_filters_too_long_for_int32_are_refused():
    assert 2**31 - 127**2 <= MAX_INPUTS * 127**2 < 2**31
    with pytest.raises(ValueError, match=r"133145 inputs a filter: .* Use a float stem"):
        Int8Linear(133145, 1, device="meta")
    Int8Linear(133144, 1, device="meta")
    Int8Conv2d(133145, 5, 1, groups=5, device="meta")


def test_printed_it_is_torchs_layer_in_int8():
    assert repr(Int8Linear(3, 2)) == "Int8Linear(in_features=3, out_features=2, bias=True, int8)"
