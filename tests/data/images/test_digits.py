"""xnorkit.data.images.digits."""

import sys

import numpy as np
import pytest

from xnorkit.data.images.digits import Digits
from xnorkit.features import ImageFrontend

datasets = pytest.importorskip("sklearn.datasets")


def ready(**options):
    module = Digits(**options)
    module.prepare_data()
    module.setup()
    return module


def everything(module):
    """All images and labels, in a canonical order."""
    loaders = (module.train_dataloader(), module.val_dataloader(), module.test_dataloader())
    batches = [batch for loader in loaders for batch in loader]
    rows = [row for b in batches for row in zip(b["label"], b["image"], strict=True)]
    return sorted((int(label), image.numpy().tobytes()) for label, image in rows)


def test_the_three_splits_are_scikit_learns_digits():
    module = ready(batch_size=1)
    assert module.counts == {"train": 1000, "validation": 297, "test": 500}
    images, labels = datasets.load_digits(return_X_y=True)
    bytes_ = np.rint(images * 255 / 16).astype(np.uint8)
    assert everything(module) == sorted(
        (int(label), row.tobytes()) for label, row in zip(labels, bytes_, strict=True)
    )


def test_every_split_has_every_digit():
    module = ready(eval_batch_size=500)
    for loader in (module.val_dataloader(), module.test_dataloader()):
        counts = np.bincount(next(iter(loader))["label"], minlength=10)
        assert counts.min() >= 15


def test_a_larger_size_is_the_same_digit_resized():
    small, large = ready(eval_batch_size=500), ready(size=28, eval_batch_size=500)
    a = next(iter(small.test_dataloader()))["image"].float()
    b = next(iter(large.test_dataloader()))["image"].float()
    assert b.shape == (500, 1, 28, 28)
    assert "resized to 28x28" in large.source_note
    # Their halves hold the same share of the ink, whatever the interpolation: left, and top.
    for larger, smaller in ((b[..., :14], a[..., :4]), (b[..., :14, :], a[..., :4, :])):
        assert (larger.mean((1, 2, 3)) - smaller.mean((1, 2, 3))).abs().max() < 8


def test_features_must_have_its_shape():
    assert Digits(size=28, features=ImageFrontend((1, 28, 28))).shape == (1, 28, 28)
    with pytest.raises(ValueError, match="data.features.shape"):
        Digits(size=28, features=ImageFrontend((1, 8, 8)))


def test_a_size_below_the_real_one_is_refused():
    with pytest.raises(ValueError, match="data.size=7: the digits have a side of 8"):
        Digits(size=7)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ValueError, match=r"xnorkit\[vision\]"):
        Digits().prepare_data()
