"""Bits ↔ bytes by the kernels of `xnorkit.ops`: bit i is bit i % 8 of byte i // 8, filler is 0.

That is numpy's `bitorder="little"`, too, which does it where there is no compiler for the kernels.
"""

import numpy as np
import numpy.typing as npt
import torch

from xnorkit.ops import kernels, pack_bits, unpack_bits

Bits = npt.NDArray[np.uint8]


def pack(bits: Bits) -> bytes:
    """The bytes of {0, 1} of any shape, in C order: ⌈n/8⌉ of them."""
    flat = np.ascontiguousarray(bits).reshape(-1)
    if not _has_kernels():
        return np.packbits(flat, bitorder="little").tobytes()
    return pack_bits(torch.from_numpy(flat.astype(np.bool_))).numpy().tobytes()


def unpack(packed: bytes, shape: tuple[int, ...]) -> Bits:
    """uint8 {0, 1} of `shape` from what `pack` made of it.

    Raises:
        ValueError: not as many bytes as the shape has, or a filler bit is set.
    """
    count = int(np.prod(shape, dtype=np.int64))
    if len(packed) != (count + 7) // 8:
        raise ValueError(f"{len(packed)} bytes for {count} bits")
    if count % 8 and packed[-1] >> count % 8:
        raise ValueError("a bit after the last one is set")
    row = np.frombuffer(packed, np.uint8)
    if not _has_kernels():
        return np.unpackbits(row, count=count, bitorder="little").reshape(shape)
    bits = unpack_bits(torch.from_numpy(row.copy()), count, torch.bool)
    return bits.numpy().astype(np.uint8).reshape(shape)


def _has_kernels() -> bool:
    """Whether they are compiled or can be: pictures are read without a compiler, too."""
    try:
        kernels.library()
    except ValueError:
        return False
    return True
