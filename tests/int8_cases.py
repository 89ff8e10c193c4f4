"""An int8 layer with numbers as after a training, and its answer by int64 sums."""

import numpy as np
import torch

from xnorkit.nn import Int8Conv1d, Int8Conv2d, Int8Linear

KINDS = ("conv", "sequence", "linear")


def conv(**options):
    return Int8Conv2d(*(options.pop("sizes", (2, 6, 3))), **options)


def pair(kind):
    """A layer with a bias and a batch for it."""
    if kind == "linear":
        return Int8Linear(40, 6), torch.randn(5, 40)
    if kind == "sequence":
        return Int8Conv1d(2, 6, 5, stride=2, padding=2), torch.randn(3, 2, 9)
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
