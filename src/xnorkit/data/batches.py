"""A split → batches {its input, "label", "key"}, for one rank, resumable between any two of them.

A whole batch is gathered from the memory map at once (1 MB for 32 clips), so there are no workers.
"""

import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xnorkit import draws

Batch = dict[str, Tensor]
Places = npt.NDArray[np.int64]


class Epoch(Protocol):
    """One epoch of a split."""

    @property
    def labels(self) -> Places:
        """int64 (n,), the class of each place."""

    def inputs(self, places: Places) -> Batch:
        """What stands at these places, under its name: "waveform" or "image", (len(places), …)."""


class Split(Protocol):
    """What an epoch is drawn from; every epoch has the same length."""

    def __len__(self) -> int:
        """Places of an epoch."""

    def epoch(self, seed: int, epoch: int) -> Epoch:
        """The epoch of these two counters."""


class _Loader:
    """What both loaders share: the batch of some places of an epoch."""

    def __init__(self, split: Split, batch_size: int, seed: int) -> None:
        self.split = split
        self.batch_size = batch_size
        self.seed = seed

    def _batch(self, epoch: Epoch, number: int, places: Places) -> Batch:
        """The input (n, …), label int64 (n,), key int64 (n,)."""
        return {
            **epoch.inputs(places),
            "label": torch.from_numpy(epoch.labels[places]),
            "key": draws.key(self.seed, number, torch.from_numpy(places), "sample"),
        }


class TrainLoader(_Loader):
    """Full batches in an order drawn anew each epoch; every rank takes its part of each.

    Lightning's Stateful protocol: `state_dict` after a batch, `load_state_dict` in another process,
    and the next iteration begins with the batch that would have come. Without that, every
    iteration is a new epoch, whether the one before was used up or not.

    Attributes:
        sampler: the loader itself, because Lightning tells the epoch to `loader.sampler`.
    """

    def __init__(
        self, split: Split, batch_size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        super().__init__(split, batch_size, seed)
        self.rank, self.world_size = rank, world_size
        self._epoch, self._done = 0, 0  # the epoch begun last, and how many batches it has given
        self._resuming = False
        self._told: int | None = None  # the next epoch, from set_epoch
        self.sampler = self
        if not len(self):
            processes = f" in each of {world_size} processes" if world_size > 1 else ""
            raise ValueError(
                f"data.batch_size={batch_size}{processes} is more than the {len(split)} training "
                "samples, and the last, smaller batch is dropped. Set it lower."
            )

    def __len__(self) -> int:
        return len(self.split) // (self.batch_size * self.world_size)

    def __iter__(self) -> Iterator[Batch]:
        # Nothing changes before the first batch is asked for: Lightning calls iter() to try it.
        first = self._begin()
        number = self._epoch
        epoch = self.split.epoch(self.seed, number)
        order = draws.permutation(self.seed, number, len(self.split), "order").numpy()
        for place in range(first, len(self)):
            self._done = place + 1
            begin = (place * self.world_size + self.rank) * self.batch_size
            yield self._batch(epoch, number, order[begin : begin + self.batch_size])

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is of this epoch, or goes on in it if a state of it was loaded."""
        self._told = epoch

    def _begin(self) -> int:
        """The first batch of this iteration, in the next epoch where one was begun before."""
        goes_on = self._resuming and self._done < len(self) and self._told in (None, self._epoch)
        if not goes_on:
            following = self._epoch + (self._done > 0)
            self._epoch, self._done = following if self._told is None else self._told, 0
        self._resuming, self._told = False, None
        return self._done

    def state_dict(self) -> dict[str, Any]:
        """Where the next batch comes from; `batches` tells whether it can."""
        return {"epoch": self._epoch, "batch": self._done, "batches": len(self), "seed": self.seed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on behind the batch after which `state_dict` was asked for.

        Raises:
            ValueError: the data, the batch size, the number of processes or the seed differ.
        """
        own = {"batches": len(self), "seed": self.seed}
        for name, value in own.items():
            if state_dict[name] != value:
                raise ValueError(
                    f"the checkpoint's training data had {name}={state_dict[name]}, this run's "
                    f"have {name}={value}: resume with the same data, batch size, seed and "
                    "number of processes."
                )
        self._epoch, self._done = state_dict["epoch"], state_dict["batch"]
        self._resuming = True


class EvaluationLoader(_Loader):
    """All samples in a fixed order, the last batch smaller; the draw is epoch 0 of `draw_seed`.

    With several ranks, each takes every so many-th sample; those that have one less repeat the
    first ones, so that all have equally many batches, as torch's DistributedSampler does it.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        draw_seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__(split, batch_size, seed)
        self.epoch = split.epoch(draw_seed, 0)
        share = math.ceil(len(split) / world_size)
        self.places = np.arange(rank, share * world_size, world_size) % len(split)

    def __len__(self) -> int:
        return math.ceil(len(self.places) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for begin in range(0, len(self.places), self.batch_size):
            yield self._batch(self.epoch, 0, self.places[begin : begin + self.batch_size])
