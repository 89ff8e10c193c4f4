"""xnorkit.data.images.datamodule."""

import pickle

import numpy as np
import pytest
import torch

from xnorkit.data.images.datamodule import ImageDataModule, ImageSplit, shuffled, split_off
from xnorkit.features import ImageFrontend


class Shades(ImageDataModule):
    """Image i is all of brightness i."""

    def __init__(self, **options):
        super().__init__(("dark", "light"), (3, 2, 4), **options)
        self.read = 0

    def _arrays(self, fetch):
        self.read += 1
        return split_off(shades(30), {"validation": 6, "test": 4})


def shades(count):
    images = np.zeros((count, 3, 2, 4), np.uint8)
    images += np.arange(count, dtype=np.uint8)[:, None, None, None]
    return ImageSplit(images, np.arange(count) % 2)


def ready(**options):
    module = Shades(**options)
    module.prepare_data()
    module.setup()
    return module


def test_every_image_is_in_exactly_one_split_with_its_label():
    module = ready(batch_size=5)
    assert module.counts == {"train": 20, "validation": 6, "test": 4}
    seen = []
    for loader in (module.train_dataloader(), module.val_dataloader(), module.test_dataloader()):
        for batch in loader:
            assert batch["image"].dtype == torch.uint8
            assert batch["image"].shape[1:] == (3, 2, 4)
            shade = batch["image"][:, 0, 0, 0].long()
            assert torch.equal(shade % 2, batch["label"])
            seen += shade.tolist()
    assert sorted(seen) == list(range(30))


def test_splits_are_the_same_for_every_seed_and_the_order_is_not():
    first, other = ready(batch_size=5, seed=1), ready(batch_size=5, seed=2)

    def images(loader):
        return [b["image"][:, 0, 0, 0].tolist() for b in loader]

    assert images(first.test_dataloader()) == images(other.test_dataloader())
    assert images(first.train_dataloader()) != images(other.train_dataloader())


def test_features_are_fitted_to_the_training_images():
    frontend = ImageFrontend((3, 2, 4))
    module = ready(features=frontend)
    module.fit_features()
    everything = torch.cat(list(module.statistics_images())).double() / 255
    assert len(everything) == 20
    assert frontend.standardise.mean[1].item() == pytest.approx(everything[:, 1].mean().item())


def test_there_is_an_example_of_every_class():
    examples = ready().example_images()
    assert list(examples) == ["dark", "light"]
    assert [int(image[0, 0, 0]) % 2 for image in examples.values()] == [0, 1]


def test_features_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"data.features.shape=\[1, 2, 4\].*\[3, 2, 4\]"):
        Shades(features=ImageFrontend((1, 2, 4)))


def test_a_pickle_leaves_the_images_behind_and_setup_reads_them_again():
    module = ready()
    copy = pickle.loads(pickle.dumps(module))
    assert copy.counts["train"] == 0
    copy.setup()
    assert copy.counts == module.counts
    assert (module.read, copy.read) == (1, 2)


def test_a_shuffle_is_a_permutation_that_a_seed_fixes():
    assert sorted(shuffled(50)) == list(range(50))
    assert shuffled(50).tolist() == shuffled(50).tolist() != shuffled(50, 2).tolist()
