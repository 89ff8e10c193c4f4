"""Data sets with a published training and test part: `PublishedImages`.

A subclass says which files there are and how they are read; the last images of the training part
are for validation, as in the papers.
"""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from xnorkit.data.datamodule import require_writable
from xnorkit.data.download import UnreachableError
from xnorkit.data.images.datamodule import ImageDataModule, ImageSplit


class PublishedImages(ImageDataModule):
    """Images of `root`, or downloaded to `data_dir` where there is none.

    Args:
        data_dir: downloads lie below it; `~` is the home folder.
        root: a folder with the published files; null: they are downloaded.
        validation: how many of the training images, the last ones, are for validation; null: as
            many as in the papers.
        features: see `ImageDataModule`, as all that follows.
        batch_size: see there.
        eval_batch_size: see there.
        seed: see there.

    Attributes:
        name: of the folder below `data_dir`.
        class_names: in the order of the labels.
        image_shape: (C, H, W).
        papers_validation: how many images papers have for it.

    Raises:
        ValueError: `root` is no folder, or `validation` not positive.
    """

    name: str
    set_title: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    papers_validation: int

    def __init__(
        self,
        data_dir: str | Path,
        root: str | Path | None = None,
        validation: int | None = None,
        features: nn.Module | None = None,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        seed: int = 1,
    ) -> None:
        shape = self.image_shape
        super().__init__(self.class_names, shape, features, batch_size, eval_batch_size, seed)
        if validation is None:
            validation = self.papers_validation
        if validation < 1:
            raise ValueError(f"data.validation={validation}: give a number of images ≥ 1.")
        self.root = None if root is None else Path(root).expanduser().absolute()
        if self.root is not None and not self.root.is_dir():
            raise ValueError(f"data.root={self.root}: there is no such folder.")
        self.data_dir = Path(data_dir).expanduser().absolute()
        self.validation = validation
        self.title = f"{self.set_title}, {len(self.class_names)} classes"
        self.source_note = "download" if self.root is None else f"folder {self.root}"

    @abstractmethod
    def _fetch(self, folder: Path) -> None:
        """Download what is missing in `folder`."""

    @abstractmethod
    def _read(self, folder: Path) -> tuple[ImageSplit, ImageSplit]:
        """The training and the test part.

        Raises:
            ValueError: a file is damaged; OSError: there is none.
        """

    def _arrays(self, fetch: bool) -> Mapping[str, ImageSplit]:
        folder = self.root
        if folder is None:
            folder = self.data_dir / self.name
            if fetch:
                self._fetch_or_tell(folder)
        train, test = self._read(folder)
        cut = len(train) - self.validation
        if cut < 1:
            raise ValueError(
                f"data.validation={self.validation}: there are {len(train)} training images in "
                f"{folder}. Set it lower."
            )
        return {"train": train.first(cut), "validation": train.after(cut), "test": test}

    def _fetch_or_tell(self, folder: Path) -> None:
        require_writable(self.data_dir)
        try:
            self._fetch(folder)
        except UnreachableError as error:
            raise UnreachableError(
                f"{error}. Without a network: copy the published files to this machine and set "
                "data.root to their folder, or train on data=digits, which ships with scikit-learn."
            ) from error
