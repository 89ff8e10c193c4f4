"""MNIST: 60,000 handwritten digits for training, 10,000 for test, 28×28."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from xnorkit.data.download import download
from xnorkit.data.images.datamodule import ImageSplit
from xnorkit.data.images.idx import parse_idx
from xnorkit.data.images.published import PublishedImages

_SIDE = 28
PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


@dataclass(frozen=True)
class IdxFile:
    """A published, gzipped idx file: its bytes and their SHA-256."""

    size: int
    sha256: str


class MNIST(PublishedImages):
    """Digits of two groups of writers, in four idx files.

    Arguments as `PublishedImages`; `root` has the four files, gzipped
    (`train-images-idx3-ubyte.gz`, …) or not.

    Attributes:
        site: the folder of the files on the net.
        files: in the order of `PARTS`.

    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
    """

    name = "mnist"
    set_title = "MNIST"
    class_names: tuple[str, ...] = tuple(str(digit) for digit in range(10))
    image_shape = (1, _SIDE, _SIDE)
    papers_validation = 10_000
    site = "https://storage.googleapis.com/cvdf-datasets/mnist/"
    files = (  # sizes and checksums as TensorFlow Datasets has them
        IdxFile(9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        IdxFile(28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        IdxFile(1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        IdxFile(4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    )

    def _fetch(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            for part, file in zip(PARTS, self.files, strict=True):
                name = f"{part}-ubyte.gz"
                download(self.site + name, folder / name, file.size, file.sha256)

    def _read(self, folder: Path) -> tuple[ImageSplit, ImageSplit]:
        images, labels, test_images, test_labels = (_array(folder, part) for part in PARTS)
        where, classes = str(folder), len(self.labels)
        return (
            _pair(images, labels, where, classes),
            _pair(test_images, test_labels, where, classes),
        )


def _array(folder: Path, part: str) -> np.ndarray:
    names = [f"{part}-ubyte.gz", f"{part}-ubyte"]
    for name in names:
        if (folder / name).is_file():
            return parse_idx((folder / name).read_bytes(), str(folder / name))
    raise FileNotFoundError(f"{folder} has neither {names[0]} nor {names[1]}. Copy one of them.")


def _pair(images: np.ndarray, labels: np.ndarray, where: str, classes: int) -> ImageSplit:
    if images.ndim != 3 or images.shape[1:] != (_SIDE, _SIDE) or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{where}: images of shape {images.shape} with labels of shape {labels.shape}; "
            f"expected are (n, {_SIDE}, {_SIDE}) and (n,). Give the published files."
        )
    if labels.size and labels.max() >= classes:
        raise ValueError(f"{where}: a label {labels.max()}, but there are {classes} classes.")
    return ImageSplit(images[:, None], labels.astype(np.int64))
