"""Stochastic binarisation: +1, or the bit 1, with a probability that rises with x."""

from typing import Any

import torch
from torch import Tensor

from xnorkit.binarize.function import applied
from xnorkit.binarize.sign import inside, require_floating


class _StochasticSign(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, draw: Tensor) -> Tensor:
        # In float32 at least: in 16 bits (x + 1)/2 would round away most of the draw.
        probability = (x.to(draw.dtype) + 1) / 2
        # −1 where the draw is not below it: written so that NaN is +1 as everywhere.
        return probability.le_(draw).mul_(-2).add_(1).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return gradient * inside(x), None


def stochastic_sign(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """±1, +1 with probability clip((x + 1)/2, 0, 1); gradient g·1[|x| ≤ 1].

    For training only: evaluation is deterministic (`sign`).

    Args:
        x: any shape, floating point.
        generator: where the draws come from; None is torch's global one.

    Returns:
        ±1, shape and dtype of `x`; +1 at NaN.

    Raises:
        TypeError: `x` is not floating point.

    Source: Hubara et al. 2016, eq. 2.
    """
    require_floating(x, "stochastic_sign")
    dtype = torch.promote_types(x.dtype, torch.float32)
    draw = torch.rand(x.shape, generator=generator, dtype=dtype, device=x.device)
    return applied(_StochasticSign, x, draw)


class _StochasticHeaviside(_StochasticSign):
    @staticmethod
    def forward(x: Tensor, draw: Tensor) -> Tensor:
        probability = (x.to(draw.dtype) + 1) / 2
        return probability.gt_(draw).to(x.dtype)  # NaN > draw is false: 0, as `heaviside` has it


def stochastic_heaviside(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """{0, 1}, 1 with probability clip((x + 1)/2, 0, 1); gradient g·1[|x| ≤ 1].

    For training only: evaluation is deterministic (`heaviside`).

    Args:
        x: any shape, floating point.
        generator: where the draws come from; None is torch's global one.

    Returns:
        {0, 1}, shape and dtype of `x`; 0 at NaN.

    Raises:
        TypeError: `x` is not floating point.
    """
    require_floating(x, "stochastic_heaviside")
    dtype = torch.promote_types(x.dtype, torch.float32)
    draw = torch.rand(x.shape, generator=generator, dtype=dtype, device=x.device)
    return applied(_StochasticHeaviside, x, draw)
