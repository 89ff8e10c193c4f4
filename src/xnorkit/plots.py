"""Arrays → matplotlib figures → images, without pyplot: no window, no global state."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

_MAX_CLASSES_WITH_NUMBERS = 20  # beyond it the numbers are too small to read and slow to draw


def confusion_figure(counts: NDArray[Any], labels: Sequence[str], title: str) -> Figure:
    """A confusion matrix: true classes down, predicted ones across.

    Args:
        counts: (classes, classes), clips; row i are those of class i.
        labels: names of the classes.
        title: above the picture; the accuracy is added.

    Returns:
        A figure whose colour is the share of its row, whose numbers are clips.
    """
    classes, total = len(labels), counts.sum()
    side = max(4.0, 0.35 * classes + 2)
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(classes), labels, rotation=90)
    axes.set_yticks(range(classes), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if classes <= _MAX_CLASSES_WITH_NUMBERS:
        _write_counts(axes, counts, shares)
    accuracy = f"{np.trace(counts) / total:.1%} right of {total}" if total else "no clip"
    figure.suptitle(f"{title}\n{accuracy}", fontsize="medium", wrap=True)
    return figure


def _write_counts(axes: Any, counts: NDArray[Any], shares: NDArray[Any]) -> None:
    for row, column in np.argwhere(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize="small", color=colour)


def spectrogram_figure(spectrograms: Mapping[str, NDArray[Any]], title: str) -> Figure:
    """One spectrogram a class, low frequencies below, all on one colour scale.

    Args:
        spectrograms: label → (mels, frames); at least one.
        title: above the picture.
    """
    columns = min(6, len(spectrograms))
    rows = math.ceil(len(spectrograms) / columns)
    figure = Figure(figsize=(2 * columns, 1.6 * rows + 0.5), dpi=100, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    low = min(float(values.min()) for values in spectrograms.values())
    high = max(float(values.max()) for values in spectrograms.values())
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (label, values) in zip(grid.flat, spectrograms.items(), strict=False):
        axes.imshow(values, origin="lower", aspect="auto", vmin=low, vmax=high)
        axes.set_title(label, fontsize="medium")
    figure.suptitle(title, fontsize="medium", wrap=True)
    return figure


def figure_image(figure: Figure) -> NDArray[np.uint8]:
    """The drawn figure, uint8 (height, width, 3)."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
