"""Pictures ↔ .xnc files by a trained compressor: bits, packed 8 to a byte, behind a header.

Start at `picture_codec.py`; `xnc_file.py` is the file, byte by byte, `packing.py` bits ↔ bytes.
"""

from xnorkit.codec.picture_codec import PictureCodec
from xnorkit.codec.xnc_file import BadFileError

__all__ = ["BadFileError", "PictureCodec"]
