"""xnorkit.data.images.cifar10: records of the real format, from 127.0.0.1 and from a folder."""

import io
import tarfile

import numpy as np
import pytest
from idx_files import sha256

from xnorkit.data.download import Archive, UnreachableError
from xnorkit.data.images.cifar10 import CIFAR10

FILES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]


def records(first):
    """Four records: image i has planes of 10·i, 10·i + 1 and 10·i + 2 but for a white corner."""
    out = b""
    for i in range(first, first + 4):
        image = np.zeros((3, 32, 32), np.uint8) + np.arange(3, dtype=np.uint8)[:, None, None]
        image += 10 * i
        image[:, 0, 31] = 255
        out += bytes([i % 10]) + image.tobytes()
    return out


@pytest.fixture
def contents():
    return {name: records(4 * i) for i, name in enumerate(FILES)}


@pytest.fixture
def write_files(contents):
    def write(folder):
        folder.mkdir(parents=True)
        for name, data in contents.items():
            (folder / name).write_bytes(data)
        return folder

    return write


def ready(*args, **options):
    module = CIFAR10(*args, **{"validation": 5, "batch_size": 5, **options})
    module.prepare_data()
    module.setup()
    return module


def assert_whole(module):
    assert module.counts == {"train": 15, "validation": 5, "test": 4}
    (batch,) = module.test_dataloader()
    assert batch["label"].tolist() == [0, 1, 2, 3]
    assert batch["image"][1, :, 5, 5].tolist() == [210, 211, 212]  # image 21: red, green, blue
    assert batch["image"][1, :, 0, 31].tolist() == [255] * 3  # row 0, column 31
    assert batch["image"][1, :, 31, 0].tolist() == [210, 211, 212]
    (batch,) = module.val_dataloader()
    assert batch["label"].tolist() == [i % 10 for i in range(15, 20)]


@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin"])
def test_a_folder_of_the_files_or_of_the_unpacked_archive_is_read(below, tmp_path, write_files):
    write_files(tmp_path / "copy" / below)
    assert_whole(ready(tmp_path / "data", root=tmp_path / "copy"))


def test_the_archive_is_downloaded_checked_unpacked(tmp_path, contents, serve, monkeypatch):
    (tmp_path / "site").mkdir()
    packed = tmp_path / "site" / "cifar.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        for name, data in contents.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    url = serve(tmp_path / "site") + packed.name
    archive = Archive(url, packed.stat().st_size, sha256(packed), 100_000)
    monkeypatch.setattr(CIFAR10, "archive", archive)
    assert_whole(ready(tmp_path / "data"))
    packed.unlink()
    assert_whole(ready(tmp_path / "data"))


def test_without_a_network_the_way_out_is_told(tmp_path, nowhere, monkeypatch):
    monkeypatch.setattr(CIFAR10, "archive", Archive(nowhere + "c.tar.gz", 1, "0" * 64, 1))
    with pytest.raises(UnreachableError, match=r"set data\.root"):
        ready(tmp_path)


def test_damaged_files_are_refused_by_name(tmp_path, write_files):
    folder = write_files(tmp_path / "copy")
    whole = (folder / FILES[2]).read_bytes()
    for data, why in [
        (whole[:-1], "no whole number of records"),
        (b"", "0 bytes"),
        (b"\x0a" + whole[1:], "a label 10"),
    ]:
        (folder / FILES[2]).write_bytes(data)
        with pytest.raises(ValueError, match=rf"data_batch_3\.bin.*{why}"):
            ready(tmp_path, root=folder)
    (folder / FILES[2]).unlink()
    with pytest.raises(FileNotFoundError, match=r"data_batch_3\.bin: there is no such file"):
        ready(tmp_path, root=folder)
