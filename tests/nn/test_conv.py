"""xnorkit.nn.conv: every argument of torch's convolutions against integer loops."""

import inspect
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xnorkit.binarize import WeightRule, binarize_weight, centre_and_clamp
from xnorkit.nn import BinaryConv1d, BinaryConv2d

GOLDEN = Path(__file__).parents[1] / "golden" / "seed_systems.npz"
PLAIN = WeightRule(centre=False, clamp=False, alpha="none", rule="ste")
PAIRS = [(BinaryConv1d, nn.Conv1d), (BinaryConv2d, nn.Conv2d)]
NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}

# in, out, kernel, and torch's other arguments
CASES_2D = [
    (3, 4, 3, {}),
    (3, 4, (3, 2), {"stride": 2, "padding": 1}),
    (4, 6, 3, {"groups": 2, "padding": (0, 2)}),
    (4, 4, 3, {"groups": 4, "bias": False}),
    (2, 3, (2, 3), {"dilation": (2, 1), "padding": (2, 1), "stride": (1, 2)}),
    (3, 2, 3, {"padding": "same"}),
    (3, 2, (4, 3), {"padding": "same", "dilation": 2}),
    (3, 2, 3, {"padding": "valid", "stride": 3}),
    (5, 3, 1, {}),
]
CASES_1D = [
    (3, 4, 3, {}),
    (4, 6, 5, {"stride": 2, "padding": 2, "groups": 2}),
    (2, 3, 4, {"padding": "same", "dilation": 2}),
    (3, 3, 3, {"groups": 3, "bias": False, "padding": 1}),
]


def borders(layer):
    """(before, after) of each spatial axis."""
    spans = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    if layer.padding == "same":
        return [(span // 2, span - span // 2) for span in spans]
    if layer.padding == "valid":
        return [(0, 0) for _ in spans]
    return [(p, p) for p in layer.padding]


def pad(signs, layer):
    widths = [(0, 0), (0, 0), *borders(layer)]
    if layer.padding_mode == "zeros":
        return np.pad(signs, widths, constant_values=layer.padding_value)
    return np.pad(signs, widths, mode=NUMPY_MODES[layer.padding_mode])


def integer_sums(x, layer, latent):
    """sign(x) ⊛ sign(W) by plain loops in int64; x (N, C, …)."""
    signs = np.where(x.double().numpy() < 0, -1, 1).astype(np.int64)
    taps = np.where(latent.detach().double().numpy() < 0, -1, 1).astype(np.int64)
    padded = pad(signs, layer)
    reach = [d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    sizes = [
        (length - r) // s + 1
        for length, r, s in zip(padded.shape[2:], reach, layer.stride, strict=True)
    ]
    out = np.empty((x.shape[0], layer.out_channels, *sizes), np.int64)
    per_group = layer.out_channels // layer.groups
    for filter_index in range(layer.out_channels):
        group = filter_index // per_group
        channels = slice(group * taps.shape[1], (group + 1) * taps.shape[1])
        for position in itertools.product(*map(range, sizes)):
            window = tuple(
                slice(p * s, p * s + r, d)
                for p, s, r, d in zip(position, layer.stride, reach, layer.dilation, strict=True)
            )
            patch = padded[(slice(None), channels, *window)]
            out[(slice(None), filter_index, *position)] = (
                (patch * taps[filter_index]).reshape(x.shape[0], -1).sum(1)
            )
    return torch.from_numpy(out)


def make(cls, case, **options):
    c_in, c_out, kernel, arguments = case
    return cls(c_in, c_out, kernel, **arguments, **options)


def example(layer, batch=2):
    return torch.randn(batch, layer.in_channels, *(9, 8)[: layer.weight.dim() - 2])


ALL_CASES = [(BinaryConv2d, c) for c in CASES_2D] + [(BinaryConv1d, c) for c in CASES_1D]


@pytest.mark.filterwarnings("ignore:.*one input channel")
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("padding_value", [0, 1, -1])
@pytest.mark.parametrize(("cls", "case"), ALL_CASES)
def test_evaluation_is_integer_sums_times_alpha_bit_for_bit(cls, case, padding_value):
    layer = make(cls, case, padding_value=padding_value).eval()
    x = example(layer)
    latent = centre_and_clamp(layer.weight.detach())
    alpha = binarize_weight(latent)[1].reshape(-1, *(1,) * (latent.dim() - 2))
    expected = integer_sums(x, layer, latent).float() * alpha
    if layer.bias is not None:
        expected = expected + layer.bias.reshape(alpha.shape)
    assert torch.equal(layer(x), expected)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("padding_value", [0, 1, -1])
@pytest.mark.parametrize(("cls", "case"), ALL_CASES)
def test_training_gives_the_same_numbers(cls, case, padding_value):
    layer = make(cls, case, padding_value=padding_value, weight_rule=PLAIN)
    x = example(layer)
    expected = integer_sums(x, layer, layer.weight).float()
    if layer.bias is not None:
        expected = expected + layer.bias.reshape(-1, *(1,) * (x.dim() - 2))
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer.eval()(x), expected)


@pytest.mark.parametrize("mode", NUMPY_MODES)
@pytest.mark.parametrize("cls", [BinaryConv1d, BinaryConv2d])
def test_padding_modes(cls, mode):
    layer = cls(3, 4, 3, padding=2, padding_mode=mode, bias=False, weight_rule=PLAIN).eval()
    x = example(layer)
    assert torch.equal(layer(x), integer_sums(x, layer, layer.weight).float())


@pytest.mark.parametrize(("cls", "case"), ALL_CASES)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_a_real_input_is_torchs_layer_with_scaled_signs(cls, case):
    layer = make(cls, case, input_sign=None, weight_rule=WeightRule(centre=False))
    twin_class = dict(PAIRS)[cls]
    c_in, c_out, kernel, arguments = case
    twin = twin_class(c_in, c_out, kernel, **arguments)
    twin.load_state_dict(layer.state_dict())
    signs, alpha = binarize_weight(layer.weight.detach())
    with torch.no_grad():
        twin.weight.copy_(signs * alpha)
    x = example(layer)
    for mode in (True, False):
        torch.testing.assert_close(layer.train(mode)(x), twin(x), rtol=1e-5, atol=1e-5)


def box_of_magnitude(x, layer):
    """K written out: mean of |x| over channels, then over the kernel's footprint."""
    magnitude = x.abs().mean(1, keepdim=True)
    ones = torch.ones(1, 1, *layer.kernel_size) / np.prod(layer.kernel_size)
    convolve = {3: F.conv1d, 4: F.conv2d}[x.dim()]
    return convolve(magnitude, ones, None, layer.stride, layer.padding, layer.dilation)


@pytest.mark.filterwarnings("ignore:.*one input channel")
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize(("cls", "case"), ALL_CASES)
def test_input_scales_multiply_before_the_bias(cls, case, mode):
    plain = make(cls, case).train(mode)
    x = example(plain)
    bias = 0 if plain.bias is None else plain.bias.reshape(-1, *(1,) * (x.dim() - 2))
    axes = tuple(range(1, x.dim()))
    scales = {"map": box_of_magnitude(x, plain), "tensor": x.abs().mean(axes, keepdim=True)}
    for name, scale in scales.items():
        layer = make(cls, case, input_scale=name).train(mode)
        layer.load_state_dict(plain.state_dict())
        torch.testing.assert_close(layer(x), (plain(x) - bias) * scale + bias)


def test_the_input_scale_map_follows_the_padding_mode():
    layer = BinaryConv2d(2, 3, 3, padding=1, padding_mode="circular", input_scale="map").eval()
    x = example(layer)
    padded = BinaryConv2d(2, 3, 3, input_scale="map").eval()
    padded.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), padded(F.pad(x, (1, 1, 1, 1), "circular")))


@pytest.mark.parametrize(
    ("alpha", "key"), [("filter", "per_filter_alpha"), ("layer", "scalar_alpha")]
)
def test_the_seed_systems_xnor_convolution_with_its_map(alpha, key):
    golden = {k: torch.from_numpy(v) for k, v in np.load(GOLDEN).items() if k.startswith("xnor_k")}
    rule = WeightRule(centre=False, clamp=False, alpha=alpha)
    layer = BinaryConv2d(6, 10, 3, padding=1, bias=False, weight_rule=rule, input_scale="map")
    layer.load_state_dict({"weight": golden["xnor_k/weight"]})
    for mode in (True, False):
        y = layer.train(mode)(golden["xnor_k/input"])
        torch.testing.assert_close(y, golden[f"xnor_k/output_{key}"], rtol=1e-5, atol=1e-6)


def test_the_seed_systems_binarynet_convolution_and_its_gradients():
    golden = {k: torch.from_numpy(v) for k, v in np.load(GOLDEN).items()}
    read = {name: golden[f"binarynet/conv2d/{name}"] for name in ("input", "weight", "bias")}
    layer = BinaryConv2d(
        5, 11, 3, stride=2, padding=1, input_sign="ste_identity", weight_rule=PLAIN
    )
    layer.load_state_dict({"weight": read["weight"], "bias": read["bias"]})
    x = read["input"].requires_grad_()
    y = layer(x)
    y.square().sum().backward()
    torch.testing.assert_close(y, golden["binarynet/conv2d/output"], rtol=1e-5, atol=1e-6)
    close = {"rtol": 1e-5, "atol": 1e-6}
    torch.testing.assert_close(x.grad, golden["binarynet/conv2d/grad_input"], **close)
    torch.testing.assert_close(layer.bias.grad, 2 * y.detach().sum((0, 2, 3)), **close)
    # The seed lets every gradient through to the weight, the `ste` rule those inside [−1, 1].
    expected = golden["binarynet/conv2d/grad_weight"] * (read["weight"].abs() <= 1)
    torch.testing.assert_close(layer.weight.grad, expected, **close)


def test_a_plain_network_of_in_graph_layers_is_the_seed_systems_step():
    golden = {k.removeprefix("binop/"): torch.from_numpy(v) for k, v in np.load(GOLDEN).items()}
    shapes = [golden[f"conv{i}/weight_before"].shape for i in range(5)]
    padding = [0, 1, 0, 1, 0]
    layers = [
        (nn.Conv2d if i in (0, 4) else BinaryConv2d)(
            s[1], s[0], tuple(s[2:]), padding=p, **({} if i in (0, 4) else {"input_sign": None})
        )
        for i, (s, p) in enumerate(zip(shapes, padding, strict=True))
    ]
    for i, layer in enumerate(layers):
        weight = golden[f"conv{i}/weight_before"]
        layer.load_state_dict({"weight": weight, "bias": golden[f"conv{i}/bias"]})
    y = nn.Sequential(*layers)(golden["input"])
    torch.testing.assert_close(y, golden["output"], rtol=1e-4, atol=1e-5)
    (y.square().mean() + y.mean()).backward()
    for i in (1, 2, 3):
        expected = golden[f"conv{i}/grad_rescaled"]
        atol = 1e-5 * expected.abs().max().item()  # large terms cancel in some elements
        torch.testing.assert_close(layers[i].weight.grad, expected, rtol=1e-4, atol=atol)


@pytest.mark.parametrize(("cls", "twin"), PAIRS)
def test_positional_arguments_are_torchs_and_ours_are_keywords(cls, twin):
    ours = inspect.signature(cls.__init__).parameters
    theirs = inspect.signature(twin.__init__).parameters
    positional = [n for n, p in ours.items() if p.kind is not p.KEYWORD_ONLY]
    assert positional == list(theirs)
    assert [ours[n].default for n in positional] == [p.default for p in theirs.values()]
    assert [n for n in ours if n not in positional] == [
        "input_sign",
        "weight_rule",
        "padding_value",
        "input_scale",
        "input_quant_mode",
        "input_bits",
        "input_range",
        "binary_gradient",
        "input_dropout",
    ]


@pytest.mark.parametrize("value", [0.5, 2, -2, float("nan")])
def test_a_border_that_is_not_one_bit_is_refused(value):
    with pytest.raises(ValueError, match=r"padding_value=.*: .* 0, 1 or -1. Set padding_value"):
        BinaryConv2d(2, 2, 3, padding=1, padding_value=value)


def test_two_sources_for_one_border_are_refused():
    with pytest.raises(ValueError, match="padding_value=1 with padding_mode='reflect': .* Use"):
        BinaryConv1d(2, 2, 3, padding=1, padding_mode="reflect", padding_value=1)


def test_what_torch_refuses_stays_torchs_error():
    with pytest.raises(ValueError, match="divisible by groups"):
        BinaryConv2d(3, 4, 3, groups=2)
    with pytest.raises(ValueError, match="not supported for strided"):
        BinaryConv2d(3, 4, 3, stride=2, padding="same")


def test_printed_it_names_what_is_not_default():
    text = repr(BinaryConv2d(2, 3, 3, padding=1, padding_value=-1, input_scale="map"))
    assert text.startswith("BinaryConv2d(2, 3, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)")
    assert "input_scale=map" in text
    assert "padding_value=-1" in text
    assert "padding_value" not in repr(BinaryConv2d(2, 3, 3))
