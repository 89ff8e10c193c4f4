"""Arrays → matplotlib figures → images, without pyplot: no window, no global state."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
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


def images_figure(images: Mapping[str, NDArray[np.uint8]], title: str) -> Figure:
    """One image a class, in its own pixels.

    Args:
        images: label → (C, H, W), C of 1 or 3; at least one.
        title: above the picture.
    """
    columns = min(10, len(images))
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(1.2 * columns, 1.4 * rows + 0.5), dpi=100, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (label, pixels) in zip(grid.flat, images.items(), strict=False):
        shown = pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0)
        axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(label, fontsize="small")
    figure.suptitle(title, fontsize="medium", wrap=True)
    return figure


@dataclass(frozen=True)
class Contender:
    """A run of a comparison, with the seeds that it was done with.

    Attributes:
        name: beside its bar.
        accuracies: one for each seed, in [0, 1]; at least one.
        latency: mean, in microseconds; NaN where it was not deployed.
        size: mean, in bytes; NaN where it was not deployed.
    """

    name: str
    accuracies: tuple[float, ...]
    latency: float = math.nan
    size: float = math.nan

    @property
    def accuracy(self) -> float:
        """The mean."""
        return statistics.fmean(self.accuracies)

    @property
    def deployed(self) -> bool:
        """Whether it has a latency and a size."""
        return math.isfinite(self.latency) and math.isfinite(self.size)

    def beats(self, other: "Contender") -> bool:
        """No worse in accuracy, latency and size, and better in one of them."""
        mine = (-self.accuracy, self.latency, self.size)
        theirs = (-other.accuracy, other.latency, other.size)
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


def comparison_figure(contenders: Sequence[Contender], title: str) -> Figure:
    """Accuracies as bars with a dot a seed; beside them accuracy over latency and size.

    Args:
        contenders: the first on top; the second panel is there where one was deployed.
        title: above the picture.
    """
    deployed = [contender for contender in contenders if contender.deployed]
    lines = sum(contender.name.count("\n") + 1.5 for contender in contenders)
    size = (14 if deployed else 8, max(1.5 + 0.2 * lines, 4.5 if deployed else 0))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, 2 if deployed else 1, squeeze=False)[0]
    _draw_accuracies(panels[0], contenders)
    if deployed:
        _draw_pareto(panels[1], deployed)
    figure.suptitle(title, fontsize="medium", wrap=True)
    return figure


def _draw_accuracies(axes: Any, contenders: Sequence[Contender]) -> None:
    for place, contender in enumerate(contenders):
        percent = [100 * accuracy for accuracy in contender.accuracies]
        axes.barh(place, 100 * contender.accuracy, color="#9ecae1")
        axes.plot(percent, [place] * len(percent), "o", color="#08519c", markersize=4)
    axes.set_yticks(range(len(contenders)), [c.name for c in contenders], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("test accuracy, % (dots: seeds)")


def _draw_pareto(axes: Any, contenders: Sequence[Contender]) -> None:
    largest = max(contender.size for contender in contenders)
    for contender in contenders:
        beaten = any(other.beats(contender) for other in contenders)
        where = contender.latency, 100 * contender.accuracy
        area = max(20.0, 900 * contender.size / largest)
        axes.scatter(*where, s=area, color="#bdbdbd" if beaten else "#08519c", alpha=0.7)
        text = f"{contender.name}\n{contender.size:,.0f} B"
        axes.annotate(text, where, (6, 6), textcoords="offset points", fontsize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(0.2)
    axes.set_xlabel("latency, µs (area: bytes; grey: another is better in one and worse in none)")
    axes.set_ylabel("test accuracy, %")


def figure_image(figure: Figure) -> NDArray[np.uint8]:
    """The drawn figure, uint8 (height, width, 3)."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
