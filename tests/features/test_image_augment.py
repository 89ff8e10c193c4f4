"""xnorkit.features.image_augment, beside slices of numpy's padding."""

import numpy as np
import pytest
import torch

from xnorkit import draws
from xnorkit.features import ImageAugment
from xnorkit.features.image_augment import crop_padded

IMAGES = torch.randint(0, 256, (6, 3, 5, 7), dtype=torch.uint8)


def keys(count, epoch=0):
    return draws.key(1, epoch, torch.arange(count), "sample")


def test_a_crop_is_a_slice_of_the_padded_image():
    top, left = torch.tensor([0, 1, 2, 3, 4, 2]), torch.tensor([4, 3, 2, 1, 0, 2])
    mirror = torch.tensor([False, True] * 3)
    found = crop_padded(IMAGES, top, left, 2, mirror).numpy()
    padded = np.pad(IMAGES.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)))
    for i, (t, lft, m) in enumerate(zip(top, left, mirror, strict=True)):
        window = padded[i, :, t : t + 5, lft : lft + 7]
        np.testing.assert_array_equal(found[i], window[..., ::-1] if m else window)


def test_all_windows_and_both_sides_come_up():
    marked = torch.zeros(400, 1, 3, 3)
    marked[:, 0, 1, 1] = 1
    marked[:, 0, 1, 0] = 0.5  # tells left from right
    out = ImageAugment(pad=1, flip=True)(marked, keys(400))
    places = {tuple(np.argwhere(o[0].numpy() == 1)[0]) for o in out}
    assert len(places) == 9
    mirrored = sum(bool((o[0, :, 1:] == 0.5).any()) for o in out)
    assert 100 < mirrored < 300


def test_a_samples_change_depends_on_its_key_alone():
    augment = ImageAugment(pad=2, flip=True)
    whole = augment(IMAGES, keys(6))
    assert torch.equal(augment(IMAGES[3:5], keys(6)[3:5]), whole[3:5])
    assert not torch.equal(augment(IMAGES, keys(6, epoch=1)), whole)


def test_without_options_nothing_is_copied():
    assert ImageAugment()(IMAGES, keys(6)) is IMAGES


def test_only_a_mirror_keeps_every_pixel():
    out = ImageAugment(flip=True)(IMAGES, keys(6))
    for before, after in zip(IMAGES, out, strict=True):
        assert torch.equal(after, before) or torch.equal(after, before.flip(-1))


def test_a_negative_border_is_refused():
    with pytest.raises(ValueError, match="data.features.augment.pad=-1"):
        ImageAugment(pad=-1)
