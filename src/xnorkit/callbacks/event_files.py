"""What reaches TensorBoard: the writers of a trainer's loggers, and the step that they write at."""

from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger


def has_tensorboard(trainer: Trainer) -> bool:
    """Whether the trainer logs to TensorBoard; the same answer on every rank."""
    return any(isinstance(logger, TensorBoardLogger) for logger in trainer.loggers)


def writers(trainer: Trainer) -> list[Any]:
    """The open SummaryWriters: one a TensorBoardLogger on rank 0, none elsewhere."""
    if not trainer.is_global_zero:
        return []
    loggers = (log for log in trainer.loggers if isinstance(log, TensorBoardLogger))
    return [logger.experiment for logger in loggers]


def logged_step(trainer: Trainer) -> int:
    """The step at which Lightning logs now: optimiser steps done before this batch."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped
