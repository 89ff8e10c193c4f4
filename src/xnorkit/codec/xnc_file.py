"""One compressed picture as bytes: a header of 32 bytes, then the packed bits.

at  bytes
 0  4      89 78 6E 63: "xnc" behind a byte that no text begins with
 4  1      version, 1
 5  1      1: the bits are compressed by zstandard; 0: they are as they are
 6  2      planes: bits at each site; little-endian, as all that follows
 8  4      height in pixels
12  4      width in pixels
16  8      id of the model, the only one that can decode it
24  8      BLAKE2b of all other bytes, so that any change is noticed
32  …      the bits (planes, ⌈height/16⌉, ⌈width/16⌉), packed as `packing.py` says
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Any

from xnorkit.codec.packing import Bits, pack, unpack
from xnorkit.networks.compressor import STRIDE

MAX_PIXELS = 2**28  # of one picture; a header that claims more would only exhaust the memory
MODEL_ID = 8  # bytes
HEADER = 32  # bytes
_MAGIC = b"\x89xnc"
_VERSION = 1
_FIELDS = struct.Struct(f"<4sBBHII{MODEL_ID}s")
_CHECKSUM = HEADER - _FIELDS.size
_RAW, _ZSTANDARD = 0, 1
_LEVEL = 19  # the highest that needs no more memory than usual to decode


class BadFileError(ValueError):
    """Not a file of ours, not as it was written, or another model's; the text says which."""


@dataclass(frozen=True)
class CompressedPicture:
    """What a file holds.

    Attributes:
        height: of the picture, in pixels.
        width: the same.
        model_id: 8 bytes.
        bits: uint8 {0, 1}, (planes, ⌈height/16⌉, ⌈width/16⌉).
    """

    height: int
    width: int
    model_id: bytes
    bits: Bits

    def to_bytes(self) -> bytes:
        """The file, with zstandard where that is smaller."""
        packed = pack(self.bits)
        squeezed = (
            _zstandard()
            .ZstdCompressor(level=_LEVEL, write_checksum=False, write_content_size=False)
            .compress(packed)
        )
        coding, body = min((_RAW, packed), (_ZSTANDARD, squeezed), key=lambda pair: len(pair[1]))
        fields = _FIELDS.pack(
            _MAGIC, _VERSION, coding, len(self.bits), self.height, self.width, self.model_id
        )
        return b"".join((fields, _checksum(fields + body), body))

    @classmethod
    def from_bytes(cls, data: bytes) -> "CompressedPicture":
        """What a whole file holds.

        Raises:
            BadFileError: no file of ours, a version that is not known, or not a byte as it was.
        """
        if not data.startswith(_MAGIC):
            raise BadFileError("no picture compressed by xnorkit: it does not begin as one")
        if len(data) < HEADER:
            raise BadFileError(f"cut off: its {len(data)} bytes are less than a header")
        _, version, coding, planes, height, width, model_id = _FIELDS.unpack_from(data)
        if version != _VERSION:
            raise BadFileError(f"of version {version}: this xnorkit reads version {_VERSION}")
        fields, checksum, body = data[: _FIELDS.size], data[_FIELDS.size : HEADER], data[HEADER:]
        if _checksum(fields + body) != checksum:
            raise BadFileError("damaged: its checksum does not fit, so it was cut off or changed")
        if not planes or not 0 < height * width <= MAX_PIXELS or coding not in (_RAW, _ZSTANDARD):
            raise BadFileError(
                f"not possible: {planes} planes, {height}x{width} pixels, coding {coding}"
            )
        shape = bits_shape(planes, height, width)
        return cls(height, width, model_id, _bits(body, coding, shape))


def bits_shape(planes: int, height: int, width: int) -> tuple[int, int, int]:
    """(planes, rows, columns) of a picture's bits."""
    return planes, -(-height // STRIDE), -(-width // STRIDE)


def _bits(body: bytes, coding: int, shape: tuple[int, int, int]) -> Bits:
    zstandard = _zstandard()
    wanted = (shape[0] * shape[1] * shape[2] + 7) // 8
    try:
        if coding == _ZSTANDARD:
            # A stream gives no more than is asked for, whatever the body claims to hold.
            with zstandard.ZstdDecompressor().stream_reader(body) as reader:
                body = reader.read(wanted + 1)
        return unpack(body, shape)
    except (ValueError, zstandard.ZstdError) as error:
        raise BadFileError(f"its bits can't be read: {error}") from error


def _zstandard() -> Any:
    """The library, of an extra."""
    try:
        import zstandard  # noqa: PLC0415 - of an extra, not always installed
    except ModuleNotFoundError as error:
        raise ValueError(
            'compressed pictures need zstandard: pip install "xnorkit[vision]".'
        ) from error
    return zstandard


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_CHECKSUM).digest()
