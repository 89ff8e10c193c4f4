import numpy as np
import pytest

from xnorkit.data.images import sample_images
from xnorkit.data.images.sample_images import SampleImages


@pytest.fixture(scope="module")
def data():
    found = SampleImages(crop=64, crops=16)
    found.prepare_data()
    found.setup()
    return found


def test_the_pictures_are_in_the_installed_packages_and_no_scene_is_in_two_splits(data):
    assert {split: len(names) for split, names in data.names.items()} == {
        "train": 13,
        "validation": 1,
        "test": 3,
    }
    scenes = [name for names in data.names.values() for name in names]
    assert len(set(scenes)) == len(scenes) == 17
    assert data.source_note.startswith("17 photographs")


def test_they_are_real_pictures_in_their_own_size(data):
    shapes = {
        name: tuple(batch["image"].shape[1:])
        for name, batch in zip(data.names["test"], data.test_dataloader(), strict=True)
    }
    assert shapes == {
        "astronaut": (3, 512, 512),
        "rocket": (3, 427, 640),
        "flower": (3, 427, 640),
    }
    for batch in (*data.test_dataloader(), *data.val_dataloader(), *data.train_dataloader()):
        assert batch["image"].numpy().std() > 5


def test_grey_pictures_have_three_equal_colours(data):
    brick = data._ready["train"].pictures[data.names["train"].index("brick")]
    assert np.array_equal(brick[0], brick[1])
    assert np.array_equal(brick[0], brick[2])


def test_the_largest_crop_is_the_one_that_the_docstring_says():
    SampleImages(crop=303).prepare_data()
    with pytest.raises(ValueError, match="coins is 303x384"):
        SampleImages(crop=304).prepare_data()


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(sample_images, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'needs scikit-image: pip install "xnorkit\[vision\]"'):
        SampleImages().prepare_data()
