"""Compressed pictures → figures: original | decoded | bit planes, and rate against quality."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

_PLANES_SHOWN = 64  # more would be too small to see on a screen
_GAP = 0.5  # grey, between two planes


@dataclass(frozen=True)
class ShownPicture:
    """A row of the figure.

    Attributes:
        original: uint8 (3, H, W).
        decoded: the same.
        bits: {0, 1} (planes, h, w).
        name: above the original.
        cost: above the reconstruction, e.g. "28.1 dB, 0.41 bpp".
    """

    original: NDArray[np.uint8]
    decoded: NDArray[np.uint8]
    bits: NDArray[np.uint8]
    name: str
    cost: str


def pictures_figure(rows: Sequence[ShownPicture], title: str) -> Figure:
    """Original | reconstruction | the first bit planes side by side, a row a picture.

    Args:
        rows: at least one.
        title: above all.
    """
    figure = Figure(figsize=(13, 3.6 * len(rows) + 0.5), dpi=100, layout="constrained")
    grid = figure.subplots(len(rows), 3, squeeze=False)
    for axes, row in zip(grid, rows, strict=True):
        shown = min(len(row.bits), _PLANES_SHOWN)
        planes = f"{shown} of {len(row.bits)} bit planes"
        for panel, name in zip(axes, (row.name, row.cost, planes), strict=True):
            panel.set_axis_off()
            panel.set_title(name, fontsize="medium")
        axes[0].imshow(row.original.transpose(1, 2, 0))
        axes[1].imshow(row.decoded.transpose(1, 2, 0))
        axes[2].imshow(tiled(row.bits[:shown]), cmap="gray", vmin=0, vmax=1)
    figure.suptitle(title, fontsize="medium", wrap=True)
    return figure


def tiled(planes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Planes (n, h, w) as one picture, row by row in as square a grid as there is, grey between."""
    count, height, width = planes.shape
    columns = math.ceil(math.sqrt(count * height / width))
    columns = min(count, max(1, columns))
    rows = math.ceil(count / columns)
    picture = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), _GAP, np.float32)
    for place, plane in enumerate(planes):
        top, left = (place // columns) * (height + 1), (place % columns) * (width + 1)
        picture[top : top + height, left : left + width] = plane
    return picture


Curve = Sequence[tuple[float, float]]


def rate_figure(curves: Mapping[str, Curve], quality: str, title: str) -> Figure:
    """Quality over bits per pixel, a line a codec.

    Args:
        curves: name → (bits per pixel, quality) of each setting.
        quality: name and unit of the vertical axis.
        title: above the picture.
    """
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes: Any = figure.add_subplot()
    for name, curve in curves.items():
        points = sorted(curve)
        axes.plot([rate for rate, _ in points], [value for _, value in points], "o-", label=name)
    axes.set_xlabel("bits per pixel of the whole file")
    axes.set_ylabel(quality)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.suptitle(title, fontsize="medium", wrap=True)
    return figure
