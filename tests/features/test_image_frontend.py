"""xnorkit.features.image_frontend."""

import numpy as np
import pytest
import torch

from xnorkit import draws
from xnorkit.features import ImageAugment, ImageFrontend

IMAGES = torch.randint(
    0, 256, (20, 3, 4, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
KEYS = draws.key(1, 0, torch.arange(20), "sample")


def fitted(augment=None):
    frontend = ImageFrontend((3, 4, 6), augment)
    frontend.fit_statistics(IMAGES.split(7))
    return frontend


def test_images_are_standardised_by_colour_as_numpy_does_it():
    pixels = IMAGES.numpy() / 255.0
    mean = pixels.mean((0, 2, 3), keepdims=True)
    deviation = pixels.std((0, 2, 3), keepdims=True)
    found = fitted().eval()(IMAGES)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), (pixels - mean) / deviation, rtol=1e-5, atol=1e-5)


def test_floating_point_images_have_white_at_one():
    frontend = fitted().eval()
    assert torch.allclose(frontend(IMAGES.double() / 255), frontend(IMAGES), atol=1e-6)


def test_only_training_with_keys_augments():
    frontend = fitted(ImageAugment(pad=2, flip=True))
    plain = fitted().eval()(IMAGES)
    assert torch.equal(frontend(IMAGES), plain)
    assert not torch.equal(frontend(IMAGES, KEYS), plain)
    assert torch.equal(frontend.eval()(IMAGES, KEYS), plain)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (IMAGES[:, :1], r"shape \(20, 1, 4, 6\): expected is \(N, 3, 4, 6\)"),
        (IMAGES[0], "expected is"),
        (IMAGES.int(), "images of torch.int32"),
    ],
)
def test_what_it_is_not_made_for_is_refused(image, why):
    with pytest.raises(ValueError, match=why):
        fitted()(image)


def test_keys_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"expected is \(20,\)"):
        fitted(ImageAugment(pad=1))(IMAGES, KEYS[:3])


def test_unfitted_statistics_are_refused():
    with pytest.raises(RuntimeError, match="never fitted"):
        ImageFrontend((3, 4, 6))(IMAGES)


@pytest.mark.parametrize("shape", [(28, 28), (0, 4, 4)])
def test_shapes_that_are_none_are_refused(shape):
    with pytest.raises(ValueError, match="data.features.shape"):
        ImageFrontend(shape)
