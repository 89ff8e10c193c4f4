import numpy as np
import pytest

from xnorkit.plots import confusion_figure, figure_image, spectrogram_figure


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_confusion_figure_writes_counts_and_colours_shares_of_the_row():
    figure = confusion_figure(np.array([[3, 1], [0, 2]]), ["yes", "no"], "clips: test")
    (axes,) = figure.axes
    (image,) = axes.get_images()
    assert np.allclose(image.get_array(), [[0.75, 0.25], [0.0, 1.0]])
    assert sorted(texts(figure)) == ["1", "2", "3"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["yes", "no"]
    assert figure.get_suptitle() == "clips: test\n83.3% right of 6"


def test_confusion_figure_of_a_class_without_clips_is_finite():
    figure = confusion_figure(np.array([[0, 0], [1, 1]]), ["yes", "no"], "t")
    assert np.allclose(figure.axes[0].get_images()[0].get_array(), [[0, 0], [0.5, 0.5]])


def test_confusion_figure_of_nothing_says_so():
    assert "no clip" in confusion_figure(np.zeros((2, 2), int), ["a", "b"], "t").get_suptitle()


def test_confusion_figure_of_many_classes_has_no_numbers():
    names = [str(i) for i in range(35)]
    assert texts(confusion_figure(np.ones((35, 35), int), names, "t")) == []


@pytest.mark.parametrize("classes", [1, 6, 7, 12])
def test_spectrogram_figure_shows_every_class_on_one_scale(classes):
    maps = {f"word {i}": np.full((4, 5), float(i)) for i in range(classes)}
    figure = spectrogram_figure(maps, "t")
    shown = [axes for axes in figure.axes if axes.get_images()]
    assert [axes.get_title() for axes in shown] == list(maps)
    assert {axes.get_images()[0].get_clim() for axes in shown} == {(0.0, classes - 1.0)}


def test_spectrogram_figure_has_low_frequencies_below():
    (axes,) = spectrogram_figure({"a": np.eye(3)}, "t").axes
    assert axes.get_images()[0].origin == "lower"


def test_figure_image_is_rgb_of_the_figures_size():
    figure = confusion_figure(np.eye(2, dtype=int), ["a", "b"], "t")
    image = figure_image(figure)
    width, height = (figure.get_size_inches() * figure.dpi).astype(int)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.min() < 100 < 250 < image.max()
