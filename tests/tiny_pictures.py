"""Small pictures and a small compressor for tests."""

import numpy as np
import torch
from lightning.pytorch import Trainer

from xnorkit.data.images.pictures import PictureDataModule
from xnorkit.networks import Compressor
from xnorkit.schemes import Float
from xnorkit.tasks import Compression


def waves(height, width, seed):
    """uint8 (3, H, W): smooth, so that a few bits can say much of it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 16
    phases, rates = rng.uniform(0, 6, 3), rng.uniform(0.3, 1.5, (3, 2))
    planes = [np.sin(a * y + b * x + p) for p, (a, b) in zip(phases, rates, strict=True)]
    return np.rint(127.5 + 127.5 * np.stack(planes)).astype(np.uint8)


class Waves(PictureDataModule):
    """Three pictures for training, one for validation, two for test."""

    def __init__(self, crop=32, crops=32, batch_size=8, seed=1):
        super().__init__(crop, crops, None, batch_size, seed)
        self.title, self.source_note = "Waves", "computed"

    def _pictures(self, fetch):
        return {
            "train": {f"train{i}": waves(50 + i, 70, i) for i in range(3)},
            "validation": {"val": waves(40, 50, 10)},
            "test": {"small": waves(33, 47, 20), "large": waves(180, 200, 21)},
        }


def task(**options):
    torch.manual_seed(0)
    network = Compressor(Float(), channels=8, planes=16)
    options = {"optimizer": lambda p: torch.optim.Adam(p, 3e-3), "title": "Waves", **options}
    return Compression(network, **options)


def trainer(folder, **options):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    quiet |= {"enable_checkpointing": False, "num_sanity_val_steps": 0, "max_epochs": 1}
    return Trainer(default_root_dir=folder, accelerator="cpu", **{**quiet, **options})
