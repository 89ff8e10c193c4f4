"""Arrays as the bytes of idx files, written after the format's page; checksums of files."""

import hashlib
import struct


def idx(array):
    """A uint8 array as an idx file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def sha256(path):
    """Of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
