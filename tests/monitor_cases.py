"""A tiny module that keeps what a monitor should report, and plain loops over it."""

import math

import lightning as L
import torch
from lightning.pytorch.loggers.logger import Logger
from tiny_speech import trainer
from torch import nn
from torch.utils.data import DataLoader

from xnorkit.binarize.binop import XNOR_RULE
from xnorkit.callbacks.binary_monitor import BinaryMonitor
from xnorkit.callbacks.binop import BinOp
from xnorkit.nn import BinaryLinear

INPUTS, OUTPUTS = 5, 3
BINARY = "binary/network.1"


class Memory(Logger):
    """Keeps what is logged."""

    name, version = "memory", 0

    def __init__(self):
        super().__init__()
        self.rows = []

    def log_metrics(self, metrics, step=None):
        self.rows.append((step, dict(metrics)))

    def log_hyperparams(self, *args, **kwargs):
        pass

    def series(self, tag):
        return {step: row[tag] for step, row in self.rows if tag in row}


class Recording(torch.optim.SGD):
    """Keeps each weight right after each step, before anything else sees it."""

    def __init__(self, parameters, lr, recorded):
        super().__init__(parameters, lr=lr)
        self.recorded = recorded

    def step(self, closure=None):
        loss = super().step(closure)
        weight = self.param_groups[0]["params"][1]  # stem, then the binary layer
        self.recorded.append(weight.detach().clone())
        return loss


class Tiny(L.LightningModule):
    """A float stem, a binary layer, noisy targets; keeps what the monitor should report."""

    def __init__(self, rule=XNOR_RULE, lr=0.3, skip=()):
        super().__init__()
        torch.manual_seed(7)
        self.network = nn.Sequential(
            nn.Linear(INPUTS, INPUTS, bias=False),
            BinaryLinear(INPUTS, OUTPUTS, bias=False, weight_rule=rule),
        )
        self.lr, self.skip = lr, skip
        self.used, self.after, self.grad_before, self.grad_after = [], [], [], []

    @property
    def binary(self):
        return self.network[1]

    def training_step(self, batch, batch_idx):
        if batch_idx in self.skip:
            return None
        self.used.append(self.binary.weight.detach().clone())
        x, y = batch
        return (self.network(x) - y).square().sum()

    def validation_step(self, batch, batch_idx):
        pass

    def on_after_backward(self):
        self.grad_before.append(self.binary.weight.grad.clone())

    def on_before_optimizer_step(self, optimizer):
        gradient = self.binary.weight.grad  # the callbacks' hooks came before
        self.grad_after.append(None if gradient is None else gradient.clone())

    def configure_optimizers(self):
        return Recording(self.parameters(), self.lr, self.after)

    def train_dataloader(self):
        generator = torch.Generator().manual_seed(3)
        x = torch.randn(24, INPUTS, generator=generator)
        y = 3 * torch.randn(24, OUTPUTS, generator=generator)
        return DataLoader(list(zip(x, y, strict=True)), batch_size=4)

    val_dataloader = train_dataloader


def fit(folder, module, callbacks, **arguments):
    memory = Memory()
    run = trainer(folder, logger=memory, callbacks=callbacks, **{"max_epochs": 2, **arguments})
    run.fit(module)
    return memory


def negative(weight):
    return [[value < 0 for value in row] for row in weight.tolist()]


def centred_negative(weight):
    rows = []
    for row in weight.double().tolist():
        mean = sum(row) / len(row)
        rows.append([value - mean < 0 for value in row])
    return rows


def share(flags):
    flat = [flag for row in flags for flag in row]
    return sum(flat) / len(flat)


def different(one, other):
    pairs = zip(one, other, strict=True)
    return share([[a != b for a, b in zip(r, s, strict=True)] for r, s in pairs])


def norm(gradient):
    return math.sqrt(sum(g * g for row in gradient.double().tolist() for g in row))


def orders():
    return [[BinOp(), BinaryMonitor(1)], [BinaryMonitor(1), BinOp()]]
