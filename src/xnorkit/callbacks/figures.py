"""Confusion matrices, example spectrograms and images → TensorBoard's IMAGES page."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from xnorkit.callbacks.event_files import has_tensorboard, logged_step, writers
from xnorkit.plots import confusion_figure, figure_image, images_figure, spectrogram_figure

_NAMES = {"val": "validation", "test": "test"}


class Figures(Callback):
    """Draws what a task has to show; without a TensorBoardLogger it draws nothing.

    Confusion matrices come from the task's `val_confusion` and `test_confusion`, spectrograms from
    the data module's `example_waveforms()` through the task's `frontend`, images from its
    `example_images()`; a module that has none of these trains with this callback as well. Titles
    begin with the task's `title`.

    Args:
        every_n_validations: the confusion matrix is drawn after the first of each n validations,
            and after the last one; drawing takes about a quarter of a second.

    Raises:
        ValueError: `every_n_validations` below 1.
    """

    def __init__(self, every_n_validations: int = 10) -> None:
        if every_n_validations < 1:
            raise ValueError(
                f"figures.every_n_validations={every_n_validations}: it must be at least 1."
            )
        self.every_n_validations = every_n_validations
        self._validations = 0
        self._drawn = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """One example a class; statistics of a resumed checkpoint are loaded by now."""
        self._validations = self._drawn = 0
        if trainer.global_step:
            return
        data, frontend = getattr(trainer, "datamodule", None), getattr(pl_module, "frontend", None)
        waveforms = getattr(data, "example_waveforms", None)
        images = getattr(data, "example_images", None)
        for writer in writers(trainer):
            if waveforms is not None and frontend is not None:
                _draw_spectrograms(writer, waveforms(), frontend, pl_module)
            if images is not None:
                _draw_images(writer, images(), pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The confusion matrix, every n-th time."""
        if trainer.sanity_checking:
            return
        self._validations += 1
        if (self._validations - 1) % self.every_n_validations == 0:
            self._draw_validation(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The confusion matrix of the last validation, unless it is drawn already."""
        if self._drawn < self._validations:
            self._draw_validation(trainer, pl_module)

    def _draw_validation(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._drawn = self._validations
        _draw_confusion(trainer, pl_module, "val")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The confusion matrix of the test split."""
        _draw_confusion(trainer, pl_module, "test")


def _draw_confusion(trainer: Trainer, pl_module: LightningModule, split: str) -> None:
    metric: Any = getattr(pl_module, f"{split}_confusion", None)
    if metric is None or not has_tensorboard(trainer):
        return
    # On every rank, before asking for the writers: compute() gathers the counts of all of them.
    counts = metric.compute().cpu().numpy()
    for writer in writers(trainer):
        labels = getattr(pl_module, "labels", range(len(counts)))
        # A test has no step of its own: it may run in a trainer that has trained nothing.
        when = f" after {trainer.global_step} steps" if split == "val" else ""
        title = f"{_title(pl_module)}{_NAMES[split]} split{when}"
        figure = confusion_figure(counts, [str(label) for label in labels], title)
        image, step = figure_image(figure), logged_step(trainer)
        writer.add_image(f"confusion/{split}", image, step, dataformats="HWC")


@torch.no_grad()
def _draw_spectrograms(
    writer: Any,
    waveforms: dict[str, torch.Tensor],
    frontend: torch.nn.Module,
    pl_module: LightningModule,
) -> None:
    training = frontend.training
    frontend.eval()
    try:
        features = frontend(torch.stack(list(waveforms.values())).to(pl_module.device))
    finally:
        frontend.train(training)
    maps = dict(zip(waveforms, features[:, 0].cpu().numpy(), strict=True))
    title = f"{_title(pl_module)}one training clip a class, as the network sees it"
    image = figure_image(spectrogram_figure(maps, title))
    writer.add_image("examples/spectrograms", image, 0, dataformats="HWC")


def _draw_images(writer: Any, images: dict[str, torch.Tensor], pl_module: LightningModule) -> None:
    title = f"{_title(pl_module)}one training image a class"
    pixels = {label: image.numpy() for label, image in images.items()}
    image = figure_image(images_figure(pixels, title))
    writer.add_image("examples/images", image, 0, dataformats="HWC")


def _title(pl_module: LightningModule) -> str:
    title = getattr(pl_module, "title", "")
    return f"{title}: " if title else ""
