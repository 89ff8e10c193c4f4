"""Report → TensorBoard: scalars and images named deploy/*."""

from collections.abc import Iterator
from typing import Any

from xnorkit.deploy.report.page import markdown
from xnorkit.deploy.report.plots import figures
from xnorkit.deploy.report.record import Report
from xnorkit.plots import figure_image


def log(report: Report, writer: Any, step: int = 0) -> None:
    """Write it all.

    Args:
        report: what was found.
        writer: a torch.utils.tensorboard.SummaryWriter, or what has its `add_scalar`, `add_image`
            and `add_text`; a TensorBoardLogger's `experiment`.
        step: at which the checkpoint was taken.
    """
    for name, value in scalars(report).items():
        writer.add_scalar(f"deploy/{name}", value, step)
    for name, figure in figures(report).items():
        writer.add_image(f"deploy/{name}", figure_image(figure), step, dataformats="HWC")
    writer.add_text("deploy/report", markdown(report), step)


def scalars(report: Report) -> dict[str, float]:
    """What result.json and TensorBoard say: bytes, latency_us, agreement and more, by name."""
    return {name: value for name, value in _scalars(report) if value is not None}


def _scalars(report: Report) -> Iterator[tuple[str, float | None]]:
    yield "bytes", report.sizes.file
    yield "agreement", report.agreement.top1
    yield "accuracy", report.agreement.engine_accuracy
    yield "largest_difference", report.agreement.largest_difference
    if report.speed is None or report.engine is None:
        return
    yield "latency_us", report.engine.p50
    yield "throughput", report.engine.throughput
    for side in report.speed.sides[1:]:
        if side.ratio is not None:
            yield f"times_engine/{side.name} ({side.model})", side.ratio.median
