"""A speech task small enough for a test: clips of 0.1 s, tones of three pitches, a small MLP."""

from functools import partial

import lightning as L
import torch
from torch.utils.data import DataLoader

from xnorkit.features import Frontend, LogMel
from xnorkit.networks import MLP
from xnorkit.schemes import XNOR
from xnorkit.tasks import Classification

LABELS = ("low", "middle", "high")
SAMPLES = 1600


def clips(count):
    """int16 (count, SAMPLES): tone i has pitch i modulo 3, loudness by i."""
    time = torch.arange(SAMPLES) / 16000
    pitch = 300.0 * 3 ** (torch.arange(count) % len(LABELS))
    loudness = torch.linspace(2000, 20000, count)
    return (loudness[:, None] * torch.sin(6.283 * pitch[:, None] * time)).to(torch.int16)


class Tones(L.LightningDataModule):
    """24 training clips, 12 for validation and test each."""

    labels = LABELS
    title = "Tones (embedded subset), 3 classes"
    source_note = "embedded subset"

    def __init__(self, batch_size=8):
        super().__init__()
        self.batch_size = batch_size

    def _loader(self, count):
        rows = [
            {"waveform": w, "label": torch.tensor(i % len(LABELS)), "key": torch.tensor(i)}
            for i, w in enumerate(clips(count))
        ]
        return DataLoader(rows, batch_size=self.batch_size)

    def example_waveforms(self):
        return dict(zip(LABELS, clips(len(LABELS)), strict=True))

    def train_dataloader(self):
        return self._loader(24)

    def val_dataloader(self):
        return self._loader(12)

    def test_dataloader(self):
        return self._loader(12)


def task(scheme=None, widths=(16, 12, 8), lr=0.05):
    """A Classification of `Tones` with len(widths) − 1 binary layers, statistics fitted."""
    torch.manual_seed(0)
    frontend = Frontend(LogMel(samples=SAMPLES, n_mels=8))
    frontend.fit_statistics([clips(24)])
    network = MLP(scheme or XNOR(), frontend.output_shape, len(LABELS), widths=widths)
    return Classification(
        network,
        frontend,
        LABELS,
        optimizer=partial(torch.optim.SGD, lr=lr),
        title=Tones.title,
    )


def trainer(folder, **arguments):
    """A silent CPU trainer that logs nothing unless told to."""
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "num_sanity_val_steps": 0,
    }
    return L.Trainer(
        default_root_dir=folder, accelerator="cpu", **{"max_epochs": 1, **quiet, **arguments}
    )
