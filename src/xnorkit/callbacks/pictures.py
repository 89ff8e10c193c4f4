"""Original | reconstruction | bit planes → TensorBoard; the test's pictures → the run's report."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from xnorkit.callbacks import picture_report
from xnorkit.callbacks.event_files import logged_step, writers
from xnorkit.picture_plots import ShownPicture, pictures_figure
from xnorkit.plots import figure_image
from xnorkit.tasks.compression import Compression, PictureResult

_SHOWN = 4  # test pictures in the figure; the tables have all


class Pictures(Callback):
    """Shows what a `Compression` makes of pictures; with another module it does nothing.

    Args:
        report: folder that gets report.md, report.json and pictures.png after a test; None: none.
        every_n_validations: the first validation picture is drawn after the first of each n
            validations; TensorBoard alone has it.

    Raises:
        ValueError: `every_n_validations` below 1.
    """

    def __init__(self, report: str | Path | None = None, every_n_validations: int = 5) -> None:
        if every_n_validations < 1:
            raise ValueError(
                f"pictures.every_n_validations={every_n_validations}: it must be at least 1."
            )
        self.report = None if report is None else Path(report)
        self.every_n_validations = every_n_validations
        self._validations = 0
        self._images: list[Tensor] = []

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """The first picture, every n-th time."""
        if trainer.sanity_checking or batch_idx or not isinstance(pl_module, Compression):
            return
        self._validations += 1
        if (self._validations - 1) % self.every_n_validations == 0 and writers(trainer):
            image = batch["image"][:1]
            shown = _shown(pl_module, image[0], "original", pl_module.results(image)[0])
            title = f"{pl_module.title}: validation split after {trainer.global_step} steps"
            _add(trainer, "pictures/val", figure_image(pictures_figure([shown], title)))

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the pictures of an earlier test."""
        self._images = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Remember the first pictures."""
        if isinstance(pl_module, Compression):
            self._images += list(batch["image"][: _SHOWN - len(self._images)])

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Figure and tables."""
        if not isinstance(pl_module, Compression) or not pl_module.test_pictures:
            return
        data: Any = getattr(trainer, "datamodule", None)
        names = getattr(data, "names", {}).get("test", ())
        results = {
            names[i] if i < len(names) else f"picture {i}": result
            for i, result in enumerate(pl_module.test_pictures)
        }
        pairs = zip(results.items(), self._images, strict=False)
        shown = [_shown(pl_module, image, name, result) for (name, result), image in pairs]
        drawn = figure_image(pictures_figure(shown, f"{pl_module.title}: test split"))
        _add(trainer, "pictures/test", drawn)
        if self.report is not None and trainer.is_global_zero:
            source = str(getattr(data, "source_note", ""))
            picture_report.write(self.report, pl_module.title, source, results)
            Image.fromarray(drawn).save(self.report / "pictures.png")


def _shown(task: Compression, image: Tensor, name: str, result: PictureResult) -> ShownPicture:
    """uint8 (3, H, W) → a row of the figure."""
    height, width = image.shape[-2:]
    with torch.no_grad():
        bits = task.compress(image[None] / 255)
        decoded = task.decompress(bits)[0, :, :height, :width]
    return ShownPicture(
        image.cpu().numpy(),
        (decoded * 255).round().to(torch.uint8).cpu().numpy(),
        bits[0].cpu().numpy(),
        name,
        f"{result.psnr:.2f} dB, {result.bpp:.3f} bits a pixel",
    )


def _add(trainer: Trainer, tag: str, image: NDArray[np.uint8]) -> None:
    for writer in writers(trainer):
        writer.add_image(tag, image, logged_step(trainer), dataformats="HWC")
