"""Loss and metrics of learned image compression; what counts are the bytes of the file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric, Metric
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
)

from xnorkit.codec.xnc_file import MODEL_ID, CompressedPicture
from xnorkit.tasks.task import Batch, Task

Loss = Literal["mse", "ms_ssim"]
SMALLEST_FOR_MS_SSIM = 176  # pixels: a sixteenth of a side must hold its window of 11
_WHITE = 255.0  # uint8's full brightness is 1
_EXAMPLE = 256  # pixels of a side, for what a layer costs


@dataclass(frozen=True)
class PictureResult:
    """What became of one picture.

    Attributes:
        height: in pixels.
        width: the same.
        psnr: of the decoded 8-bit picture, in dB.
        ms_ssim: the same, in [0, 1]; None of a picture too small for it.
        nbytes: of the file, header included.
        element_ratio: elements of the bottleneck to elements of the picture.
    """

    height: int
    width: int
    psnr: float
    ms_ssim: float | None
    nbytes: int
    element_ratio: float

    @property
    def bpp(self) -> float:
        """Bits of the file a pixel."""
        return 8 * self.nbytes / (self.height * self.width)


class Compression(Task):
    """Pictures → bits → pictures.

    In validation and test pictures go through bits, as a file does: deterministic, in float32,
    decoded to 8 bits a colour; `bpp` counts the whole file.

    Args:
        network: a `Compressor`.
        loss: `mse` over colours in [0, 1], or `ms_ssim`: 1 − MS-SSIM.
        optimizer: see `Task`, as all that follows.
        scheduler: see there.
        title: see there.
        hyperparameters: see there.

    Raises:
        ValueError: an unknown loss.
    """

    metrics = ("psnr", "ms_ssim", "bpp")
    scores = ("psnr", "ms_ssim")

    def __init__(
        self,
        network: nn.Module,
        loss: Loss = "mse",
        optimizer: Callable[[Any], Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
        title: str = "",
        hyperparameters: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(network, optimizer, scheduler, title, hyperparameters)
        if loss not in get_args(Loss):
            raise ValueError(f"task.loss={loss}: choose {' or '.join(get_args(Loss))}.")
        self._loss = loss
        self.test_pictures: list[PictureResult] = []
        for split in ("val", "test"):
            for name in self.metrics:
                self.add_module(f"{split}_{name}", MeanMetric())

    @classmethod
    def check_data(cls, data: Any, options: Mapping[str, Any]) -> None:
        """Pictures in colour, large enough for the loss; see `Task`."""
        shape = getattr(data, "shape", None)
        if shape is None or shape[0] != 3:
            what = "no pictures" if shape is None else f"pictures of {shape[0]} colour"
            raise ValueError(
                f"task=compression: {type(data).__name__} gives {what}, and it takes RGB. Take "
                "data=sample_images or data=image_folder."
            )
        if options.get("loss") == "ms_ssim" and min(shape[1:]) < SMALLEST_FOR_MS_SSIM:
            raise ValueError(
                f"task.loss=ms_ssim with training pictures of {shape[1]}x{shape[2]}: its five "
                f"scales need {SMALLEST_FOR_MS_SSIM} pixels. Set data.crop or data.size so, or "
                "task.loss=mse."
            )

    def example_input(self) -> Tensor:
        """(1, 3, 256, 256)."""
        return torch.zeros(1, 3, _EXAMPLE, _EXAMPLE)

    def facts(self) -> dict[str, str]:
        """The bottleneck in elements and in bits."""
        elements = self.network.element_ratio(_EXAMPLE, _EXAMPLE)
        return {
            "bottleneck": f"{self.network.planes} bits for 16x16 pixels: {elements:.4f} elements "
            f"for each of the picture's, {elements / 32:.5f} of its bits as float32, "
            f"{3 * elements:.3f} bits a pixel before zstandard"
        }

    def analyse(self, x: Tensor) -> Tensor:
        """See `Compressor`, as for the three that follow."""
        result: Tensor = self.network.analyse(x)
        return result

    def quantize(self, latent: Tensor) -> Tensor:
        """Latent → {0, 1}."""
        result: Tensor = self.network.quantize(latent)
        return result

    def compress(self, x: Tensor) -> Tensor:
        """Pictures → bits."""
        result: Tensor = self.network.compress(x)
        return result

    def decompress(self, bits: Tensor) -> Tensor:
        """Bits → pictures."""
        result: Tensor = self.network.decompress(bits)
        return result

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch."""
        x = batch["image"] / _WHITE
        y = self(x)
        error = F.mse_loss(y.float(), x)
        # relu: where a scale's similarity is negative its power would be NaN.
        loss = error if self._loss == "mse" else 1 - _ms_ssim(y.float(), x, normalize="relu")
        self.log("train/loss", loss, on_step=True, on_epoch=True, batch_size=len(x))
        self.log("loss", loss, prog_bar=True, logger=False)  # one column of the bar, not two
        psnr = -10 * error.detach().log10()
        self.log("train/psnr", psnr, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(x))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """PSNR, MS-SSIM and bits per pixel on the validation split."""
        self._evaluate("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """The same on the test split; `test_pictures` holds what became of each picture."""
        self.test_pictures += self._evaluate("test", batch)

    def on_test_epoch_start(self) -> None:
        """Forget the pictures of an earlier test."""
        self.test_pictures = []

    def _evaluate(self, split: str, batch: Batch) -> list[PictureResult]:
        results = self.results(batch["image"])
        for name in self.metrics:
            metric: Any = getattr(self, f"{split}_{name}")
            values = [getattr(result, name) for result in results]
            known = [value for value in values if value is not None]
            if known:
                metric.update(torch.tensor(known))
            # Of several processes all must log alike, or those that do would wait for the others.
            if known or self.trainer.world_size > 1:
                self._log_metric(f"{split}/{name}", metric, len(results))
        return results

    def _log_metric(self, name: str, metric: Metric, size: int) -> None:
        self.log(name, metric, on_epoch=True, prog_bar=name == "val/psnr", batch_size=size)

    @torch.no_grad()
    def results(self, images: Tensor) -> list[PictureResult]:
        """What becomes of each picture, uint8 (N, 3, H, W), when it is written and read again."""
        height, width = images.shape[-2:]
        with torch.autocast(images.device.type, enabled=False):
            x = images / _WHITE
            bits = self.network.compress(x)
            decoded = self.network.decompress(bits)[..., :height, :width]
            decoded = (decoded * _WHITE).round() / _WHITE
        ratio = self.network.element_ratio(height, width)
        large = min(height, width) >= SMALLEST_FOR_MS_SSIM
        return [
            PictureResult(
                height,
                width,
                float(peak_signal_noise_ratio(y, x_, data_range=1.0)),
                float(_ms_ssim(y[None], x_[None])) if large else None,
                len(CompressedPicture(height, width, bytes(MODEL_ID), b).to_bytes()),
                ratio,
            )
            for x_, y, b in zip(x, decoded, bits.cpu().numpy(), strict=True)
        ]


def similarity_of(original: npt.NDArray[np.uint8], decoded: npt.NDArray[np.uint8]) -> float | None:
    """MS-SSIM of two pictures, uint8 (3, H, W); None where they are too small for it."""
    if min(original.shape[1:]) < SMALLEST_FOR_MS_SSIM:
        return None
    x, y = (torch.from_numpy(p)[None] / _WHITE for p in (original, decoded))
    return float(_ms_ssim(y, x))


def _ms_ssim(y: Tensor, x: Tensor, normalize: Literal["relu"] | None = None) -> Tensor:
    result: Any = multiscale_structural_similarity_index_measure(
        y, x, data_range=1.0, normalize=normalize
    )
    value: Tensor = result
    return value
