"""Bytes of an idx file (MNIST's format), gzipped or not → a uint8 array.

Format: two zero bytes, the type (8: uint8), the number of axes, each axis as a big-endian uint32,
then the values. Source: http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import struct
import zlib
from math import prod

import numpy as np
import numpy.typing as npt

_GZIP = b"\x1f\x8b"
_UINT8 = 0x08


def parse_idx(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """The array of one file.

    Args:
        data: the whole file.
        name: what it is called in errors.

    Raises:
        ValueError: no idx file of uint8, cut off, or followed by something else.
    """
    if data[:2] == _GZIP:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{name}: damaged gzip ({error}). Remove it and run again.") from error
    if len(data) < 4 or data[:3] != bytes((0, 0, _UINT8)):
        raise ValueError(
            f"{name}: no idx file of bytes (it begins with {data[:4].hex() or 'nothing'}). Give "
            "the published file."
        )
    axes = data[3]
    header = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", data[4:header]) if len(data) >= header else (0,)
    if len(data) != header + prod(shape):
        raise ValueError(
            f"{name}: {len(data)} bytes, but its header says {header + prod(shape)}: it is cut or "
            "damaged. Remove it and run again."
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
