"""torch's kernel sizes, strides and borders → windows over maps."""

from collections.abc import Sequence
from math import ceil

from xnorkit.deploy.ops.op import Map, Window

Pair = tuple[int, int]


def pair(value: int | Sequence[int], default: int, dims: int) -> Pair:
    """(h, w) of torch's size argument.

    Args:
        value: an int, or one number an axis.
        default: for h, where the layer has one axis.
        dims: axes of the layer, 1 or 2.
    """
    numbers = (value,) * dims if isinstance(value, int) else tuple(value)
    return (default, numbers[0]) if dims == 1 else (numbers[0], numbers[1])


def convolution_window(of: Map, kernel: Pair, stride: Pair, dilation: Pair,
                       borders: tuple[int, int, int, int]) -> Window:  # fmt: skip
    """The window of a convolution.

    Args:
        of: the input's map.
        kernel: (kh, kw).
        stride: (h, w).
        dilation: (h, w).
        borders: top, bottom, left, right.
    """
    top, bottom, left, right = borders
    out_h = (of.h + top + bottom - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    out_w = (of.w + left + right - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
    return Window(*kernel, *stride, *dilation, top, left, out_h, out_w)


def pool_window(of: Map, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair,
                ceil_mode: bool) -> Window:  # fmt: skip
    """The window of a pool; with ceil_mode the last one may reach over the border."""
    out_h = _pooled(of.h, kernel[0], stride[0], padding[0], dilation[0], ceil_mode)
    out_w = _pooled(of.w, kernel[1], stride[1], padding[1], dilation[1], ceil_mode)
    return Window(*kernel, *stride, *dilation, *padding, out_h, out_w)


def _pooled(size: int, kernel: int, stride: int, padding: int, dilation: int, up: bool) -> int:
    """Positions along one axis, as torch counts them."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    positions = (ceil(room / stride) if up else room // stride) + 1
    # torch lets no window begin in the border at the end.
    return positions - 1 if up and (positions - 1) * stride >= size + padding else positions
