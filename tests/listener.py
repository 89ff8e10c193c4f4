"""A module of its own, so that processes started by ddp_spawn can import it."""

import torch
from lightning.pytorch import LightningModule
from torch import nn


class Listener(LightningModule):
    """Writes what every rank sees to `folder`."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.weight = folder, nn.Parameter(torch.zeros(1))

    def note(self, kind, batch):
        with open(self.folder / f"{kind}{self.global_rank}", "a") as file:
            file.write("".join(f"{v}\n" for v in batch["waveform"][:, 0].tolist()))

    def training_step(self, batch, index):
        self.note(f"train{self.current_epoch}_", batch)
        return self.weight.square().sum()

    def validation_step(self, batch, index):
        self.note("val", batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)
