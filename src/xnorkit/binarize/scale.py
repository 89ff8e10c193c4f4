"""The real factors beside ±1: α of the weights, K of the input."""

from math import prod
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from xnorkit.binarize.sign import sign_values

Alpha = Literal["filter", "layer", "max", "none"]


def filter_scale(weight: Tensor) -> Tensor:
    """Mean magnitude of each filter, the L2-optimal α for W ≈ α·sign(W).

    Args:
        weight: (C_out, C_in, …), floating point.

    Returns:
        (C_out, 1, …), same dtype, broadcastable to `weight`; 0 for an all-zero filter.

    Source: Rastegari et al. 2016, eq. 6.
    """
    return _magnitude(weight, tuple(range(1, weight.dim())))


def weight_scale(weight: Tensor, alpha: Alpha = "filter") -> Tensor:
    """α by one of three rules.

    Args:
        weight: (C_out, C_in, …), floating point.
        alpha: `filter`: one mean magnitude a filter; `layer`: one for all; `max`: the largest
            magnitude of all (BinaryNet's `allow_scale`); `none`: 1.

    Returns:
        (C_out, 1, …) for `filter`, (1, 1, …) otherwise; dtype of `weight`.

    Raises:
        ValueError: `alpha` is none of them.
    """
    require_alpha(alpha)
    if alpha == "filter":
        return filter_scale(weight)
    if alpha == "layer":
        return _magnitude(weight, tuple(range(weight.dim())))
    if alpha == "max" and weight.numel():
        return weight.abs().amax().reshape((1,) * weight.dim())
    return weight.new_ones((1,) * weight.dim())


def require_alpha(alpha: str) -> None:
    """Refuse what is none of the rules."""
    if alpha not in get_args(Alpha):
        raise ValueError(f"alpha={alpha!r}: choose one of {', '.join(get_args(Alpha))}.")


def _magnitude(weight: Tensor, axes: tuple[int, ...]) -> Tensor:
    # sign(W)·W and not |W|: torch's gradient of |W| is 0 at W = 0, where the sign rule says +1.
    return mean_over(sign_values(weight) * weight, axes)


def mean_over(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Mean over `axes`, kept as 1; summed axis by axis from the last, in float32 at least.

    That is the order of XNOR-Net-PyTorch: where the two terms of its gradient cancel, another
    order differs by more than float32's rounding. 0 where there is nothing to sum.
    """
    total = values.to(torch.promote_types(values.dtype, torch.float32))
    for axis in reversed(axes):
        total = _sum_over(total, axis)
    terms = prod([values.shape[axis] for axis in axes])  # a list: torch.compile asks for one
    return (total / max(1, terms)).to(values.dtype)


def _sum_over(values: Tensor, axis: int) -> Tensor:
    """`values.sum(axis, keepdim=True)`, to the bit; on CPU 2.8x as fast over a kernel's 3."""
    if not 2 <= values.shape[axis] <= 4:  # of more, torch adds every fourth first
        return values.sum(axis, keepdim=True)
    first, second, *others = values.unbind(axis)
    return sum(others, first + second).unsqueeze(axis)


def input_scale(
    x: Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] = 1,
    padding: int | str | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
) -> Tensor:
    """K: the mean magnitude under the kernel at each output pixel.

    The mean over channels of |x|, box-filtered with the kernel's footprint; a padded tap counts
    as 0 and is divided by as well.

    Args:
        x: (N, C, H, W) or (N, C, L), floating point.
        kernel_size: of the convolution that K scales; so are stride, padding and dilation.
        stride: as torch's convolutions.
        padding: as torch's convolutions, `same` and `valid` included.
        dilation: as torch's convolutions.

    Returns:
        (N, 1, H', W') or (N, 1, L'), dtype of `x`.

    Raises:
        ValueError: `x` has neither 3 nor 4 dimensions, or `kernel_size` not as many as the image.

    Source: Rastegari et al. 2016, section 3.2, K = A ∗ k.
    """
    if x.dim() not in (3, 4):
        raise ValueError(
            f"x of shape {tuple(x.shape)}: input_scale takes (N, C, H, W) or (N, C, L)."
        )
    rank = x.dim() - 2
    size = (kernel_size,) * rank if isinstance(kernel_size, int) else tuple(kernel_size)
    if len(size) != rank:
        raise ValueError(
            f"kernel_size={kernel_size} for x of shape {tuple(x.shape)}: give {rank} sizes or one."
        )
    magnitude = x.abs().mean(1, keepdim=True)
    box = magnitude.new_ones((1, 1, *size))
    convolve = F.conv2d if rank == 2 else F.conv1d
    # Divided after the sum: 1/9 is 0.2 % off in bfloat16.
    return convolve(magnitude, box, None, stride, padding, dilation) / box.numel()
