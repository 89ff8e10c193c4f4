"""xnorkit.data.images.fashion_mnist."""

from idx_files import sha256

from xnorkit.data.images.fashion_mnist import FashionMNIST
from xnorkit.data.images.mnist import MNIST, PARTS, IdxFile


def test_it_is_read_as_mnist_with_its_own_names_files_and_folder(
    tmp_path, write_idx, serve, monkeypatch
):
    folder = write_idx(tmp_path / "site")
    paths = [folder / f"{part}-ubyte.gz" for part in PARTS]
    files = tuple(IdxFile(p.stat().st_size, sha256(p)) for p in paths)
    monkeypatch.setattr(FashionMNIST, "files", files)
    monkeypatch.setattr(FashionMNIST, "site", serve(folder))
    module = FashionMNIST(tmp_path / "data", validation=10, batch_size=10)
    module.prepare_data()
    module.setup()
    assert module.counts == {"train": 30, "validation": 10, "test": 20}
    assert module.title == "Fashion-MNIST, 10 classes"
    assert module.labels[9] == "ankle boot"
    assert len(list((tmp_path / "data" / "fashion_mnist").glob("*.gz"))) == 4


def test_nothing_of_mnist_is_taken_for_it():
    assert FashionMNIST.site != MNIST.site
    assert not {f.sha256 for f in FashionMNIST.files} & {f.sha256 for f in MNIST.files}
    assert len({f.sha256 for f in FashionMNIST.files}) == 4
