"""What a task, the deploy step and `cli` ask of the features of any kind of sample."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from xnorkit.features.standardise import Standardise


class Features(nn.Module):
    """Samples (N, …) → the network's input, standardised, in float32 whatever the precision.

    `forward(samples, key)`: without a key, or in eval mode, nothing is random and a sample's
    features are its own. In training, with a key for each sample, it augments from these keys.

    Attributes:
        takes: the samples' name in a batch.
        standardise: the last step, whose statistics travel with the model.
    """

    takes: str
    standardise: Standardise

    @property
    @abstractmethod
    def output_shape(self) -> tuple[int, int, int]:
        """Of one sample."""

    @abstractmethod
    def parameters_dict(self) -> dict[str, int | float | str]:
        """Plain numbers and words that say how the features are computed."""

    @staticmethod
    def _refuse_key(key: Tensor, samples: int) -> None:
        if key.dtype != torch.int64 or key.shape != (samples,):
            raise ValueError(
                f"keys of shape {tuple(key.shape)}, {key.dtype}: expected is ({samples},), "
                "torch.int64: one from xnorkit.draws.key for each sample."
            )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Devices change, dtypes do not: `.half()` and precision=16-true leave float32 in place."""
        apply: Any = super()._apply
        moved: Self = apply(lambda tensor: keep_dtype(fn, tensor), recurse)
        return moved


def name_in_batch(frontend: nn.Module) -> str:
    """Under which a batch has what this module takes; a module that says nothing hears."""
    return str(getattr(frontend, "takes", "waveform"))


def keep_dtype(fn: Callable[[Tensor], Tensor], tensor: Tensor) -> Tensor:
    """`fn(tensor)` where that keeps the dtype, else the tensor on the device of it."""
    moved = fn(tensor)
    return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)
