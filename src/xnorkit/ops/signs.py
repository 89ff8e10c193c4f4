"""Signs ↔ bits, eight to a byte: pack_bits, unpack_bits."""

import ctypes
from math import prod

import torch
from torch import Tensor

from xnorkit.ops.kernels import (
    BitRange,
    BitValues,
    OpError,
    isa,
    library,
    require_cpu,
    require_threads,
    threads_of,
)

_SIGNED = {torch.int8: 1, torch.int16: 2, torch.int32: 4, torch.int64: 8}  # bytes
# From the smallest negative number to −∞: −0.0 is below, NaN above.
RANGES = {
    torch.float64: BitRange(8, 0x8000000000000001, 0xFFF0000000000000),
    torch.float32: BitRange(4, 0x80000001, 0xFF800000),
    torch.bfloat16: BitRange(2, 0x8001, 0xFF80),
    torch.float16: BitRange(2, 0x8001, 0xFC00),
    torch.bool: BitRange(1, 1, 0xFF),
    **{dtype: BitRange(n, 1 << 8 * n - 1, (1 << 8 * n) - 1) for dtype, n in _SIGNED.items()},
}
_VALUES = {
    torch.float64: BitValues(8, 0x3FF0000000000000, 0xBFF0000000000000),
    torch.float32: BitValues(4, 0x3F800000, 0xBF800000),
    torch.bfloat16: BitValues(2, 0x3F80, 0xBF80),
    torch.float16: BitValues(2, 0x3C00, 0xBC00),
    torch.bool: BitValues(1, 0, 1),
    **{dtype: BitValues(n, 1, (1 << 8 * n) - 1) for dtype, n in _SIGNED.items()},
}

torch.library.define("xnorkit::pack_bits", "(Tensor x, int? threads=None) -> Tensor")
torch.library.define(
    "xnorkit::unpack_bits",
    "(Tensor packed, SymInt n, ScalarType dtype, int? threads=None) -> Tensor",
)


def pack_bits(x: Tensor, *, threads: int | None = None) -> Tensor:
    """Signs of the last axis, eight to a byte.

    Args:
        x: (…, n), on the CPU. Of floating-point and signed integer dtypes a bit is 1 where x < 0,
            else 0 (so at 0, −0.0 and NaN); of bool it is the value.
        threads: among which the work is shared out at most; by default torch's.

    Returns:
        (…, ⌈n/8⌉), uint8: element i at bit i % 8 of byte i // 8, filler 0. It has no gradient.

    Raises:
        OpError: another dtype or device, or no axis.
    """
    packed: Tensor = torch.ops.xnorkit.pack_bits(x, threads)
    return packed


def unpack_bits(
    packed: Tensor, n: int, dtype: torch.dtype = torch.float32, *, threads: int | None = None
) -> Tensor:
    """What `pack_bits` was given, as far as a bit can say.

    Args:
        packed: (…, ⌈n/8⌉), uint8, on the CPU; its filler is not looked at.
        n: elements of a row.
        dtype: floating point or signed integers for −1 (bit 1) and +1, or bool for the bit itself.
        threads: among which the work is shared out at most; by default torch's.

    Returns:
        (…, n), dtype.

    Raises:
        OpError: another dtype, device or shape.
    """
    values: Tensor = torch.ops.xnorkit.unpack_bits(packed, n, dtype, threads)
    return values


def require_signed(name: str, x: Tensor) -> None:
    """Refuse dtypes whose elements have no sign."""
    if x.dtype not in RANGES:
        raise OpError(
            f"{name} is {x.dtype}: signs are those of floating-point or signed integer tensors, "
            "bits those of bool. Convert it."
        )


def bytes_of(n: int) -> int:
    """Of a packed row of n bits."""
    return (n + 7) // 8


def _packed_like(x: Tensor, threads: int | None = None) -> Tensor:
    require_cpu("x", x)
    require_signed("x", x)
    require_threads(threads)
    if x.dim() == 0:
        raise OpError("x has no axis to pack. Give it one: x.reshape(1).")
    return x.new_empty((*x.shape[:-1], bytes_of(x.shape[-1])), dtype=torch.uint8)


def _pack(x: Tensor, threads: int | None = None) -> Tensor:
    packed = _packed_like(x, threads)
    x = x.contiguous()
    library().xnor_pack_bits(
        isa(), x.data_ptr(), prod(x.shape[:-1]), x.shape[-1], ctypes.byref(RANGES[x.dtype]),
        packed.data_ptr(), threads_of(threads),
    )  # fmt: skip
    return packed


def _unpacked_like(
    packed: Tensor, n: int, dtype: torch.dtype, threads: int | None = None
) -> Tensor:
    require_cpu("packed", packed)
    require_packed("packed", packed, n)
    require_threads(threads)
    if dtype not in _VALUES:
        raise OpError(
            f"dtype={dtype}: ±1 are floating point or signed integers, bits bool. Choose one."
        )
    return packed.new_empty((*packed.shape[:-1], n), dtype=dtype)


def require_packed(name: str, packed: Tensor, n: int) -> None:
    """Refuse what is not rows of n bits."""
    if packed.dtype != torch.uint8 or packed.dim() == 0:
        raise OpError(
            f"{name} is {packed.dtype} of shape {tuple(packed.shape)}: give what pack_bits "
            "returned, uint8 with an axis of packed bits."
        )
    if n < 0 or packed.shape[-1] != bytes_of(n):
        raise OpError(
            f"{name} has {packed.shape[-1]} bytes a row: {n} bits take {bytes_of(max(n, 0))}. "
            "Give the number of elements that were packed."
        )


def _unpack(packed: Tensor, n: int, dtype: torch.dtype, threads: int | None = None) -> Tensor:
    values = _unpacked_like(packed, n, dtype, threads)
    packed = packed.contiguous()
    library().xnor_unpack_bits(
        isa(), packed.data_ptr(), prod(packed.shape[:-1]), n, ctypes.byref(_VALUES[dtype]),
        values.data_ptr(), threads_of(threads),
    )  # fmt: skip
    return values


# For every device: the functions say themselves which they can't.
torch.library.impl("xnorkit::pack_bits", "CompositeExplicitAutograd", _pack)
torch.library.impl("xnorkit::unpack_bits", "CompositeExplicitAutograd", _unpack)
torch.library.register_fake("xnorkit::pack_bits", _packed_like)
torch.library.register_fake("xnorkit::unpack_bits", _unpacked_like)
