"""Labelled images in memory → loaders, for any data set of images: `ImageDataModule`.

A subclass says where its images are (`_arrays`); all of a split is held as uint8, 150 MB for the
training images of CIFAR-10.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from xnorkit import draws
from xnorkit.data.batches import Places
from xnorkit.data.datamodule import FIXED_SEED, DataModule

Images = npt.NDArray[np.uint8]
_STATISTICS_BATCH = 256


@dataclass(frozen=True)
class ImageSplit:
    """The images of one split; every epoch of it holds all of them.

    Attributes:
        images: uint8 (n, C, H, W).
        labels: int64 (n,).
    """

    images: Images
    labels: Places

    def __len__(self) -> int:
        return len(self.images)

    def epoch(self, seed: int, epoch: int) -> "ImageSplit":
        """The split itself."""
        return self

    def inputs(self, places: Places) -> dict[str, Tensor]:
        """uint8 (len(places), C, H, W)."""
        return {"image": torch.from_numpy(self.images[places])}

    def part(self, rows: Places) -> "ImageSplit":
        """Some of its images."""
        return ImageSplit(self.images[rows], self.labels[rows])

    def first(self, count: int) -> "ImageSplit":
        """The first ones, in the same memory."""
        return ImageSplit(self.images[:count], self.labels[:count])

    def after(self, count: int) -> "ImageSplit":
        """Those behind the first ones, in the same memory."""
        return ImageSplit(self.images[count:], self.labels[count:])


class ImageDataModule(DataModule):
    """Images → loaders of uint8 images.

    Args:
        labels: names of the classes, in the order of the network's outputs.
        shape: (C, H, W) of every image.
        features: see `DataModule`, as all that follows; made for images of this shape.
        batch_size: see there.
        eval_batch_size: see there.
        seed: see there.

    Raises:
        ValueError: features for another shape.
    """

    sample = "image"
    if_empty = "Add images to it."

    def __init__(
        self,
        labels: tuple[str, ...],
        shape: Sequence[int],
        features: nn.Module | None = None,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        seed: int = 1,
    ) -> None:
        super().__init__(labels, features, batch_size, eval_batch_size, seed)
        self.shape = tuple(shape)
        made_for = getattr(features, "output_shape", self.shape)
        if made_for != self.shape:
            raise ValueError(
                f"data.features.shape={list(made_for)}: the images have shape {list(self.shape)}. "
                "Set the size of the images, not of the features."
            )

    @abstractmethod
    def _arrays(self, fetch: bool) -> Mapping[str, ImageSplit]:
        """The images of each split; see `DataModule._splits`."""

    def _splits(self, fetch: bool) -> Mapping[str, ImageSplit]:
        return self._arrays(fetch)

    def __getstate__(self) -> dict[str, Any]:
        """Without the images: a spawned process reads them itself, in `setup`."""
        return {**self.__dict__, "_ready": {}}

    def fit_features(self) -> None:
        """Statistics of the training images."""
        features: Any = self.features  # this room knows no features
        features.fit_statistics(self.statistics_images())

    def example_images(self) -> dict[str, Tensor]:
        """Label → uint8 (C, H, W), one training image of each class that has any."""
        split = self._ready["train"].epoch(FIXED_SEED, 0)
        places, firsts = np.unique(split.labels, return_index=True)
        images = split.inputs(firsts)["image"]
        return {self.labels[p]: image for p, image in zip(places, images, strict=True)}

    def statistics_images(self, limit: int = 10_000) -> Iterator[Tensor]:
        """uint8 (n, C, H, W): up to `limit` training images, the same in every run."""
        split = self._ready["train"].epoch(FIXED_SEED, 0)
        rows = shuffled(len(self._ready["train"]))[:limit]
        for begin in range(0, len(rows), _STATISTICS_BATCH):
            yield split.inputs(rows[begin : begin + _STATISTICS_BATCH])["image"]


def shuffled(count: int, seed: int = FIXED_SEED) -> Places:
    """0 … count−1 in an order that is the same everywhere for a seed."""
    order: Places = draws.permutation(seed, 0, count, "split").numpy()
    return order


def split_off(everything: ImageSplit, sizes: Mapping[str, int]) -> dict[str, ImageSplit]:
    """Splits of these sizes at random, the same in every run; what is left is for training.

    Args:
        everything: all images.
        sizes: split → number of images.
    """
    order, parts, begin = shuffled(len(everything)), {}, 0
    for name, size in sizes.items():
        parts[name] = everything.part(np.sort(order[begin : begin + size]))
        begin += size
    return {"train": everything.part(np.sort(order[begin:])), **parts}
