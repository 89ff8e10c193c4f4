"""A trained compressor as a codec: uint8 pictures → bytes → uint8 pictures."""

import hashlib

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xnorkit.codec.xnc_file import (
    MAX_PIXELS,
    MODEL_ID,
    BadFileError,
    CompressedPicture,
)
from xnorkit.networks.compressor import Compressor

Pixels = npt.NDArray[np.uint8]
_FULL = 255.0  # uint8's full brightness is 1


class PictureCodec:
    """Encodes and decodes pictures of any size with one network.

    Args:
        network: trained; put into evaluation mode.

    Attributes:
        model_id: 8 bytes of a hash of the network's weights; a file names the one that wrote it.
    """

    def __init__(self, network: Compressor) -> None:
        self.network = network.eval()
        self.model_id = model_id(network)

    def encode(self, picture: Pixels) -> bytes:
        """uint8 (3, H, W) → the bytes of an .xnc file.

        Raises:
            ValueError: another shape or dtype, no pixel, or more than 2^28.
        """
        if picture.ndim != 3 or picture.shape[0] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"a picture of {picture.dtype} {picture.shape}: give uint8 (3, H, W).")
        height, width = picture.shape[1:]
        if not 0 < height * width <= MAX_PIXELS:
            raise ValueError(f"a picture of {height}x{width} pixels: 1 to {MAX_PIXELS:,} can be.")
        pixels = self._moved(np.ascontiguousarray(picture))  # a mirrored view has negative strides
        bits = self.network.compress(pixels.to(self._weight.dtype) / _FULL)
        return self.to_file(bits[0], height, width)

    def to_file(self, bits: Tensor, height: int, width: int) -> bytes:
        """The bytes of an .xnc file, of bits (planes, ⌈H/16⌉, ⌈W/16⌉) of `network.compress`."""
        array = bits.cpu().numpy().astype(np.uint8)
        return CompressedPicture(height, width, self.model_id, array).to_bytes()

    def decode(self, data: bytes) -> Pixels:
        """The bytes of an .xnc file → uint8 (3, H, W).

        The bits are exactly the encoder's. On another machine the network's sums may differ in
        their last place, so that a value halfway between two shades can become either.

        Raises:
            BadFileError: not a file of ours, a damaged one, or another model's.
        """
        found = CompressedPicture.from_bytes(data)
        if found.model_id != self.model_id:
            raise BadFileError(
                f"another model's: written by {found.model_id.hex()}, not {self.model_id.hex()}"
            )
        if len(found.bits) != self.network.planes:
            raise BadFileError(
                f"not possible: {len(found.bits)} planes of a model with {self.network.planes}"
            )
        decoded = self.network.decompress(self._moved(found.bits))
        return to_pixels(decoded[0, :, : found.height, : found.width])

    def _moved(self, array: npt.NDArray[np.uint8]) -> Tensor:
        """A batch of one on the network's device."""
        return torch.from_numpy(array)[None].to(self._weight.device)

    @property
    def _weight(self) -> Tensor:
        """Any of the network's, for its device and dtype."""
        return next(self.network.parameters())


def to_pixels(picture: Tensor) -> Pixels:
    """(3, H, W) in [0, 1] → uint8, rounded."""
    pixels: Pixels = (picture * _FULL).round().to(torch.uint8).cpu().numpy()
    return pixels


def model_id(network: Compressor) -> bytes:
    """8 bytes that change with any weight, its name or its shape."""
    found = hashlib.sha256()
    for name, value in network.state_dict().items():
        found.update(f"{name} {tuple(value.shape)}\n".encode())
        found.update(value.detach().float().cpu().contiguous().numpy().astype("<f4").tobytes())
    return found.digest()[:MODEL_ID]
