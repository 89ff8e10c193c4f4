"""Learning-rate schedules over all steps of a training, as factors of the optimiser's own rate."""

import math
from collections.abc import Callable, Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def cosine(
    optimizer: Optimizer, total_steps: int, warmup: float = 0.0, final: float = 0.0
) -> LambdaLR:
    """Linear warm-up, then half a cosine from 1 down to `final`.

    Args:
        optimizer: its learning rate is the factor 1.
        total_steps: optimiser steps of the whole training.
        warmup: share of the steps in which the factor rises, in [0, 1).
        final: factor at the end, in [0, 1].

    Raises:
        ValueError: a share out of range or a training without an end.
    """
    if not 0 <= final <= 1:
        raise ValueError(f"scheduler.final={final}: choose a factor in [0, 1].")

    def shape(progress: float) -> float:
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    return _after_warmup(optimizer, total_steps, warmup, shape)


def step(
    optimizer: Optimizer,
    total_steps: int,
    milestones: Sequence[float] = (),
    gamma: float = 0.1,
    warmup: float = 0.0,
) -> LambdaLR:
    """Linear warm-up, then a factor that is multiplied by `gamma` at each milestone.

    Args:
        optimizer: its learning rate is the factor 1.
        total_steps: optimiser steps of the whole training.
        milestones: shares of all steps after the warm-up, in [0, 1].
        gamma: in (0, 1].
        warmup: share of the steps in which the factor rises, in [0, 1).

    Raises:
        ValueError: a share out of range or a training without an end.
    """
    wrong = [m for m in milestones if not 0 <= m <= 1]
    if wrong:
        raise ValueError(f"scheduler.milestones={wrong}: shares of all steps lie in [0, 1].")
    if not 0 < gamma <= 1:
        raise ValueError(f"scheduler.gamma={gamma}: choose a factor in (0, 1].")

    def shape(progress: float) -> float:
        return float(gamma ** sum(progress >= m for m in milestones))

    return _after_warmup(optimizer, total_steps, warmup, shape)


def _after_warmup(
    optimizer: Optimizer, total_steps: int, warmup: float, shape: Callable[[float], float]
) -> LambdaLR:
    if not 0 <= warmup < 1:
        raise ValueError(f"scheduler.warmup={warmup}: choose a share of all steps in [0, 1).")
    if total_steps < 1:
        raise ValueError(
            f"{max(total_steps, 0)} steps: a schedule needs an end and steps up to it. Set "
            "trainer.max_epochs or trainer.max_steps above 0, and trainer.limit_train_batches."
        )
    rising = round(warmup * total_steps)

    def factor(index: int) -> float:
        if index < rising:
            return (index + 1) / (rising + 1)  # never 0: the first step is not lost
        return shape(min(1.0, (index - rising) / max(1, total_steps - rising)))

    return LambdaLR(optimizer, factor)
