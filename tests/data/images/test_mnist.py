"""xnorkit.data.images.mnist: files of the real format, from 127.0.0.1 and from a folder."""

import numpy as np
import pytest
from idx_files import idx, sha256

from xnorkit.data.download import UnreachableError
from xnorkit.data.images.mnist import MNIST, PARTS, IdxFile


@pytest.fixture
def published(tmp_path, write_idx, serve, monkeypatch):
    """The small files served as if they were the published ones; gives the folder served."""
    folder = write_idx(tmp_path / "site")
    paths = [folder / f"{part}-ubyte.gz" for part in PARTS]
    monkeypatch.setattr(MNIST, "site", serve(folder))
    files = tuple(IdxFile(p.stat().st_size, sha256(p)) for p in paths)
    monkeypatch.setattr(MNIST, "files", files)
    return folder


def ready(*args, **options):
    module = MNIST(*args, **{"validation": 10, "batch_size": 10, **options})
    module.prepare_data()
    module.setup()
    return module


def assert_whole(module, digits_28):
    images, labels = digits_28
    assert module.counts == {"train": 30, "validation": 10, "test": 20}
    for loader, part in (
        (module.val_dataloader, slice(30, 40)),
        (module.test_dataloader, slice(40, 60)),
    ):
        (batch,) = loader()
        np.testing.assert_array_equal(batch["image"][:, 0], images[part])
        np.testing.assert_array_equal(batch["label"], labels[part])
    seen = {int(i) for b in module.train_dataloader() for i in b["image"][:, 0, 0, 0]}
    assert seen == set(range(30))


def test_the_published_files_are_downloaded_checked_and_kept(
    published, tmp_path, digits_28, capsys
):
    assert_whole(ready(tmp_path / "data"), digits_28)
    assert capsys.readouterr().err.count("Downloading http://127.0.0.1") == 4
    for path in published.iterdir():
        path.unlink()
    assert_whole(ready(tmp_path / "data"), digits_28)  # from the disk
    assert "Downloading" not in capsys.readouterr().err


@pytest.mark.parametrize("gzipped", [True, False])
def test_a_folder_of_the_files_needs_no_network(
    gzipped, tmp_path, write_idx, digits_28, monkeypatch
):
    monkeypatch.setattr(MNIST, "site", "http://nowhere.invalid/")
    module = ready(tmp_path / "data", root=write_idx(tmp_path / "copy", gzipped))
    assert_whole(module, digits_28)
    assert module.source_note == f"folder {tmp_path / 'copy'}"
    assert not (tmp_path / "data").exists()


def test_an_altered_download_is_refused_and_removed(published, tmp_path):
    path = published / f"{PARTS[2]}-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"t10k-images.* gave .* bytes with sha256"):
        ready(tmp_path / "data")
    assert not list((tmp_path / "data" / "mnist").glob("t10k*"))


def test_without_a_network_the_way_out_is_told(tmp_path, nowhere, monkeypatch):
    monkeypatch.setattr(MNIST, "site", nowhere)
    with pytest.raises(UnreachableError, match=r"can't be reached.*set data\.root.*data=digits"):
        ready(tmp_path)


def test_a_folder_without_a_file_is_refused_by_name(tmp_path, write_idx):
    folder = write_idx(tmp_path / "copy")
    (folder / f"{PARTS[1]}-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="neither train-labels-idx1-ubyte.gz nor"):
        ready(tmp_path, root=folder)


@pytest.mark.parametrize(
    ("part", "array", "why"),
    [
        (1, np.zeros(39, np.uint8), r"labels of shape \(39,\)"),
        (2, np.zeros((20, 28, 27), np.uint8), r"\(20, 28, 27\)"),
        (3, np.full(20, 10, np.uint8), "a label 10, but there are 10 classes"),
    ],
)
def test_files_that_do_not_fit_are_refused(part, array, why, tmp_path, write_idx):
    folder = write_idx(tmp_path / "copy", gzipped=False)
    (folder / f"{PARTS[part]}-ubyte").write_bytes(idx(array))
    with pytest.raises(ValueError, match=why):
        ready(tmp_path, root=folder)
