import numpy as np
import pytest

from xnorkit.plots import (
    Contender,
    comparison_figure,
    confusion_figure,
    figure_image,
    images_figure,
    spectrogram_figure,
)


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


XNOR = Contender("xnor", (0.8, 0.9), latency=250.0, size=1000.0)
FLOAT = Contender("float", (0.95,), latency=4000.0, size=32000.0)
WORSE = Contender("worse", (0.7,), latency=300.0, size=1000.0)
NOT_DEPLOYED = Contender("bwn", (0.9,))


def test_a_contender_is_beaten_by_one_that_is_better_in_one_thing_and_worse_in_none():
    assert XNOR.beats(WORSE)
    assert not XNOR.beats(FLOAT)
    assert not FLOAT.beats(XNOR)
    assert not XNOR.beats(XNOR)
    assert not WORSE.beats(XNOR)


def test_comparison_figure_has_a_bar_a_run_and_a_dot_a_seed():
    [axes] = comparison_figure([XNOR, NOT_DEPLOYED], "t").axes[:1]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([85, 90])
    assert list(axes.lines[0].get_xdata()) == pytest.approx([80, 90])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["xnor", "bwn"]
    assert axes.yaxis_inverted(), "the first run is not on top"


def test_comparison_figure_places_what_was_deployed_by_latency_accuracy_and_bytes():
    _, axes = comparison_figure([XNOR, FLOAT, WORSE, NOT_DEPLOYED], "t").axes
    assert axes.get_xscale() == "log"
    places = [dots.get_offsets()[0] for dots in axes.collections]
    assert np.allclose(places, [(250, 85), (4000, 95), (300, 70)])
    areas = [dots.get_sizes()[0] for dots in axes.collections]
    assert areas[1] / areas[0] == pytest.approx(32)
    colours = [tuple(dots.get_facecolor()[0]) for dots in axes.collections]
    assert colours[0] == colours[1] != colours[2]


def test_comparison_figure_without_deployed_runs_has_accuracies_only():
    assert len(comparison_figure([NOT_DEPLOYED], "t").axes) == 1
    assert len(comparison_figure([], "t").axes) == 1


def test_images_are_shown_in_their_own_pixels():
    grey = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    colour = np.arange(36, dtype=np.uint8).reshape(3, 3, 4)
    figure = images_figure({"grey": grey, "colour": colour}, "two")
    first, second = figure.axes
    np.testing.assert_array_equal(first.images[0].get_array(), grey[0])
    np.testing.assert_array_equal(second.images[0].get_array()[2, 1], colour[:, 2, 1])
    assert [axes.get_title() for axes in figure.axes] == ["grey", "colour"]
