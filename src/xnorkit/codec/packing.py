"""Bits ↔ bytes: bit i is bit i % 8 of byte i / 8, as in model.xnor; filler bits are 0."""

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]


def pack(bits: Bits) -> bytes:
    """The bytes of {0, 1} of any shape, in C order: ⌈n/8⌉ of them."""
    return np.packbits(bits.reshape(-1), bitorder="little").tobytes()


def unpack(packed: bytes, shape: tuple[int, ...]) -> Bits:
    """uint8 {0, 1} of `shape` from what `pack` made of it.

    Raises:
        ValueError: not as many bytes as the shape has, or a filler bit is set.
    """
    count = int(np.prod(shape, dtype=np.int64))
    if len(packed) != (count + 7) // 8:
        raise ValueError(f"{len(packed)} bytes for {count} bits")
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
    if bits[count:].any():
        raise ValueError("a bit after the last one is set")
    return bits[:count].reshape(shape)
