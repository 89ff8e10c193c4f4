"""xnorkit.nn.int8_stem: whole numbers in evaluation, LSQ in training, steps that suit weights."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from xnorkit.callbacks.binop_targets import find_targets
from xnorkit.nn import BinaryConv2d, Int8Conv2d, Int8Layer, Int8Linear
from xnorkit.nn.int8_stem import INPUT_UNIT, MAX_INPUTS, stem_class

CONVOLUTIONS = [
    {},
    {"stride": (2, 1), "padding": 2},
    {"padding": "same", "dilation": 2},
    {"padding": 1, "groups": 2},
    {"padding": 1, "padding_mode": "reflect", "bias": False},
]


def conv(**options):
    return Int8Conv2d(*(options.pop("sizes", (2, 6, 3))), **options)


def pair(kind):
    """A layer with a bias and a batch for it."""
    if kind == "linear":
        return Int8Linear(40, 6), torch.randn(5, 40)
    return conv(padding=1), torch.randn(3, 2, 9, 7)


def spread(layer, factor=3.0):
    """Weights and steps as after a training: none at its start, some weights past ±127 steps."""
    with torch.no_grad():
        layer.weight.mul_(factor)
        layer.raw_weight_step.add_(torch.randn_like(layer.raw_weight_step).clamp(-0.5, 0.5))
        layer.raw_input_step.fill_(-0.3)
        layer.weight.view(-1)[::7] *= 30
    return layer


def integers(values, step):
    quotient = values.numpy() / step  # float32, each rounded once
    assert quotient.dtype == np.float32
    return np.clip(np.rint(quotient), -127, 127).astype(np.int64)


def expected_bits(layer, x):
    """Evaluation by int64 sums; only the last two operations are float32."""
    s_x = np.float32(layer.input_step())
    whole_w, s_w = layer.quantised_weight()
    column = s_w.numpy().reshape(-1, *(1,) * (layer.weight.dim() - 1))
    w = integers(layer.weight.detach(), column)
    np.testing.assert_array_equal(w, whole_w.numpy())
    # float64 holds sums to 2^53, and torch has no convolution of whole numbers.
    x, w = (torch.from_numpy(v).double() for v in (integers(x, s_x), w))
    sums = layer.linear_map(x, w, None).numpy()
    assert (sums == np.rint(sums)).all()
    channels = (-1, *(1,) * (layer.weight.dim() - 2))
    y = sums.astype(np.float32) * (s_x * s_w.numpy()).reshape(channels)
    return y if layer.bias is None else y + layer.bias.detach().numpy().reshape(channels)


def assert_bits(layer, x):
    with torch.no_grad():
        np.testing.assert_array_equal(layer.eval()(x).numpy(), expected_bits(layer, x))


# state


@pytest.mark.parametrize("kind", ["conv", "linear"])
@pytest.mark.parametrize("bias", [True, False])
def test_state_dict_is_torchs_and_the_steps(kind, bias):
    arguments, ours, theirs = {
        "conv": ((2, 6, 3), Int8Conv2d, nn.Conv2d),
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


@pytest.mark.parametrize("kind", ["conv", "linear"])
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


@pytest.mark.parametrize("kind", ["conv", "linear"])
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


@pytest.mark.parametrize("kind", ["conv", "linear"])
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


@pytest.mark.parametrize("kind", ["conv", "linear"])
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


# training


def lsq(values, step):
    """Esser et al. 2020, eq. 2, 3, 5: value, and its derivatives by value and step."""
    ratio = values / step
    whole = ratio.round().clamp(-127, 127)
    inside = ratio.abs() < 127
    return whole * step, inside.double(), torch.where(inside, whole - ratio, whole)


@pytest.mark.parametrize("kind", ["conv", "linear"])
@pytest.mark.parametrize("input_gradient", [True, False])
@pytest.mark.parametrize("frozen", [False, True])
def test_gradients_are_lsqs_closed_form(kind, input_gradient, frozen):
    layer, x = pair(kind)
    layer, x = spread(layer).double(), (2 * x.double()).requires_grad_(input_gradient)
    layer.raw_input_step.requires_grad_(not frozen)
    gradient = torch.randn_like(layer(x))
    layer(x).backward(gradient)

    axes = tuple(range(1, layer.weight.dim()))
    r_x, r_w = layer.raw_input_step.detach(), layer.raw_weight_step.detach()
    features, n = x[0].numel(), layer.weight[0].numel()
    u_x, u_w = 4 / 127, 1 / math.sqrt(n * 127)
    s_x = u_x / (1 - r_x)  # −0.3
    s_w = torch.where(r_w < 0, u_w / (1 - r_w), u_w * (1 + r_w)).reshape(-1, *[1] * len(axes))
    x_hat, x_inside, x_by_step = lsq(x.detach(), s_x)
    w_hat, w_inside, w_by_step = lsq(layer.weight.detach(), s_w)
    x_hat.requires_grad_()
    w_hat.requires_grad_()
    y = layer.linear_map(x_hat, w_hat, layer.bias.detach())
    y.backward(gradient)

    torch.testing.assert_close(layer(x), y)
    torch.testing.assert_close(layer.weight.grad, w_hat.grad * w_inside)
    slope = torch.where(r_w < 0, (1 - r_w) ** -2, 1.0) * u_w / (u_w**2 * math.sqrt(n * 127))
    expected = (w_hat.grad * w_by_step).sum(axes) * slope
    torch.testing.assert_close(layer.raw_weight_step.grad, expected)
    if input_gradient:
        torch.testing.assert_close(x.grad, x_hat.grad * x_inside)
    if frozen:
        assert layer.raw_input_step.grad is None
    else:
        slope = (1 - r_x) ** -2 * u_x / (u_x**2 * math.sqrt(features * 127))
        expected = (x_hat.grad * x_by_step).sum() * slope
        torch.testing.assert_close(layer.raw_input_step.grad, expected)


@pytest.mark.parametrize("kind", ["conv", "linear"])
def test_evaluation_passes_lsqs_gradients_unscaled(kind):
    layer, x = pair(kind)
    layer = spread(layer).double().eval()
    x = x.double().requires_grad_()
    layer(x).square().sum().backward()
    found = {n: p.grad for n, p in layer.named_parameters()}
    given, layer = x.grad, copy.deepcopy(layer).train()
    layer.zero_grad()
    x.grad = None
    layer(x).square().sum().backward()
    torch.testing.assert_close(given, x.grad)
    torch.testing.assert_close(found["weight"], layer.weight.grad)
    n = layer.weight[0].numel()
    scale = 1 / (math.sqrt(n * 127) * (1 / math.sqrt(n * 127)) ** 2)
    torch.testing.assert_close(found["raw_weight_step"] * scale, layer.raw_weight_step.grad)


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
def test_steps_stay_positive_under_rates_that_are_far_too_high(optimizer):
    layer, x = pair("conv")
    steps = optimizer(layer.parameters(), lr=1.0)
    for _ in range(30):
        steps.zero_grad()
        (layer(x) - 1).square().mean().backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 10.0)
        steps.step()
        assert layer.input_step() > 0
        assert (layer.quantised_weight()[1] > 0).all()
        assert layer(x).isfinite().all()


def test_weight_decay_alone_pulls_steps_to_their_usual_size():
    layer = spread(conv())
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(200):
        for parameter in layer.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    assert layer.input_step() == pytest.approx(INPUT_UNIT, rel=0.05)
    usual = 1 / math.sqrt(18 * 127)
    torch.testing.assert_close(
        layer.quantised_weight()[1], torch.full((6,), usual), rtol=0.1, atol=0
    )


def test_the_input_step_learns_the_range_of_its_input():
    torch.manual_seed(0)
    layer = Int8Linear(16, 16, bias=False)
    target = torch.randn(16, 16)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(300):
        x = 20 * torch.randn(64, 16)  # five times past ±127 steps at the start
        optimizer.zero_grad()
        F.mse_loss(layer(x), x @ target.T).backward()
        optimizer.step()
    assert 127 * layer.input_step() > 20


def test_a_training_step_is_the_same_for_every_split_of_the_batch():
    # As DDP averages: N of LSQ's scale counts no samples.
    layer, x = pair("conv")
    x = torch.cat([x, x + 1])
    (layer(x).square().mean()).backward()
    whole = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    for half in x.split(3):
        (layer(half).square().mean() / 2).backward()
    for gradient, parameter in zip(whole, layer.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


# other tools


@pytest.mark.parametrize("kind", ["conv", "linear"])
def test_exported_evaluation_is_the_same_bits(kind):
    layer, x = pair(kind)
    spread(layer).eval()
    program = torch.export.export(layer, (x,))
    assert torch.equal(program.module()(x), layer(x))


@pytest.mark.parametrize("mode", [True, False])
def test_a_layer_compiles_into_one_graph(mode):
    torch._dynamo.reset()
    layer, x = pair("conv")
    layer.train(mode)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    y = compiled(x)
    torch.testing.assert_close(y, layer(x))
    y.sum().backward()
    found = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    layer(x).sum().backward()
    for gradient, parameter in zip(found, layer.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def test_functional_gradients_are_those_of_backward():
    layer, x = pair("linear")
    parameters = dict(layer.named_parameters())

    def loss(parameters, x):
        return torch.func.functional_call(layer, parameters, (x,)).square().sum()

    by_parameters, by_x = torch.func.grad(loss, argnums=(0, 1))(parameters, x)
    x = x.clone().requires_grad_()
    layer(x).square().sum().backward()
    torch.testing.assert_close(by_x, x.grad)
    for name, parameter in parameters.items():
        torch.testing.assert_close(by_parameters[name], parameter.grad)


def test_a_jacobian_is_taken_by_vmap():
    layer, x = pair("linear")
    jacobian = torch.func.jacrev(layer)(x[0])
    expected = torch.autograd.functional.jacobian(layer, x[0])
    torch.testing.assert_close(jacobian, expected)
    each = torch.func.vmap(layer)(x)
    torch.testing.assert_close(each, layer(x))


def test_a_layer_on_the_meta_device_tells_its_shape():
    for mode in (True, False):
        layer = Int8Conv2d(1, 6, 3, device="meta").train(mode)
        assert layer(torch.empty(2, 1, 7, 6, device="meta")).shape == (2, 6, 5, 4)


def test_binop_leaves_the_stem_alone():
    network = nn.Sequential(Int8Conv2d(1, 4, 3), BinaryConv2d(4, 4, 3), nn.Conv2d(4, 2, 1))
    assert [t.name for t in find_targets(network, {})] == ["1"]
    plain = nn.Sequential(Int8Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 2, 1))
    assert [t.name for t in find_targets(plain, {})] == ["1"]  # all but first and last


# refusals


def test_filters_too_long_for_int32_are_refused():
    assert 2**31 - 127**2 <= MAX_INPUTS * 127**2 < 2**31
    with pytest.raises(ValueError, match=r"133145 inputs a filter: .* Use a float stem"):
        Int8Linear(133145, 1, device="meta")
    Int8Linear(133144, 1, device="meta")
    Int8Conv2d(133145, 5, 1, groups=5, device="meta")


def test_an_unknown_stem_is_refused_with_the_known_ones():
    assert stem_class("float", nn.Conv2d) is nn.Conv2d
    assert stem_class("int8", nn.Conv2d) is Int8Conv2d
    assert stem_class("int8", nn.Linear) is Int8Linear
    with pytest.raises(ValueError, match=r"network.stem='int4': choose float or int8\."):
        stem_class("int4", nn.Linear)


def test_printed_it_is_torchs_layer_in_int8():
    assert repr(Int8Linear(3, 2)) == "Int8Linear(in_features=3, out_features=2, bias=True, int8)"
