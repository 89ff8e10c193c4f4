"""A user's own images, <root>/<label>/<image> or train, val and test folders of that → loaders."""

import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from xnorkit.data import bad_files
from xnorkit.data.images.datamodule import ImageDataModule, ImageSplit
from xnorkit.data.images.image_file import (
    IMAGE_SUFFIXES,
    MODES,
    Pixels,
    UnreadableImageError,
    cover,
    decode_image,
)
from xnorkit.data.splits import SPLITS

_FOLDERS = {
    "train": ("train",),
    "validation": ("val", "validation", "valid"),
    "test": ("test",),
}
_THREADS = min(4, os.cpu_count() or 1)  # Pillow decodes outside Python's lock

_CHUNK = 256  # images decoded at a time

_log = logging.getLogger(__name__)


class ImageFolder(ImageDataModule):
    """Every folder is a label; images are cut to the middle and resized, and held in memory.

    Where `root` has a folder `train` with labels in it, its splits are `train`, `val` and `test`;
    what is missing of the last two is taken from `train`. Without, all is split. An image's split
    is drawn from its name and `split_seed`, so that adding images moves no other one.

    Args:
        root: the folder.
        size: height and width.
        channels: 3, or 1 for grey.
        validation_percentage: share of the images that are split, 0 … 100.
        testing_percentage: the same.
        split_seed: another one gives another split.
        max_bad_fraction: share of the files that may be unreadable before it is an error.
        features: see `ImageDataModule`, as all that follows.
        batch_size: see there.
        eval_batch_size: see there.
        seed: see there.

    Raises:
        ValueError: no such folder, no images in it, or an option out of range.
    """

    if_empty = "Add images to its folder, or raise the share of it."

    def __init__(
        self,
        root: str | Path,
        size: Sequence[int] = (64, 64),
        channels: int = 3,
        validation_percentage: float = 10,
        testing_percentage: float = 10,
        split_seed: int = 1,
        max_bad_fraction: float = 0.01,
        features: nn.Module | None = None,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        seed: int = 1,
    ) -> None:
        _check(size, channels, validation_percentage, testing_percentage)
        self.root = Path(root).expanduser().absolute()
        if not self.root.is_dir():
            raise ValueError(f"data.root={self.root}: there is no such folder.")
        self._percentages = {"validation": validation_percentage, "test": testing_percentage}
        self._split_seed = split_seed
        self._max_bad_fraction = max_bad_fraction
        self._found = self._files()
        names = [name for split in self._found.values() for name in split]
        labels = tuple(sorted({label_of(name) for name in names}))
        if not labels:
            raise ValueError(
                f"data.root={self.root}: no images in it. Expected <root>/<label>/ or "
                f"<root>/train/<label>/ with {', '.join(IMAGE_SUFFIXES)} files."
            )
        shape = (channels, int(size[0]), int(size[1]))
        super().__init__(labels, shape, features, batch_size, eval_batch_size, seed)
        self.title = f"{self.root.name}, {len(labels)} classes"
        self.source_note = f"folder {self.root}"

    def _files(self) -> dict[str, list[str]]:
        """Split → names `[<split folder>/]<label>/<file>`, sorted."""
        folders = {
            split: next((f for f in names if _has_folders(self.root / f)), None)
            for split, names in _FOLDERS.items()
        }
        if folders["train"] is None:
            return self._split(_images(self.root, ""), set())
        given = {split: f for split, f in folders.items() if f is not None and split != "train"}
        found = self._split(_images(self.root, f"{folders['train']}/"), set(given))
        return found | {split: _images(self.root, f"{f}/") for split, f in given.items()}

    def _split(self, names: list[str], given: set[str]) -> dict[str, list[str]]:
        """Names → splits, none of them into those that are given."""
        splits: dict[str, list[str]] = {split: [] for split in SPLITS}
        for name in names:
            place, chosen = _share(name, self._split_seed), "train"
            for split, percentage in self._percentages.items():
                if split not in given:
                    if chosen == "train" and place < percentage:
                        chosen = split
                    place -= percentage
            splits[chosen].append(name)
        return splits

    def _arrays(self, fetch: bool) -> Mapping[str, ImageSplit]:
        files = sum(map(len, self._found.values()))
        _refuse_too_many(files, self.shape, self.root)
        bad: dict[str, str] = {}
        splits = {}
        with _progress(quiet=not fetch) as progress:
            task = progress.add_task("reading images", total=files)
            for split, names in self._found.items():
                splits[split] = self._decoded(names, bad, lambda: progress.advance(task))
        if bad and fetch:
            _log.warning(bad_files.told(str(self.root), bad, files))
        bad_files.refuse_many(str(self.root), bad, files, self._max_bad_fraction)
        return splits

    def _decoded(
        self, names: list[str], bad: dict[str, str], tell: Callable[[], None]
    ) -> ImageSplit:
        """Every good image in order; the others are noted in `bad`."""
        images, labels = np.empty((len(names), *self.shape), np.uint8), list[int]()
        with ThreadPoolExecutor(_THREADS) as pool:
            for begin in range(0, len(names), _CHUNK):  # map would hold all results at once
                for name, image in pool.map(self._read, names[begin : begin + _CHUNK]):
                    tell()
                    if isinstance(image, str):
                        bad[name] = image
                        continue
                    images[len(labels)] = image
                    labels.append(self.labels.index(label_of(name)))
        return ImageSplit(images[: len(labels)], np.array(labels, np.int64))

    def _read(self, name: str) -> tuple[str, Pixels | str]:
        """The name and its image, or why it can't be used."""
        channels, height, width = self.shape
        try:
            pixels = decode_image((self.root / name).read_bytes(), channels)
        except (UnreadableImageError, OSError) as error:
            return name, str(error)
        return name, cover(pixels, height, width)


def label_of(name: str) -> str:
    """The folder of an image: "cat" for "train/cat/1.png"."""
    return name.rsplit("/", 2)[-2]


def _images(root: Path, below: str) -> list[str]:
    """`<below><label>/<file>` of every image, sorted; hidden folders and files are left alone."""
    found = []
    for folder in os.scandir(root / below):
        if folder.is_dir() and not folder.name.startswith("."):
            names = (f.name for f in os.scandir(folder.path) if not f.name.startswith("."))
            found += [
                f"{below}{folder.name}/{name}"
                for name in names
                if name.lower().endswith(IMAGE_SUFFIXES)
            ]
    return sorted(found)


def _has_folders(folder: Path) -> bool:
    return folder.is_dir() and any(entry.is_dir() for entry in os.scandir(folder))


def _share(name: str, seed: int) -> float:
    """A number in [0, 100) that belongs to the name."""
    text = f"{seed}/{name}".encode(errors="surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest()) * (100 / 2**48)


def _progress(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=quiet)


def _refuse_too_many(files: int, shape: Sequence[int], root: Path) -> None:
    """Refuse what memory can't hold, before the first file is read."""
    needed = files * int(np.prod(shape, dtype=np.int64))
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there / 2:
        raise ValueError(
            f"data.root={root}: {files} images of {'x'.join(map(str, shape))} take "
            f"{needed / 1e9:.1f} GB of memory, this machine has {there / 1e9:.1f}. Set data.size "
            "lower, or take fewer images."
        )


def _check(size: Sequence[int], channels: int, validation: float, testing: float) -> None:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"data.size={list(size)}: give height and width, each ≥ 1.")
    if channels not in MODES:
        raise ValueError(f"data.channels={channels}: choose 3, or 1 for grey.")
    if min(validation, testing) < 0 or validation + testing >= 100:
        raise ValueError(
            f"data.validation_percentage={validation:g}, testing_percentage={testing:g}: give "
            "shares of which the sum is below 100."
        )
