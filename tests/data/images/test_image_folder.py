"""xnorkit.data.images.image_folder, on small files of Pillow."""

import logging

import numpy as np
import pytest
from PIL import Image

from xnorkit.data.images import image_folder
from xnorkit.data.images.image_folder import ImageFolder, label_of


def write(path, shade=0, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade, 10)).save(path)


@pytest.fixture
def root(tmp_path):
    """200 images of two labels; image i is of shade i."""
    for i in range(200):
        write(tmp_path / "pets" / ("cat" if i % 2 else "dog") / f"{i:03}.png", i)
    return tmp_path / "pets"


def ready(root, **options):
    module = ImageFolder(root, **{"size": (8, 8), "batch_size": 1, **options})
    module.prepare_data()
    module.setup()
    return module


def shades(module):
    """Split → shade → label."""
    loaders = {
        "train": module.train_dataloader(),
        "validation": module.val_dataloader(),
        "test": module.test_dataloader(),
    }
    return {
        split: {
            int(image[0, 0, 0]): module.labels[int(label)]
            for batch in loader
            for image, label in zip(batch["image"], batch["label"], strict=True)
        }
        for split, loader in loaders.items()
    }


def test_every_image_is_in_one_split_under_its_folders_name(root):
    module = ready(root, validation_percentage=20, testing_percentage=10)
    assert module.labels == ("cat", "dog")
    assert module.title == "pets, 2 classes"
    found = shades(module)
    together = {shade: label for split in found.values() for shade, label in split.items()}
    assert sum(map(len, found.values())) == 200
    assert together == {i: "cat" if i % 2 else "dog" for i in range(200)}
    assert 25 < len(found["validation"]) < 55
    assert 8 < len(found["test"]) < 35


def test_a_split_depends_on_its_seed_and_on_no_other_image(root):
    first, again, other = ready(root), ready(root), ready(root, split_seed=2)
    assert shades(first) == shades(again)
    assert shades(first)["test"] != shades(other)["test"]
    for i in range(200, 256):
        write(root / "dog" / f"{i}.png", i)
    more = shades(ready(root))
    for split, images in shades(first).items():
        assert images.items() <= more[split].items()


def test_given_folders_are_the_splits(tmp_path):
    for shade, split in enumerate(("train", "val", "test")):
        write(tmp_path / split / "cat" / "1.png", shade)
        write(tmp_path / split / "dog" / "1.png", 100 + shade)
    found = shades(ready(tmp_path))
    assert found == {
        "train": {0: "cat", 100: "dog"},
        "validation": {1: "cat", 101: "dog"},
        "test": {2: "cat", 102: "dog"},
    }


def test_what_is_missing_is_taken_from_the_training_folder(tmp_path):
    for i in range(60):
        write(tmp_path / "train" / "cat" / f"{i}.png", i)
    write(tmp_path / "test" / "cat" / "1.png", 200)
    found = shades(ready(tmp_path, validation_percentage=30, testing_percentage=30))
    assert list(found["test"]) == [200]
    assert len(found["train"]) + len(found["validation"]) == 60
    assert 6 < len(found["validation"]) < 32


def test_a_label_may_be_called_train(tmp_path):
    for label in ("train", "plane"):
        for i in range(30):
            write(tmp_path / label / f"{i}.png")
    assert ImageFolder(tmp_path).labels == ("plane", "train")


def test_the_middle_is_cut_and_resized_and_grey_is_one_channel(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    for i in range(40):
        path = tmp_path / "x" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(wide).save(path)
    module = ready(tmp_path, size=(5, 5), channels=1)
    (image, *_) = next(iter(module.test_dataloader()))["image"]
    assert image.shape == (1, 5, 5)
    assert (image == 200).all()


def test_corrupt_images_are_named_and_counted(root, caplog):
    whole = (root / "cat" / "001.png").read_bytes()
    (root / "cat" / "001.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog" / "000.png").write_bytes(b"<html>")
    with caplog.at_level(logging.WARNING, "xnorkit"):
        module = ready(root)
    assert sum(module.counts.values()) == 198
    assert "2 of 200 files left out" in caplog.text
    assert "cat/001.png (" in caplog.text
    assert "dog/000.png (not an image that Pillow knows)" in caplog.text
    assert 1 not in {shade for split in shades(module).values() for shade in split}


def test_too_many_corrupt_images_are_refused(root):
    for i in range(0, 6, 2):
        (root / "dog" / f"{i:03}.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"3 of 200 files.*raise data\.max_bad_fraction"):
        ready(root)
    assert sum(ready(root, max_bad_fraction=0.02).counts.values()) == 197


def test_other_files_and_hidden_ones_are_left_alone(root):
    (root / "cat" / "notes.txt").write_text("hello")
    (root / "cat" / ".thumb.png").write_bytes(b"")
    write(root / ".trash" / "1.png")
    (root / "top.png").write_bytes(b"")
    assert sum(ready(root).counts.values()) == 200


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"size": (8,)}, "data.size"),
        ({"size": (0, 8)}, "data.size"),
        ({"channels": 4}, "data.channels=4"),
        ({"validation_percentage": 60, "testing_percentage": 40}, "below 100"),
        ({"testing_percentage": -1}, "below 100"),
    ],
)
def test_options_that_cannot_work_are_refused(options, why, root):
    with pytest.raises(ValueError, match=why):
        ImageFolder(root, **options)


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no such folder"):
        ImageFolder(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"no images in it\. Expected <root>/<label>/"):
        ImageFolder(tmp_path)


def test_more_than_memory_is_refused_before_reading(root, monkeypatch):
    monkeypatch.setattr(image_folder.os, "sysconf", lambda name: 100)
    with pytest.raises(ValueError, match=r"200 images of 3x8x8 take .* GB of memory"):
        ready(root)


def test_a_label_is_the_last_folder():
    assert label_of("train/cat/1.png") == label_of("cat/1.png") == "cat"
