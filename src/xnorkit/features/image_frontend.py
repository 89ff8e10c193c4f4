"""Augment ► scale ► standardise: what stands between a batch of images and the network."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from xnorkit.features.features import Features
from xnorkit.features.image_augment import ImageAugment
from xnorkit.features.standardise import Standardise

_WHITE = 255.0  # uint8's full brightness becomes 1


class ImageFrontend(Features):
    """Images → (image/255 − mean) / deviation of each colour, in float32.

    Args:
        shape: (C, H, W) of an image.
        augment: of training; null: none.

    Raises:
        ValueError: not three sizes, or one below 1.
    """

    takes = "image"

    def __init__(self, shape: Sequence[int], augment: ImageAugment | None = None) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(
                f"data.features.shape={list(shape)}: give channels, height and width, each ≥ 1."
            )
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        self.augment = augment
        self.standardise = Standardise(self.shape[0], axis=1)

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.shape

    def parameters_dict(self) -> dict[str, int | float | str]:
        """What another implementation needs, beside the statistics."""
        channels, height, width = self.shape
        return {
            "kind": "image",
            "channels": channels,
            "height": height,
            "width": width,
            "divided_by": _WHITE,
        }

    @torch.no_grad()
    def fit_statistics(self, images: Iterable[Tensor]) -> None:
        """Set mean and deviation of every colour from unaugmented images.

        Args:
            images: (N, C, H, W) each, uint8 or floating point with white at 1.
        """
        self.standardise.fit(self._scaled(batch) for batch in images)

    def forward(self, image: Tensor, key: Tensor | None = None) -> Tensor:
        """Standardised images.

        Args:
            image: (N, C, H, W), uint8, or floating point with white at 1.
            key: int64 (N,), one for each sample and epoch; null: no augmentation.

        Returns:
            (N, C, H, W), float32.

        Raises:
            ValueError: a shape or dtype that the features are not made for.
            RuntimeError: `fit_statistics` was never called and no checkpoint loaded.
        """
        if image.ndim != 4 or tuple(image.shape[1:]) != self.shape:
            raise ValueError(
                f"images of shape {tuple(image.shape)}: expected is "
                f"(N, {', '.join(map(str, self.shape))}), as data.features.shape says. Resize them."
            )
        with torch.autocast(image.device.type, enabled=False):
            if self.training and self.augment is not None and key is not None:
                self._refuse_key(key, len(image))
                image = self.augment(image, key)
            result: Tensor = self.standardise(self._scaled(image))
            return result

    @staticmethod
    def _scaled(image: Tensor) -> Tensor:
        """float32, white is 1."""
        if image.dtype == torch.uint8:
            return image / torch.tensor(_WHITE, dtype=torch.float32)
        if not image.dtype.is_floating_point:
            raise ValueError(
                f"images of {image.dtype}: expected is uint8, or floating point in [0, 1]."
            )
        return image.float()
