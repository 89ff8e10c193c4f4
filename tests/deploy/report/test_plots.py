"""Figures show the numbers of a report."""

import sys
from dataclasses import replace

import pytest
from sample_reports import EXACT, REPORT, SPEED

from xnorkit.deploy.report.plots import agreement_figure, figures, latency_figure, size_figure


def bars(axes):
    return [bar.get_width() for bar in axes.patches]


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_a_figure_for_everything_that_has_numbers():
    assert list(figures(REPORT)) == ["latency", "sizes", "agreement", "confusion"]
    assert list(figures(EXACT)) == ["sizes", "agreement"]
    assert list(figures(replace(EXACT, layers=()))) == ["sizes"]


def test_latency_has_a_bar_a_side_and_one_an_op():
    sides, ops = latency_figure(SPEED, "title").axes
    assert bars(sides) == [250, 3750, 900]
    assert names(sides)[:2] == ["xnorkit", "torch eager, network"]
    assert texts(sides) == ["250", "3,750 (15.0x)", "900 (3.6x)"]
    assert bars(ops) == [50, 180, 2.5]
    assert names(ops) == ["stem", "blocks.0.layer", "head"]
    assert sides.yaxis_inverted(), "the engine is not on top"


def test_latency_says_cpu_and_threads():
    figure = figures(REPORT)["latency"]
    assert "Some CPU" in figure.get_suptitle()
    assert "one thread" in figure.axes[0].get_xlabel()


def test_sizes_are_file_and_twin_and_the_parts_of_the_file():
    whole, parts = size_figure(REPORT.sizes, "title").axes
    assert bars(whole) == [1000, 24000]
    assert texts(whole) == ["1,000", "24,000 (24.0x)"]
    assert bars(parts) == [600, 300, 100]


def test_no_bit_that_differs_is_a_bar_of_no_length_with_its_count():
    alone, whole = agreement_figure(REPORT.layers, "title").axes
    assert bars(alone) == [0, 0]
    assert texts(alone) == ["0 of 1,000", "0 of 1,000"]
    assert bars(whole) == [0, 7]
    assert alone.get_xlim() == (0, 1)


def test_confusion_is_of_the_engine():
    assert "the engine on the test split" in figures(REPORT)["confusion"].get_suptitle()


@pytest.mark.parametrize("name", ["latency", "sizes", "agreement", "confusion"])
def test_figures_can_be_drawn_without_pyplot(name, tmp_path):
    before = "matplotlib.pyplot" in sys.modules
    figures(REPORT)[name].savefig(tmp_path / "figure.png")
    assert ("matplotlib.pyplot" in sys.modules) == before
