"""CIFAR-10: 50,000 colour pictures for training, 10,000 for test, 32×32."""

from pathlib import Path

import numpy as np

from xnorkit.data.download import Archive, fetch_archive
from xnorkit.data.images.datamodule import ImageSplit
from xnorkit.data.images.published import PublishedImages

_RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue plane, row by row
_INSIDE = "cifar-10-batches-bin"  # the archive's only folder


class CIFAR10(PublishedImages):
    """Ten kinds of things, in the binary version's six files.

    Arguments as `PublishedImages`; `root` has data_batch_1.bin … data_batch_5.bin and
    test_batch.bin.

    Attributes:
        archive: of the files on the net.

    Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".
    """

    name = "cifar-10-binary"
    set_title = "CIFAR-10"
    class_names = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip
    image_shape = (3, 32, 32)
    papers_validation = 5_000
    archive = Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        size=170_052_171,
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        unpacked_size=184_400_000,
    )

    def _fetch(self, folder: Path) -> None:
        fetch_archive(self.archive, folder)

    def _read(self, folder: Path) -> tuple[ImageSplit, ImageSplit]:
        inside = folder / _INSIDE
        place = inside if inside.is_dir() else folder
        train = [_batch(place / f"data_batch_{number}.bin") for number in range(1, 6)]
        images = np.concatenate([part.images for part in train])
        labels = np.concatenate([part.labels for part in train])
        return ImageSplit(images, labels), _batch(place / "test_batch.bin")


def _batch(path: Path) -> ImageSplit:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file. Copy the binary version's six.")
    data = np.fromfile(path, np.uint8)
    if not len(data) or len(data) % _RECORD:
        raise ValueError(
            f"{path}: {len(data)} bytes are no whole number of records of {_RECORD}: it is cut, or "
            "not of the binary version. Remove it and run again."
        )
    records = data.reshape(-1, _RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CIFAR10.class_names):
        raise ValueError(f"{path}: a label {labels.max()}; CIFAR-10 has 0 … 9.")
    return ImageSplit(records[:, 1:].reshape(-1, *CIFAR10.image_shape), labels)
