"""Latent weights → codes and the scale of a code: sign with α, and its k-bit form.

A binary weight is scale·code. With M = 2^k − 1 codes are odd, −M … M; with one bit they are ±1 and
the scale is α.
"""

import torch
from torch import Tensor

from xnorkit.binarize.kbit import level_codes
from xnorkit.binarize.scale import Alpha, mean_over, require_alpha, weight_scale
from xnorkit.binarize.ste import sign


def alpha_axes(weight: Tensor, alpha: Alpha) -> tuple[int, ...]:
    """The axes that share an α."""
    return tuple(range(1 if alpha == "filter" else 0, weight.dim()))


def weight_codes(weight: Tensor, bits: int, alpha: Alpha) -> tuple[Tensor, Tensor]:
    """The pair (code, scale) with W ≈ scale·code, differentiable by the true chain rule.

    Args:
        weight: latent, in [−1, 1] if it has more than one bit, (C_out, C_in, …), floating point.
        bits: k of q_k, 1 … 8.
        alpha: `filter` or `layer`: the scale is the L2-optimal one of those codes,
            Σ W·code / Σ code²; with one bit that is mean|W|. `none`: 1/M, so that scale·code is
            q_k(W).

    Returns:
        Codes like `weight`, and the scale, broadcastable to them.

    Raises:
        ValueError: an unknown `alpha`, or `bits` out of range.
    """
    if bits == 1:
        return sign(weight), weight_scale(weight, alpha)
    codes = level_codes(weight, bits)
    require_alpha(alpha)
    if alpha == "none":
        return codes, weight_scale(weight, alpha) / (2**bits - 1)
    fixed, axes = codes.detach(), alpha_axes(weight, alpha)
    return codes, mean_over(weight * fixed, axes) / mean_over(fixed * fixed, axes)


def squashed(weight: Tensor) -> Tensor:
    """tanh(W)/max|tanh(W)|, within [−1, 1]; the maximum is the layer's.

    Args:
        weight: any shape, floating point; all zeros stay zeros.

    Source: Zhou et al. 2016 (DoReFa-Net), eq. 9.
    """
    bounded = torch.tanh(weight)
    return bounded / _largest(bounded)


def squash_gradient(weight: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of W from that of `squashed(W)`, the one through the maximum included.

    Args:
        weight: as of `squashed`.
        gradient: like `weight`.
    """
    bounded = torch.tanh(weight.detach())
    largest = _largest(bounded)
    top = bounded.abs() == largest  # the maximum's gradient is shared among equals, as in torch
    by_largest = -(gradient * bounded).sum() / largest.square() / top.sum().clamp(min=1)
    through = by_largest * top * torch.where(bounded < 0, -1, 1)
    return ((gradient / largest + through) * (1 - bounded.square())).to(gradient.dtype)


def _largest(bounded: Tensor) -> Tensor:
    if bounded.numel() == 0:
        return bounded.new_ones(())
    return bounded.abs().max().clamp(min=torch.finfo(bounded.dtype).tiny)
