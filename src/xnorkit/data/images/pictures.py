"""Whole photographs → random crops for training, the pictures themselves for evaluation."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xnorkit import draws
from xnorkit.data.batches import Places
from xnorkit.data.datamodule import DataModule
from xnorkit.data.images.image_file import Pixels

Named = Mapping[str, Pixels]


@dataclass(frozen=True)
class Crops:
    """The crops of one epoch.

    Attributes:
        pictures: uint8 (3, H, W), of any sizes.
        side: of a crop, in pixels.
        which: int64 (n,), the picture of each crop.
        tops: int64 (n,), its first row.
        lefts: int64 (n,), its first column.
        mirrored: bool (n,).
    """

    pictures: Sequence[Pixels]
    side: int
    which: Places
    tops: Places
    lefts: Places
    mirrored: np.ndarray[Any, np.dtype[np.bool_]]

    @property
    def labels(self) -> Places:
        """0: pictures have no class."""
        return np.zeros(len(self.which), np.int64)

    def inputs(self, places: Places) -> dict[str, Tensor]:
        """uint8 (len(places), 3, side, side)."""
        return {"image": torch.from_numpy(np.stack([self._crop(place) for place in places]))}

    def _crop(self, place: int) -> Pixels:
        top, left = self.tops[place], self.lefts[place]
        rows, columns = slice(top, top + self.side), slice(left, left + self.side)
        crop: Pixels = self.pictures[self.which[place]][:, rows, columns]
        return crop[:, :, ::-1] if self.mirrored[place] else crop


@dataclass(frozen=True)
class CropSplit:
    """`count` crops an epoch, each of a picture and from a place drawn anew.

    Attributes:
        pictures: uint8 (3, H, W), none smaller than a crop.
        side: of a crop, in pixels.
        count: crops in an epoch.
    """

    pictures: Sequence[Pixels]
    side: int
    count: int

    def __len__(self) -> int:
        return self.count

    def epoch(self, seed: int, epoch: int) -> Crops:
        """The crops of these two counters."""
        keys = draws.key(seed, epoch, torch.arange(self.count, dtype=torch.int64), "crop")
        picture, top, left, coin = draws.uniform(keys, "crop", 4).numpy().T
        which = np.floor(picture * len(self.pictures)).astype(np.int64)
        room = np.array([p.shape[1:] for p in self.pictures])[which] - self.side + 1
        tops, lefts = (np.floor(u * room[:, i]).astype(np.int64) for i, u in enumerate((top, left)))
        return Crops(self.pictures, self.side, which, tops, lefts, coin < 0.5)


@dataclass(frozen=True)
class WholeSplit:
    """The pictures as they are, each in a batch of its own: they differ in size."""

    pictures: Sequence[Pixels]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def labels(self) -> Places:
        """0: pictures have no class."""
        return np.zeros(len(self), np.int64)

    def epoch(self, seed: int, epoch: int) -> "WholeSplit":
        """The split itself."""
        return self

    def inputs(self, places: Places) -> dict[str, Tensor]:
        """uint8 (1, 3, H, W)."""
        return {"image": torch.from_numpy(np.stack([self.pictures[place] for place in places]))}


class PictureDataModule(DataModule):
    """Photographs in memory → loaders of uint8 pictures without labels.

    Args:
        crop: side of a training crop, in pixels; half of the crops are mirrored.
        crops: in an epoch.
        features: takes none: a compressor learns from the pixels themselves.
        batch_size: crops in a training batch of one process.
        seed: of the crops.

    Attributes:
        shape: (3, crop, crop), of a training picture.
        names: split → names of its pictures, in their order; known after `setup`.

    Raises:
        ValueError: a size below 1, or features; in `prepare_data` a picture smaller than a crop.
    """

    sample = "picture"
    if_empty = "Add pictures to it."

    def __init__(
        self,
        crop: int,
        crops: int,
        features: nn.Module | None = None,
        batch_size: int = 8,
        seed: int = 1,
    ) -> None:
        super().__init__((), None, batch_size, 1, seed)
        if min(crop, crops) < 1:
            raise ValueError(f"data.crop={crop}, data.crops={crops}: both must be at least 1.")
        if features is not None:
            raise ValueError("data.features: pictures are learned from as they are. Leave it out.")
        self.crop, self.crops = crop, crops
        self.shape = (3, crop, crop)
        self.names: dict[str, tuple[str, ...]] = {}

    @abstractmethod
    def _pictures(self, fetch: bool) -> Mapping[str, Named]:
        """Split → name → picture; see `DataModule._splits`."""

    def _splits(self, fetch: bool) -> Mapping[str, CropSplit | WholeSplit]:
        found = self._pictures(fetch)
        self.names = {split: tuple(named) for split, named in found.items()}
        for name, picture in found["train"].items():
            if min(picture.shape[1:]) < self.crop:
                height, width = picture.shape[1:]
                raise ValueError(
                    f"data.crop={self.crop}: {name} is {height}x{width}. Set a smaller crop."
                )
        splits: dict[str, CropSplit | WholeSplit] = {
            split: WholeSplit(tuple(named.values())) for split, named in found.items()
        }
        train = tuple(found["train"].values())
        return {**splits, "train": CropSplit(train, self.crop, self.crops if train else 0)}

    def fit_features(self) -> None:
        """Nothing: there are none."""
