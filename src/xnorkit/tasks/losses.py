"""Logits and labels → the loss that is trained."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor


def square_hinge(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over samples and classes of max(0, 1 − t·logit)², t = +1 for the label, else −1.

    Args:
        logits: (N, classes).
        labels: int64 (N,).

    Returns:
        A scalar.

    Source: Tang 2013 (L2-SVM); what the authors of BinaryConnect and BinaryNet train with.
    """
    targets = 2 * F.one_hot(labels, logits.shape[1]).to(logits.dtype) - 1
    return F.relu(1 - targets * logits).square().mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": F.cross_entropy,
    "square_hinge": square_hinge,
}


def training_loss(name: str, label_smoothing: float) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss of `LOSSES`, with label smoothing where it has it; a spawned process can be sent it.

    Raises:
        ValueError: an unknown name, smoothing out of [0, 1), or of a hinge.
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"task.label_smoothing={label_smoothing}: choose a number in [0, 1).")
    if name not in LOSSES:
        raise ValueError(f"task.loss={name}: choose {' or '.join(LOSSES)}.")
    if name != "cross_entropy" and label_smoothing:
        raise ValueError(
            f"task.label_smoothing={label_smoothing} with task.loss={name}: only cross-entropy's "
            "labels are smoothed. Set recipe.label_smoothing=0."
        )
    if label_smoothing:
        return partial(F.cross_entropy, label_smoothing=label_smoothing)
    return LOSSES[name]
