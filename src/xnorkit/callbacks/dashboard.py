"""What ran and how it ended → TensorBoard's HPARAMS page; all curves on one CUSTOM SCALARS page."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.tensorboard import summary as summaries

from xnorkit.callbacks.binary_monitor import SCALARS, watched_weights
from xnorkit.callbacks.event_files import writers

Value = str | int | float | bool | None
Layout = dict[str, dict[str, list[Any]]]

_METRICS = ("acc",)  # of a module that names none
_TITLES = {"acc": "accuracy", "psnr": "PSNR", "ms_ssim": "MS-SSIM", "bpp": "bits per pixel"}


class Dashboard(Callback):
    """Describes the run to TensorBoard; without a TensorBoardLogger it does nothing.

    HPARAMS: a row a run, with `hparams`, the data module's `source_note` as `data_source` and the
    task's `title`; its metrics are losses and the task's `metrics`, whose last value TensorBoard
    shows. So the row is there from the start, also of a run that fails, and a test
    that comes later fills it.

    CUSTOM SCALARS: loss, metrics, learning rate, and a chart with a line a layer of each scalar
    of `BinaryMonitor`.

    Args:
        hparams: column → number, word or true/false; null leaves the column out.

    Raises:
        ValueError: a value that is none of these.
    """

    def __init__(self, hparams: Mapping[str, Value] | None = None) -> None:
        self.hparams = dict(hparams or {})
        for name, value in self.hparams.items():
            if not isinstance(value, Value):
                raise ValueError(
                    f"dashboard.hparams.{name}={value!r}: TensorBoard shows numbers, words and "
                    "true/false only. Name one key of it."
                )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the row and the layout; the source of the data is known by now."""
        for writer in writers(trainer):
            names = [watched.name for watched in watched_weights(trainer, pl_module)]
            writer.add_custom_scalars(chart_layout(names, metrics_of(pl_module)))
            for summary in self._summaries(trainer, pl_module)[:2]:
                writer._get_file_writer().add_summary(summary)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Mark the row as finished."""
        for writer in writers(trainer):
            writer._get_file_writer().add_summary(self._summaries(trainer, pl_module)[2])

    def _summaries(self, trainer: Trainer, pl_module: LightningModule) -> tuple[Any, Any, Any]:
        """Experiment, start of the session, end of the session."""
        source = getattr(getattr(trainer, "datamodule", None), "source_note", None)
        found = {"data_source": source, "title": getattr(pl_module, "title", None)}
        columns = self.hparams | {name: value for name, value in found.items() if value}
        untyped: Any = summaries.hparams
        metrics = [f"{split}/{m}" for m in metrics_of(pl_module) for split in ("test", "val")]
        losses = ("test/loss", "val/loss", "train/loss_epoch")
        experiment, start, end = untyped(columns, dict.fromkeys((*metrics, *losses)))
        return experiment, start, end


def metrics_of(module: LightningModule) -> tuple[str, ...]:
    """A task's own, or accuracy alone."""
    return tuple(getattr(module, "metrics", _METRICS))


def chart_layout(layers: Iterable[str], metrics: Sequence[str] = _METRICS) -> Layout:
    """The layout that `SummaryWriter.add_custom_scalars` takes: page ► chart ► kind and tags.

    Args:
        layers: names of the binary layers.
        metrics: names below `train/`, `val/` and `test/`.
    """
    training = {"loss": ["train/loss_step", "train/loss_epoch", "val/loss", "test/loss"]}
    for name in metrics:
        training[_TITLES.get(name, name)] = [
            f"{split}/{name}" for split in ("train", "val", "test")
        ]
    charts = {title: ["Multiline", _exactly(tags)] for title, tags in training.items()}
    charts["learning rate"] = ["Multiline", ["^lr-"]]  # LearningRateMonitor adds the optimiser
    layout: Layout = {"Training": charts}
    names = list(layers)
    if names:
        layout["Binary layers"] = {
            scalar.replace("_", " "): ["Multiline", _exactly(f"binary/{n}/{scalar}" for n in names)]
            for scalar in SCALARS
        }
    return layout


def _exactly(tags: Iterable[str]) -> list[str]:
    """TensorBoard reads tags of a chart as regular expressions that match from the start."""
    return [f"^{re.escape(tag)}$" for tag in tags]
