"""Networks of all ops with random shapes and trained-looking numbers, for property tests."""

import torch
from hypothesis import strategies as st
from torch import nn

from xnorkit.binarize import WeightRule
from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLinear


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


RULES = (
    WeightRule(),
    WeightRule(alpha="layer"),
    WeightRule(centre=False, alpha="none", rule="ste"),
)


def _elementwise(draw, channels, norm):
    kinds = draw(st.lists(st.sampled_from(["norm", "relu", "tanh", "dropout", "id"]), max_size=3))
    made = {
        "norm": lambda: norm(channels),
        "relu": nn.ReLU,
        "tanh": nn.Hardtanh,
        "dropout": lambda: nn.Dropout(0.3),
        "id": nn.Identity,
    }
    return [made[kind]() for kind in kinds]


def _conv_arguments(draw, size):
    kernel = tuple(draw(st.integers(1, min(3, n))) for n in size)
    return {
        "kernel_size": kernel,
        "stride": tuple(draw(st.integers(1, 2)) for _ in size),
        "padding": tuple(draw(st.integers(0, k // 2)) for k in kernel),
        "dilation": tuple(draw(st.integers(1, 2)) if 2 * (k - 1) < n else 1
                          for k, n in zip(kernel, size, strict=True)),
        "bias": draw(st.booleans()),
    }  # fmt: skip


@st.composite
def conv_networks(draw):
    """(network, input shape): a float or BWN stem, binary layers, pools, a head."""
    torch.manual_seed(draw(st.integers(0, 2**16)))
    shape = (draw(st.integers(1, 3)), draw(st.integers(4, 9)), draw(st.integers(4, 9)))
    layers, channels = [], draw(st.integers(1, 70))
    layers += [nn.Conv2d(shape[0], channels, 3, padding=1, bias=draw(st.booleans()))]
    layers += _elementwise(draw, channels, nn.BatchNorm2d)
    for _ in range(draw(st.integers(1, 3))):
        size = nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[2:]
        groups = draw(st.sampled_from([g for g in (1, 1, 2, 3) if channels % g == 0]))
        out = groups * draw(st.integers(1, 70 // groups))
        arguments = _conv_arguments(draw, size)
        real = draw(st.integers(0, 4)) == 0
        scale = draw(st.sampled_from(["none"] * 4 + ["map", "tensor"]))
        layers.append(
            BinaryConv2d(
                channels, out, groups=groups,
                input_sign=None if real else "ste_clip",
                weight_rule=draw(st.sampled_from(RULES)),
                padding_value=0 if real else draw(st.sampled_from([0, 1, -1])),
                input_scale="none" if real else scale,
                **arguments,
            )
        )  # fmt: skip
        channels = out
        layers += _elementwise(draw, channels, nn.BatchNorm2d)
        size = nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[2:]
        if min(size) > 1 and draw(st.booleans()):
            layers.append(_pool(draw))
            layers += _elementwise(draw, channels, nn.BatchNorm2d)
    layers += _head(draw, channels, nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape)
    return settle(nn.Sequential(*layers), draw(st.integers(0, 2**16))), shape


def _pool(draw):
    ceil = draw(st.booleans())
    if draw(st.integers(0, 3)):
        return nn.MaxPool2d(2, padding=draw(st.integers(0, 1)), ceil_mode=ceil)
    return nn.AvgPool2d(2, padding=1, ceil_mode=ceil, count_include_pad=draw(st.booleans()))


def _head(draw, channels, shape):
    if draw(st.booleans()):
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3)]
    features = channels * shape[2] * shape[3]
    middle = draw(st.integers(1, 70))
    kinds = [
        [nn.Flatten(), BinaryLinear(features, middle)],
        [nn.Flatten(), nn.BatchNorm1d(features), BinaryLinear(features, middle)],
        [nn.Flatten(), BinaryLinear(features, middle, input_sign=None)],
        [nn.Flatten(), BinaryLinear(features, middle, input_scale="tensor")],
    ]
    return [*draw(st.sampled_from(kinds)), nn.BatchNorm1d(middle), nn.ReLU(), nn.Linear(middle, 3)]


@st.composite
def sequence_networks(draw):
    """(network, input shape) of 1-D layers."""
    torch.manual_seed(draw(st.integers(0, 2**16)))
    length, channels = draw(st.integers(5, 12)), draw(st.integers(1, 66))
    network = nn.Sequential(
        nn.Conv1d(2, channels, 3, padding=1),
        *_elementwise(draw, channels, nn.BatchNorm1d),
        nn.MaxPool1d(2, ceil_mode=draw(st.booleans())),
        BinaryConv1d(channels, 9, draw(st.integers(1, 2)), padding="same"),
        *_elementwise(draw, 9, nn.BatchNorm1d),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(9, 4),
    )
    return settle(network, draw(st.integers(0, 2**16))), (2, length)
