import numpy as np
import pytest

from xnorkit.picture_plots import ShownPicture, pictures_figure, rate_figure, tiled
from xnorkit.plots import figure_image


def shown(planes=5, name="cat"):
    rng = np.random.default_rng(0)
    original, decoded = rng.integers(0, 256, (2, 3, 20, 30), dtype=np.uint8)
    bits = rng.integers(0, 2, (planes, 2, 2), dtype=np.uint8)
    return ShownPicture(original, decoded, bits, name, "20.0 dB")


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 16])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 2)])
def test_every_plane_is_in_the_tiles_and_a_line_between_two(count, size):
    planes = np.random.default_rng(1).integers(0, 2, (count, *size), dtype=np.uint8)
    picture = tiled(planes)
    height, width = size
    cells = [
        picture[top : top + height, left : left + width]
        for top in range(0, picture.shape[0], height + 1)
        for left in range(0, picture.shape[1], width + 1)
    ]
    assert all(np.array_equal(c, p) for c, p in zip(cells, planes, strict=False))
    assert len(cells) >= count > len(cells) - picture.shape[1] // width - 1
    if count == 2 and size == (1, 1):
        assert picture.tolist() == [[planes[0, 0, 0], 0.5, planes[1, 0, 0]]]


def test_a_row_shows_original_reconstruction_and_planes():
    rows = [shown(), shown(100, "dog")]
    figure = pictures_figure(rows, "title")
    names = [axes.get_title() for axes in figure.axes]
    assert names == [
        "cat",
        "20.0 dB",
        "5 of 5 bit planes",
        "dog",
        "20.0 dB",
        "64 of 100 bit planes",
    ]
    original, decoded, planes = (axes.images[0].get_array() for axes in figure.axes[:3])
    assert np.array_equal(original, rows[0].original.transpose(1, 2, 0))
    assert np.array_equal(decoded, rows[0].decoded.transpose(1, 2, 0))
    assert np.array_equal(planes, tiled(rows[0].bits))
    assert figure_image(figure).std() > 10


def test_curves_are_drawn_in_the_order_of_their_rate():
    figure = rate_figure({"ours": [(0.5, 30), (0.1, 25)], "JPEG": [(0.2, 26)]}, "PSNR", "t")
    ours, jpeg = figure.axes[0].lines
    assert (list(ours.get_xdata()), list(ours.get_ydata())) == ([0.1, 0.5], [25, 30])
    assert jpeg.get_label() == "JPEG"
