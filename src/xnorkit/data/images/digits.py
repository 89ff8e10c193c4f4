"""1,797 real handwritten digits, 8×8, that scikit-learn ships: no network is needed."""

from collections.abc import Mapping

import numpy as np
from torch import nn

from xnorkit.data.images.datamodule import ImageDataModule, ImageSplit, split_off
from xnorkit.data.images.image_file import resize

_NATIVE = 8
_DARKEST = 16  # ink of a pixel, 0 … 16
_SIZES = {"validation": 297, "test": 500}  # of 1,797; a test image is 0.2 points


class Digits(ImageDataModule):
    """Optical Recognition of Handwritten Digits, its test part, split anew at random.

    The split, 1,000 for training, 297 for validation and 500 for test, is the same for every
    seed. Which of its 13 writers wrote a digit is not known, so each is in all splits.

    Args:
        size: of the side: 8, or larger: resized by bilinear interpolation.
        features: see `ImageDataModule`, as all that follows.
        batch_size: see there.
        eval_batch_size: see there.
        seed: see there.

    Raises:
        ValueError: a size below 8; in `prepare_data`: scikit-learn is not installed.

    Source: Alpaydin & Kaynak 1998, UCI Machine Learning Repository, CC BY 4.0.
    """

    def __init__(
        self,
        size: int = _NATIVE,
        features: nn.Module | None = None,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        seed: int = 1,
    ) -> None:
        if size < _NATIVE:
            raise ValueError(f"data.size={size}: the digits have a side of 8. Set 8, 28 or more.")
        labels = tuple(str(digit) for digit in range(10))
        super().__init__(labels, (1, size, size), features, batch_size, eval_batch_size, seed)
        self.title = "Digits, 10 classes"
        resized = "" if size == _NATIVE else f", resized to {size}x{size}"
        self.source_note = f"1,797 digits of 8x8 that scikit-learn ships{resized}"

    def _arrays(self, fetch: bool) -> Mapping[str, ImageSplit]:
        ink, labels = _read()
        pixels = np.rint(ink.reshape(-1, 1, _NATIVE, _NATIVE) * (255 / _DARKEST)).astype(np.uint8)
        images = np.stack([resize(image, *self.shape[1:]) for image in pixels])
        return split_off(ImageSplit(images, labels.astype(np.int64)), _SIZES)


def _read() -> tuple[np.ndarray, np.ndarray]:
    """Ink (1797, 64) and labels (1797,)."""
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ValueError(
            'data=digits needs scikit-learn: pip install "xnorkit[vision]".'
        ) from error
    ink, labels = load_digits(return_X_y=True)
    return ink, labels
