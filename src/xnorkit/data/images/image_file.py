"""Bytes of an image file (JPEG, PNG, whatever Pillow reads) → uint8 (C, H, W), upright, resized."""

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
MODES = {1: "L", 3: "RGB"}  # channels → Pillow's name
_WHITE = (255, 255, 255, 255)


class UnreadableImageError(Exception):
    """The file can't be used; the text says why."""


def decode_image(data: bytes, channels: int = 3) -> Pixels:
    """Decode, turn as the camera says, convert to grey or RGB; transparent parts lie on white.

    Args:
        data: a whole file; of an animation the first picture.
        channels: 1 or 3.

    Returns:
        uint8 (channels, H, W).

    Raises:
        UnreadableImageError: not an image, cut off, or suspiciously large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as file:
                image = _converted(ImageOps.exif_transpose(file), channels)
    except UnidentifiedImageError as error:  # its str() names the buffer in memory
        raise UnreadableImageError("not an image that Pillow knows") from error
    # Pillow's decoders raise these, and its own two, on damaged files.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        raise UnreadableImageError(str(error) or type(error).__name__) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImageError(str(error)) from error
    return as_pixels(image)


def _converted(image: Image.Image, channels: int) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow would clip: 16 bits to 8 of them
        return _from_16_bits(image, channels)
    if image.has_transparency_data:
        own = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", own.size, _WHITE), own)
    return image.convert(MODES[channels])


def _from_16_bits(image: Image.Image, channels: int) -> Image.Image:
    grey = np.asarray(image, dtype=np.uint16) >> 8
    return Image.fromarray(grey.astype(np.uint8)).convert(MODES[channels])


def as_pixels(image: Image.Image) -> Pixels:
    """A grey or RGB image as uint8 (C, H, W)."""
    array = np.asarray(image, dtype=np.uint8)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def as_image(pixels: Pixels) -> Image.Image:
    """uint8 (C, H, W), C of 1 or 3, as Pillow's image, to be written or shown."""
    if pixels.shape[0] == 1:
        return Image.fromarray(np.ascontiguousarray(pixels[0]))
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """The whole image in another size, antialiased (Pillow's bilinear); the argument if it has it.

    Args:
        pixels: uint8 (C, H, W), C of 1 or 3.
        height: wanted.
        width: wanted.

    Returns:
        uint8 (C, height, width).
    """
    if pixels.shape[1:] == (height, width):
        return pixels
    return as_pixels(as_image(pixels).resize((width, height), Image.Resampling.BILINEAR))


def cover(pixels: Pixels, height: int, width: int) -> Pixels:
    """The largest middle part of the wanted shape, resized; nothing is stretched.

    Args:
        pixels: uint8 (C, H, W).
        height: wanted.
        width: wanted.

    Returns:
        uint8 (C, height, width).
    """
    _, h, w = pixels.shape
    cut_h, cut_w = min(h, round(w * height / width)), min(w, round(h * width / height))
    cut_h, cut_w = max(cut_h, 1), max(cut_w, 1)
    top, left = (h - cut_h) // 2, (w - cut_w) // 2
    return resize(pixels[:, top : top + cut_h, left : left + cut_w], height, width)
