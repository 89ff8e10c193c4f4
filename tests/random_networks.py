"""Networks of all ops with random shapes and trained-looking numbers, for property tests."""

from dataclasses import replace

import torch
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from torch import nn

from xnorkit.binarize import WeightRule
from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLinear, Int8Conv1d, Int8Conv2d, Int8Linear


def settle(network, seed):
    """Random BatchNorms: γ of both signs, some zero, means and variances of the sums' size."""
    generator = torch.Generator().manual_seed(seed)

    def normal(like, scale=1.0):
        return scale * torch.randn(like.shape, generator=generator)

    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            with torch.no_grad():
                module.running_mean.copy_(normal(module.running_mean))
                module.running_var.copy_(normal(module.running_var).abs() + 0.05)
                if module.affine:
                    module.weight.copy_(normal(module.weight))
                    module.weight[normal(module.weight) < -1.5] = 0
                    module.bias.copy_(normal(module.bias))
    return network.eval()


class Sum(nn.Module):
    """Two ways from one map to another of its shape: a shortcut beside a layer."""

    def __init__(self, one, other):
        super().__init__()
        self.one, self.other = one, other

    def forward(self, x):
        return self.one(x) + self.other(x)


RULES = (
    WeightRule(),
    WeightRule(alpha="layer"),
    WeightRule(centre=False, alpha="none", rule="ste"),
)
FLOAT = {1: nn.Conv1d, 2: nn.Conv2d}
INT8 = {1: Int8Conv1d, 2: Int8Conv2d}
BINARY = {1: BinaryConv1d, 2: BinaryConv2d}
NORM = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
MAX_POOL = {1: nn.MaxPool1d, 2: nn.MaxPool2d}
AVERAGE_POOL = {1: nn.AvgPool1d, 2: nn.AvgPool2d}
ADAPTIVE_POOL = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d}


def _rule(draw, inputs):
    """Of a layer whose filters have so many input channels: one alone can't be centred."""
    return draw(st.sampled_from(RULES if inputs > 1 else RULES[-1:]))


def _elementwise(draw, channels, dims):
    kinds = ["norm", "norm", "relu", "relu6", "tanh", "dropout", "id"]
    made = {
        "norm": lambda: NORM[dims](channels),
        "relu": nn.ReLU,
        "relu6": nn.ReLU6,
        "tanh": nn.Hardtanh,
        "dropout": lambda: nn.Dropout(0.3),
        "id": nn.Identity,
    }
    return [made[kind]() for kind in draw(st.lists(st.sampled_from(kinds), max_size=3))]


def _size(layers, shape):
    """Of the map that layers make, (C, …)."""
    with torch.no_grad():
        return nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[1:]


def _window(draw, size):
    """Kernel, step, border and distance of the taps, as they fit on a map."""
    kernel = tuple(draw(st.integers(1, min(4, n))) for n in size)
    fits = [2 * (k - 1) < n for k, n in zip(kernel, size, strict=True)]
    dilation = tuple(draw(st.integers(1, 2)) if fit else 1 for fit in fits)
    if draw(st.integers(0, 3)) == 0:
        return {"kernel_size": kernel, "padding": "same", "dilation": dilation}
    return {
        "kernel_size": kernel,
        "stride": tuple(draw(st.integers(1, 2)) for _ in size),
        "padding": tuple(draw(st.integers(0, k // 2)) for k in kernel),
        "dilation": dilation,
    }


SEVERAL_BITS = (  # of a weight, of an input, and the input's range
    (1, 1, "unit"), (1, 2, "unit"), (3, 4, "unit"), (2, 1, "unit"), (2, 2, "signed"),
    (4, 3, "signed"), (1, 4, "signed"),
)  # fmt: skip


def _kbit(draw, channels, size, widest):
    """A binary convolution of several bits, or of zeros and ones."""
    groups = draw(st.sampled_from([g for g in (1, 1, 2, channels) if channels % g == 0]))
    weight_bits, input_bits, of = draw(st.sampled_from(SEVERAL_BITS))
    rule = replace(_rule(draw, channels // groups), bits=weight_bits, squash=draw(st.booleans()))
    return BINARY[len(size)](
        channels, groups * draw(st.integers(1, max(1, widest // groups))), groups=groups,
        bias=draw(st.booleans()), weight_rule=rule, input_bits=input_bits, input_range=of,
        padding_value=draw(st.sampled_from([0, 1] if of == "unit" else [0, 1, -1])),
        **_window(draw, size),
    )  # fmt: skip


def _binary(draw, channels, size, widest):
    """A binary convolution with any of its options, BWN among them."""
    groups = draw(st.sampled_from([g for g in (1, 1, 2, 3, channels) if channels % g == 0]))
    out = groups * draw(st.integers(1, max(1, widest // groups)))
    real = draw(st.integers(0, 6)) == 0
    return BINARY[len(size)](
        channels, out, groups=groups, bias=draw(st.booleans()),
        input_sign=None if real else "ste_clip",
        weight_rule=_rule(draw, channels // groups),
        padding_value=0 if real else draw(st.sampled_from([0, 1, -1])),
        input_scale="none" if real else draw(st.sampled_from(["none"] * 10 + ["map", "tensor"])),
        **_window(draw, size),
    )  # fmt: skip


def _shortcut(draw, channels, dims, widest):
    """A binary convolution beside an identity, or beside a second one that changes the width."""
    same = {"padding": 1, "padding_value": draw(st.sampled_from([0, 1, -1]))}
    rule = _rule(draw, channels)
    out = channels if draw(st.booleans()) else draw(st.integers(1, widest))
    stride = draw(st.integers(1, 2)) if out != channels else 1
    body = BINARY[dims](channels, out, 3, stride=stride, weight_rule=rule, **same)
    way = [nn.Identity()]
    if out != channels:
        way = [BINARY[dims](channels, out, 1, stride=stride, weight_rule=rule), NORM[dims](out)]
    body = nn.Sequential(body, NORM[dims](out), *_elementwise(draw, out, dims))
    return Sum(body, nn.Sequential(*way)) if draw(st.booleans()) else Sum(nn.Sequential(*way), body)


def _stem(draw, channels, out, dims):
    """The first layer: float, 8 bits, 1 bit a weight, or on the signs of the input."""
    kind = draw(st.sampled_from(["float", "int8", "bwn", "signs"]))
    size = {"kernel_size": 3, "padding": 1, "bias": draw(st.booleans())}
    if kind == "float":
        return FLOAT[dims](channels, out, **size)
    if kind == "int8":
        return INT8[dims](channels, out, **size)
    sign = None if kind == "bwn" else "ste_clip"
    return BINARY[dims](channels, out, input_sign=sign, weight_rule=_rule(draw, channels), **size)


def _pool(draw, dims):
    ceil = draw(st.booleans())
    if draw(st.integers(0, 3)):
        return MAX_POOL[dims](2, padding=draw(st.integers(0, 1)), ceil_mode=ceil)
    return AVERAGE_POOL[dims](2, padding=1, ceil_mode=ceil, count_include_pad=draw(st.booleans()))


def _head(draw, size):
    channels, features = size[0], size.numel()
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return []  # what was computed is the answer
    if kind in (1, 2):
        return [ADAPTIVE_POOL[len(size) - 1](1), nn.Flatten(), nn.Linear(channels, 3)]
    if kind == 3:
        return [nn.Flatten(), nn.Linear(features, 3)]
    middle = draw(st.integers(1, 70))
    sign, scale = draw(st.sampled_from([("ste_clip", "none"), (None, "none"), ("ste_clip", "map")]))
    rule = _rule(draw, features)
    norm = [NORM[0](features)] if draw(st.booleans()) else []
    binary = BinaryLinear(features, middle, input_sign=sign, input_scale=scale, weight_rule=rule)
    return [nn.Flatten(), *norm, binary, NORM[0](middle), nn.ReLU(), nn.Linear(middle, 3)]


@st.composite
def map_networks(draw, dims=2, widest=70):
    """(network, input shape) over maps of one or two axes: stem, binary layers, pools, head."""
    torch.manual_seed(draw(st.integers(0, 2**16)))
    shape = (draw(st.integers(1, 3)), *(draw(st.integers(4, 9)) for _ in range(dims)))
    channels = draw(st.integers(1, widest))
    layers = [_stem(draw, shape[0], channels, dims), *_elementwise(draw, channels, dims)]
    for _ in range(draw(st.integers(1, 3))):
        channels, *size = _size(layers, shape)
        kind = draw(st.sampled_from(["shortcut", "shortcut", "binary", "binary", "binary", "kbit"]))
        if kind == "shortcut":
            layers.append(_shortcut(draw, channels, dims, widest))
        else:
            made = _kbit if kind == "kbit" else _binary
            layers.append(made(draw, channels, size, widest))
        layers += _elementwise(draw, _size(layers, shape)[0], dims)
        channels, *size = _size(layers, shape)
        if min(size) > 1 and draw(st.booleans()):
            layers += [_pool(draw, dims), *_elementwise(draw, channels, dims)]
    layers += _head(draw, _size(layers, shape))
    return settle(nn.Sequential(*layers), draw(st.integers(0, 2**16))), shape


@st.composite
def vector_networks(draw, widest=140):
    """(network, input shape) of linear layers."""
    torch.manual_seed(draw(st.integers(0, 2**16)))
    shape, width = (draw(st.integers(1, 40)),), draw(st.integers(1, widest))
    stem = draw(st.sampled_from([nn.Linear, Int8Linear, BinaryLinear]))
    rule = {"weight_rule": _rule(draw, shape[0])} if stem is BinaryLinear else {}
    layers = [stem(*shape, width, **rule), *_elementwise(draw, width, 0)]
    for _ in range(draw(st.integers(1, 3))):
        before, width = width, draw(st.integers(1, widest))
        layers.append(BinaryLinear(before, width, weight_rule=_rule(draw, before)))
        layers += _elementwise(draw, width, 0)
    layers += [nn.Linear(width, 4)] if draw(st.booleans()) else []
    return settle(nn.Sequential(*layers), draw(st.integers(0, 2**16))), shape


def drawn(strategy, count, number):
    """The same `count` examples of a strategy each time, for those who take many at once."""
    made = []

    @seed(number)
    @settings(max_examples=count, phases=[Phase.generate], database=None, deadline=None)
    @given(strategy)
    def collect(example):
        made.append(example)

    collect()
    return made
