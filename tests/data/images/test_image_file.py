"""xnorkit.data.images.image_file, beside Pillow and plain numpy."""

import io

import numpy as np
import pytest
from PIL import Image

from xnorkit.data.images.image_file import (
    UnreadableImageError,
    as_image,
    cover,
    decode_image,
    resize,
)

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def file_of(image, form="png", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["png", "bmp", "ppm", "tiff", "webp"])
def test_a_lossless_file_gives_its_pixels(form):
    data = file_of(Image.fromarray(RGB), form, **({"lossless": True} if form == "webp" else {}))
    np.testing.assert_array_equal(decode_image(data), RGB.transpose(2, 0, 1))


def test_a_jpeg_gives_about_its_pixels():
    smooth = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)[..., None] + np.uint8(9)
    data = file_of(Image.fromarray(np.repeat(smooth, 3, 2)), "jpeg", quality=95)
    found = decode_image(data).astype(int)
    assert np.abs(found - smooth.transpose(2, 0, 1)).max() <= 4


def test_grey_of_colour_is_the_luma_of_itu_601():
    found = decode_image(file_of(Image.fromarray(RGB)), channels=1)
    luma = RGB @ np.array([0.299, 0.587, 0.114])
    assert found.shape == (1, 5, 7)
    assert np.abs(found[0] - luma).max() <= 0.51


def test_colour_of_grey_repeats_it():
    grey = RGB[..., 0]
    found = decode_image(file_of(Image.fromarray(grey)))
    np.testing.assert_array_equal(found, np.stack([grey] * 3))


def test_sixteen_bits_are_scaled_not_clipped():
    deep = np.array([[0, 255, 256], [32768, 65535, 40000]], np.uint16)
    found = decode_image(file_of(Image.fromarray(deep)), channels=1)
    np.testing.assert_array_equal(found[0], deep >> 8)


def test_transparent_pixels_lie_on_white():
    rgba = np.zeros((1, 2, 4), np.uint8)
    rgba[0, 1] = (10, 20, 30, 255)
    found = decode_image(file_of(Image.fromarray(rgba)))
    np.testing.assert_array_equal(found[:, 0, 0], [255, 255, 255])
    np.testing.assert_array_equal(found[:, 0, 1], [10, 20, 30])


def test_a_palette_with_a_transparent_colour_lies_on_white():
    indexed = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
    indexed.putpalette([9, 9, 9, 50, 60, 70])
    found = decode_image(file_of(indexed, "png", transparency=0))
    np.testing.assert_array_equal(found[:, 0].T, [[255, 255, 255], [50, 60, 70]])


def test_it_is_turned_as_the_camera_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right
    data = file_of(Image.fromarray(RGB), "png", exif=exif)
    np.testing.assert_array_equal(decode_image(data), np.rot90(RGB, -1).transpose(2, 0, 1))


@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "bmp"])
def test_a_cut_file_is_unreadable_wherever_it_is_cut(form):
    data = file_of(Image.fromarray(np.repeat(RGB, 40, 0)), form)
    for end in (0, 1, 10, len(data) // 3, len(data) // 2):
        with pytest.raises(UnreadableImageError, match=r"."):
            decode_image(data[:end])


def test_what_is_no_image_is_said_without_naming_a_buffer():
    with pytest.raises(UnreadableImageError, match="^not an image that Pillow knows$"):
        decode_image(b"<html>not found</html>")


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(UnreadableImageError, match="decompression bomb"):
        decode_image(file_of(Image.fromarray(RGB)))


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_become_an_image_and_pixels_again(channels):
    pixels = np.ascontiguousarray(RGB.transpose(2, 0, 1)[:channels])
    assert np.array_equal(decode_image(file_of(as_image(pixels)), channels), pixels)


def test_resizing_keeps_a_plane_and_the_number_of_colours():
    plane = np.full((3, 6, 8), 77, np.uint8)
    assert np.array_equal(resize(plane, 11, 5), np.full((3, 11, 5), 77))
    half = resize(np.repeat(np.repeat(RGB.transpose(2, 0, 1), 2, 1), 2, 2), 10, 14)
    assert resize(half, 10, 14) is half


@pytest.mark.parametrize(("height", "width"), [(4, 4), (6, 3), (4, 16), (9, 9)])
def test_covering_takes_the_middle_and_stretches_nothing(height, width):
    rows, columns = np.mgrid[:40, :60]
    pixels = np.stack([rows * 4, columns * 4, rows * 0]).astype(np.uint8)
    found = cover(pixels, height, width).astype(float)
    assert found.shape == (3, height, width)
    middle = found[:2].mean((1, 2))
    np.testing.assert_allclose(middle, [4 * 19.5, 4 * 29.5], atol=2)
    step = (np.diff(found[0], axis=0).mean(), np.diff(found[1], axis=1).mean())
    assert step[0] == pytest.approx(step[1], rel=0.12)  # as far down as across
