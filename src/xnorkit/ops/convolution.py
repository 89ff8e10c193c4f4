"""xnor_conv2d: real maps, packed filters → real maps."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from xnorkit.ops.kernels import (
    MOST_INT,
    OpError,
    isa,
    library,
    require_cpu,
    require_done,
    require_threads,
    threads_of,
)
from xnorkit.ops.matmul import MOST_EXACT, address, no_gradient, per_filter, require_factors
from xnorkit.ops.signs import RANGES, require_packed, require_signed

_SIZES = ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w",
          "pad_top", "pad_left", "out_h", "out_w")  # fmt: skip


class _Shape(ctypes.Structure):
    """ConvolutionShape of cpp/include/xnorkit/tensor/packed_map.hpp."""

    _fields_ = (
        ("samples", ctypes.c_ssize_t),
        ("in_h", ctypes.c_int),
        ("in_w", ctypes.c_int),
        ("in_c", ctypes.c_int),
        ("out_c", ctypes.c_int),
        *((size, ctypes.c_int) for size in _SIZES),
        ("groups", ctypes.c_int),
        ("padding_value", ctypes.c_int),
        ("channels_last", ctypes.c_bool),
    )


torch.library.define(
    "xnorkit::xnor_conv2d",
    "(Tensor x, Tensor weight, int[2] kernel_size, Tensor? scale, Tensor? bias, int[2] stride, "
    "int[4] borders, int[2] dilation, int groups, int padding_value, int? threads=None) -> Tensor",
)


def xnor_conv2d(
    x: Tensor,
    weight: Tensor,
    kernel_size: int | Sequence[int],
    scale: Tensor | None = None,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    *,
    padding_value: int = 0,
    threads: int | None = None,
) -> Tensor:
    """(sign(x) ⊛ signs)·scale + bias, the sums exact, then two roundings as torch has them.

    Args:
        x: (N, C, H, W) or (C, H, W), floating point, signed integers or bool (True is −1), on the
            CPU, contiguous or channels_last, of which the result is, too.
        weight: (C_out, ⌈kh·kw·C/groups/8⌉), uint8: of a weight (C_out, C/groups, kh, kw) it is
            `pack_bits(weight.permute(0, 2, 3, 1).flatten(1))`, as in `model.xnor`.
        kernel_size: kh, kw, which packed bits don't say.
        scale: (C_out,) or (1,), float32, e.g. XNOR-Net's α; None: 1.
        bias: (C_out,), float32; None: 0.
        stride: as torch's `conv2d`; so are padding, dilation and groups.
        padding: on both sides of an axis; `same`; `valid`; or (top, bottom, left, right).
        dilation: distance of the taps.
        groups: blocks of channels that don't mix.
        padding_value: 0: taps in the border don't count; 1 or −1.
        threads: among which the work is shared out at most; by default torch's.

    Returns:
        (N, C_out, H', W') or (C_out, H', W'), float32. Its backward raises: train with
        `xnorkit.nn.BinaryConv2d`, pack afterwards.

    Raises:
        OpError: another dtype, device or shape.
    """
    kernel, strides = _pair("kernel_size", kernel_size), _pair("stride", stride)
    dilations = _pair("dilation", dilation)
    borders = _borders(padding, kernel, strides, dilations)
    batch = x.unsqueeze(0) if x.dim() == 3 else x
    y: Tensor = torch.ops.xnorkit.xnor_conv2d(
        batch, weight, kernel, scale, bias, strides, borders, dilations, groups, padding_value,
        threads,
    )  # fmt: skip
    return y.squeeze(0) if x.dim() == 3 else y


def _pair(name: str, value: int | Sequence[int]) -> list[int]:
    """Of rows, of columns."""
    pair = [value, value] if isinstance(value, int) else list(value)
    if len(pair) != 2:
        raise OpError(f"{name}={pair}: give one number, or two for rows and columns.")
    return pair


def _borders(
    padding: int | Sequence[int] | str, kernel: list[int], stride: list[int], dilation: list[int]
) -> list[int]:
    """Top, bottom, left, right."""
    if isinstance(padding, str):
        if padding not in ("same", "valid") or (padding == "same" and max(stride) > 1):
            raise OpError(f"padding={padding!r}, stride={stride}: `valid`, or `same` at stride 1.")
        whole = [d * (k - 1) if padding == "same" else 0
                 for d, k in zip(dilation, kernel, strict=True)]  # fmt: skip
        return [side for all_ in whole for side in (all_ // 2, all_ - all_ // 2)]
    if not isinstance(padding, int) and len(padding) == 4:
        return list(padding)
    rows, columns = _pair("padding", padding)
    return [rows, rows, columns, columns]


def _conv2d_like(
    x: Tensor, weight: Tensor, kernel_size: list[int], scale: Tensor | None, bias: Tensor | None,
    stride: list[int], borders: list[int], dilation: list[int], groups: int, padding_value: int,
    threads: int | None = None,
) -> Tensor:  # fmt: skip
    require_cpu("x", x)
    require_cpu("weight", weight, x)
    require_signed("x", x)
    require_threads(threads)
    _require_window(kernel_size, stride, borders, dilation, padding_value)
    if x.dim() != 4:
        raise OpError(f"x has shape {tuple(x.shape)}: give (N, C, H, W) or (C, H, W).")
    filters, channels = weight.shape[0], x.shape[1]
    if groups < 1 or channels % groups or filters % groups:
        raise OpError(
            f"groups={groups}: it divides neither or only one of {channels} channels and {filters} "
            "filters. Give a divisor of both."
        )
    terms = kernel_size[0] * kernel_size[1] * (channels // groups)
    if terms > MOST_EXACT:
        raise OpError(f"{terms} inputs a filter: float32 sums are exact to {MOST_EXACT}.")
    require_packed("weight", weight, terms)
    require_factors(scale, bias, weight)
    height, width = (
        (x.shape[2 + i] + borders[2 * i] + borders[2 * i + 1] - dilation[i] * (kernel_size[i] - 1)
         - 1) // stride[i] + 1
        for i in range(2)
    )  # fmt: skip
    if height < 1 or width < 1:
        raise OpError(
            f"x of shape {tuple(x.shape)} is smaller than the kernel {tuple(kernel_size)} with "
            f"dilation {tuple(dilation)}. Give a larger one, or pad it."
        )
    form = torch.channels_last if _is_last(x) else torch.contiguous_format
    size = (x.shape[0], filters, height, width)
    return torch.empty(size, dtype=torch.float32, device=x.device, memory_format=form)


def _require_window(
    kernel: list[int], stride: list[int], borders: list[int], dilation: list[int], value: int
) -> None:
    if min(*kernel, *stride, *dilation) < 1 or min(borders) < 0:
        raise OpError(
            f"kernel_size={kernel}, stride={stride}, dilation={dilation}, padding={borders}: sizes "
            "are 1 or more, padding 0 or more."
        )
    if max(*kernel, *stride, *dilation, *borders) > MOST_INT:
        raise OpError(
            f"kernel_size={kernel}, stride={stride}, dilation={dilation}, padding={borders}: sizes "
            f"are at most {MOST_INT}."
        )
    if value not in (0, 1, -1):
        raise OpError(f"padding_value={value}: a packed border can be 0, 1 or -1. Choose one.")


def _is_last(x: Tensor) -> bool:
    """Whether its channels lie side by side, and its columns don't."""
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def _conv2d(
    x: Tensor, weight: Tensor, kernel_size: list[int], scale: Tensor | None, bias: Tensor | None,
    stride: list[int], borders: list[int], dilation: list[int], groups: int, padding_value: int,
    threads: int | None = None,
) -> Tensor:  # fmt: skip
    y = _conv2d_like(
        x, weight, kernel_size, scale, bias, stride, borders, dilation, groups, padding_value,
        threads,
    )  # fmt: skip
    last, filters = _is_last(x), weight.shape[0]
    x, weight = x if last else x.contiguous(), weight.contiguous()
    scale, bias = per_filter(scale, filters), per_filter(bias, filters)
    samples, channels, height, width = x.shape
    if max(height * width, y.shape[2] * y.shape[3]) > MOST_INT:
        raise OpError(
            f"x of shape {tuple(x.shape)} becomes {tuple(y.shape)}: a map has at most {MOST_INT} "
            "pixels. Give it in pieces."
        )
    shape = _Shape(
        samples, height, width, channels, filters, *kernel_size, *stride, *dilation, borders[0],
        borders[2], *y.shape[2:], groups, padding_value, last,
    )  # fmt: skip
    done = library().xnor_conv2d(
        isa(), ctypes.byref(shape), x.data_ptr(), ctypes.byref(RANGES[x.dtype]), weight.data_ptr(),
        address(scale), address(bias), y.data_ptr(), threads_of(threads),
    )  # fmt: skip
    require_done(done)
    return y


torch.library.impl("xnorkit::xnor_conv2d", "CompositeExplicitAutograd", _conv2d)
torch.library.register_fake("xnorkit::xnor_conv2d", _conv2d_like)
no_gradient("xnor_conv2d", "BinaryConv2d")
