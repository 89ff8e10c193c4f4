"""Rounding that lets gradients through: to whole numbers, and to int8 in steps that are learned.

Learned step size quantisation, LSQ: Esser et al. 2020, arXiv 1902.08153. A value x is held as the
whole number q = round(clamp(x / s, −127, 127)) and stands for q·s. Gradients of q·s:

| x / s | by x | by s |
| --- | --- | --- |
| within ±127 | 1 | q − x / s |
| below, above | 0 | −127, 127 |

A step s is not itself the parameter. It is measured in a unit, its usual size in this layer, and is
s = unit·(1 + r) for r ≥ 0, unit/(1 − r) below, with a parameter r:

- s is positive, whatever an optimiser does to r;
- r = ±0.01 changes s by 1 %: Adam moves every parameter by about its learning rate, 0.01 here, and
  would take a bare step of 0.01 through 0 at once;
- weight decay pulls s to its usual size, not to 0 or 1, where the layer would fall silent;
- only sums, products and quotients: each machine computes the same s, bit for bit.
"""

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from xnorkit.binarize.function import applied

INT8_MAX = 127  # −128 is left out, so that −q is there for each q


class _Round(torch.autograd.Function):
    generate_vmap_rule = True  # and `setup_context`: torch.func (vmap, grad) asks for both

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.clone()


def round_ste(x: Tensor) -> Tensor:
    """Nearest whole number, ties to even; gradient g."""
    return applied(_Round, x)


class _Int8Values(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, step: Tensor) -> Tensor:
        return _with_strides_of(x, (x / step).clamp(-INT8_MAX, INT8_MAX).round())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, step = ctx.saved_tensors
        ratio = x / step
        inside = ratio.abs() <= INT8_MAX
        by_x = gradient * inside / step
        by_step = -by_x * torch.where(inside, ratio, 0)  # an infinite x is just clipped
        return _with_strides_of(x, by_x), by_step.sum_to_size(step.shape)


def _with_strides_of(x: Tensor, values: Tensor) -> Tensor:
    # Where there is one channel, new tensors forget that the old one was channels_last: torch then
    # convolves at a sixth of the speed, and DDP warns of the gradient.
    sizes = zip(x.shape, x.stride(), values.stride(), strict=True)
    if values.stride() == x.stride() or any(n > 1 and a != b for n, a, b in sizes):
        return values
    return values.as_strided(x.shape, x.stride())


def int8_values(x: Tensor, step: Tensor) -> Tensor:
    """q, the whole number that stands for x.

    Args:
        x: any shape, floating point.
        step: s, positive, broadcastable to `x`, on its device: torch multiplies by the reciprocal
            of a number on another device, which rounds twice.

    Returns:
        Whole numbers in −127 … 127 as floats, shape of `x`; NaN stays NaN. Times `step` it has the
        gradients above.
    """
    return applied(_Int8Values, x, step)


def step_derivative(x: Tensor, step: Tensor) -> Tensor:
    """Derivative of q·s by s, elementwise: the last column above. Arguments as `int8_values`."""
    ratio = x / step
    whole = ratio.clamp(-INT8_MAX, INT8_MAX).round()
    return torch.where(ratio.abs() <= INT8_MAX, whole - ratio, whole)


class _WithStepGradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor, step: Tensor, derivative: Tensor) -> Tensor:
        return y.view_as(y)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[2])
        ctx.dtype = inputs[1].dtype

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        (derivative,) = ctx.saved_tensors
        # Millions of terms: never in 16 bits.
        return gradient, (gradient.to(ctx.dtype) * derivative.to(ctx.dtype)).sum(), None


def with_step_gradient(y: Tensor, step: Tensor, derivative: Tensor) -> Tensor:
    """y, through which a gradient g gives `step` the gradient Σ g·derivative.

    Args:
        y: any shape, computed from a detached `step`.
        step: a scalar.
        derivative: of y by `step`, shape of `y`.
    """
    return applied(_WithStepGradient, y, step, derivative)


class _Step(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(raw: Tensor, unit: float, gradient_scale: float) -> Tensor:
        grown = 1 + raw.abs()
        return unit * torch.where(raw < 0, grown.reciprocal(), grown)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, float], output: Tensor) -> None:
        raw, unit, gradient_scale = inputs
        ctx.save_for_backward(raw)
        ctx.factor = unit * gradient_scale

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (raw,) = ctx.saved_tensors
        slope = torch.where(raw < 0, (1 + raw.abs()).square().reciprocal(), 1)
        return gradient * slope * ctx.factor, None, None


def step_of(raw: Tensor, unit: float, gradient_scale: float = 1.0) -> Tensor:
    """s of its parameter r.

    Args:
        raw: r, any shape, floating point.
        unit: s where r = 0, positive.
        gradient_scale: multiplies the gradient of `raw`.

    Returns:
        Positive, shape and dtype of `raw`.
    """
    return applied(_Step, raw, unit, gradient_scale)


def raw_of(step: Tensor, unit: float) -> Tensor:
    """r of the step s: the inverse of `step_of`; 0 where `step` is not positive."""
    ratio = torch.where(step > 0, step / unit, 1)
    return torch.where(ratio < 1, 1 - ratio.reciprocal(), ratio - 1)


def lsq_gradient_scale(count: int, unit: float) -> float:
    """LSQ's 1/√(N·127), as the gradient of r needs it.

    Divided by unit²: under SGD s then moves as if it were the parameter, while s ≥ unit.

    Args:
        count: N, how many values share the step.
        unit: as of `step_of`.

    Source: Esser et al. 2020, section 2.2.
    """
    return 1 / (sqrt(max(count, 1) * INT8_MAX) * unit**2)
