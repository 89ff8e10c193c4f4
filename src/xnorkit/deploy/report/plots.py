"""Report → figures: latency with its split, sizes, agreement, confusion."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from xnorkit.deploy.agreement import LayerCheck
from xnorkit.deploy.report.record import ENGINE, Report, Side, Sizes, Speed
from xnorkit.deploy.report.sections import microseconds, threads
from xnorkit.plots import confusion_figure

_OURS, _THEIRS = "#08519c", "#9ecae1"
_LINE = 0.28  # inches of a bar


def figures(report: Report) -> dict[str, Figure]:
    """Every figure that the report has numbers for, by the stem of its file."""
    title, found = report.subject.title, {}
    if report.speed is not None:
        found["latency"] = latency_figure(report.speed, f"{title}\n{report.machine.cpu}")
    found["sizes"] = size_figure(report.sizes, title)
    if report.layers:
        found["agreement"] = agreement_figure(report.layers, title)
    if report.confusion:
        counts = np.array(report.confusion)
        heading = f"{title}\nthe engine on the {report.agreement.split} split"
        found["confusion"] = confusion_figure(counts, report.labels, heading)
    return found


def latency_figure(speed: Speed, title: str) -> Figure:
    """Each side's p50 as a bar with a line to p99; beside it each op of the engine.

    Args:
        speed: what was measured.
        title: above the picture.
    """
    figure, left, right = _pair(len(speed.sides), len(speed.steps), title)
    names = [_name(side) for side in speed.sides]
    values = [side.p50 for side in speed.sides]
    _bars(left, names, values, [_time(side) for side in speed.sides], _ours(names))
    for place, side in enumerate(speed.sides):
        left.plot([side.p50, side.p99], [place, place], color="black", linewidth=0.8, zorder=2)
    left.set_xlabel(
        f"µs a sample, {threads(speed.threads)} (bar: p50, line: to p99, x: time over {ENGINE}'s)"
    )
    left.set_xlim(0, 1.5 * max(values))  # on a busy machine p99 may be far outside
    steps = list(speed.steps.values())
    _bars(right, list(speed.steps), steps, [microseconds(value) for value in steps], _OURS)
    right.set_xlabel(f"µs of each op of {ENGINE}, called by itself")
    return figure


def size_figure(sizes: Sizes, title: str) -> Figure:
    """model.xnor beside the float twin, and the parts of model.xnor.

    Args:
        sizes: in bytes.
        title: above the picture.
    """
    figure, left, right = _pair(2, len(sizes.file_parts), title)
    totals = [sizes.file, sizes.float32]
    texts = [f"{sizes.file:,}", f"{sizes.float32:,} ({sizes.float32 / sizes.file:.1f}x)"]
    _bars(left, ["model.xnor", "float32 twin"], totals, texts, [_OURS, _THEIRS])
    left.set_xlabel("bytes")
    parts = list(sizes.file_parts.values())
    _bars(right, list(sizes.file_parts), parts, [f"{value:,}" for value in parts], _OURS)
    right.set_xlabel("bytes of each part of model.xnor")
    return figure


def agreement_figure(layers: Sequence[LayerCheck], title: str) -> Figure:
    """How many bits of each binary layer differ from torch's: none is a bar of length 0.

    Args:
        layers: at least one.
        title: above the picture.
    """
    figure, left, right = _pair(len(layers), len(layers), title)
    names = [layer.path for layer in layers]
    alone = [(layer.wrong_alone, layer.outputs) for layer in layers]
    whole = [(layer.wrong_in_whole, layer.inputs) for layer in layers]
    for axes, counts, label in (
        (left, alone, "outputs that differ, given torch's input bits"),
        (right, whole, "input bits that differ, the engine alone"),
    ):
        texts = [f"{wrong:,} of {total:,}" for wrong, total in counts]
        _bars(axes, names, [wrong for wrong, _ in counts], texts, _OURS)
        axes.set_xlabel(label)
    return figure


def _pair(left: int, right: int, title: str) -> tuple[Figure, Any, Any]:
    """A figure of two panels, high enough for so many bars."""
    height = 1.4 + _LINE * max(left, right, 3)
    figure = Figure(figsize=(12, height), layout="constrained")
    axes = figure.subplots(1, 2)
    figure.suptitle(title, fontsize="medium", wrap=True)
    return figure, axes[0], axes[1]


def _bars(
    axes: Any,
    names: Sequence[str],
    values: Sequence[float],
    texts: Sequence[str],
    colours: str | Sequence[str],
) -> None:
    """Horizontal bars, the first on top, with a text at the end of each."""
    bars = axes.barh(range(len(names)), values, color=colours)
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # lines end at a text
    axes.bar_label(bars, texts, padding=4, fontsize=8, bbox=behind, zorder=3)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axes.set_xlim(0, 1.35 * max([*values, 0]) or 1)  # room for the texts


def _ours(names: Sequence[str]) -> list[str]:
    return [_OURS if name == ENGINE else _THEIRS for name in names]


def _name(side: Side) -> str:
    return side.name if side.model == "engine" else f"{side.name}, {side.model}"


def _time(side: Side) -> str:
    ratio = "" if side.ratio is None else f" ({side.ratio.median:.1f}x)"
    return f"{microseconds(side.p50)}{ratio}"
