"""Labelled samples → loaders, for any kind of sample: `DataModule`.

What recordings and images share is here: splits that are found or fetched once, labels, loaders and
their sharding among processes. `waveform_datamodule.py` and `images/datamodule.py` say what a
sample is; a data set says where its samples are.
"""

import logging
import os
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
from torch import nn

from xnorkit.data.batches import EvaluationLoader, Split, TrainLoader
from xnorkit.data.splits import SPLITS

# What validation and test draw is the same in every run, whatever its seed, or the seeds of a
# comparison would be measured on different samples. The official RANDOM_SEED of Speech Commands.
FIXED_SEED = 59185

_log = logging.getLogger(__name__)


class DataModule(L.LightningDataModule):
    """Samples on disk → loaders.

    Args:
        labels: names of the classes, in the order of the network's outputs.
        features: what turns samples into the network's input; carried here for `cli`.
        batch_size: samples in a training batch of one process.
        eval_batch_size: the same in validation and test.
        seed: of the order and the draws of training.

    Attributes:
        sample: what one is called in messages.
        if_empty: what to do about a split without samples, a sentence.
        title: the data set in a few words, for loggers and reports; final after `prepare_data`.
        source_note: where the samples come from; final after `prepare_data`.
    """

    sample = "sample"
    if_empty = "Add some."

    def __init__(
        self,
        labels: tuple[str, ...],
        features: nn.Module | None = None,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        seed: int = 1,
    ) -> None:
        super().__init__()
        for name, value in {"batch_size": batch_size, "eval_batch_size": eval_batch_size}.items():
            if value < 1:
                raise ValueError(f"data.{name}={value}: it must be at least 1.")
        self.labels = labels
        self.features = features
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.seed = seed
        self.title, self.source_note = "", ""
        self._ready: Mapping[str, Split] = {}
        self._told: set[str] = set()  # splits whose labels without samples have been named

    @abstractmethod
    def _splits(self, fetch: bool) -> Mapping[str, Split]:
        """The samples of each split; sets `title` and `source_note`.

        Args:
            fetch: this process may download and speaks to the user; the others of a node find
                what it has prepared.
        """

    @abstractmethod
    def fit_features(self) -> None:
        """Give `features` what it needs of the training split: its statistics."""

    def prepare_data(self) -> None:
        """Find or fetch the samples; in one process of a machine."""
        self._make_ready(fetch=True)

    def setup(self, stage: str | None = None) -> None:
        """Open what `prepare_data` found or built."""
        self._make_ready(fetch=False)
        for split in ("test",) if stage == "test" else SPLITS:
            if not self.counts[split]:
                raise ValueError(
                    f"{self.title}: no {self.sample} is in the {split} split ({self.source_note}). "
                    f"{self.if_empty}"
                )
            self._tell_labels_without_samples(split)

    def _make_ready(self, fetch: bool) -> None:
        if not self._ready:
            self._ready = self._splits(fetch)

    def _tell_labels_without_samples(self, split: str) -> None:
        """Name them, once a split; the others of a run find `_told` set."""
        if split in self._told:
            return
        self._told.add(split)
        present = set(self._ready[split].epoch(FIXED_SEED, 0).labels.tolist())
        absent = [label for place, label in enumerate(self.labels) if place not in present]
        if absent:
            text = "%s: no %s in the %s split: %s"
            _log.warning(text, self.title, self.sample, split, " ".join(absent))

    @property
    def counts(self) -> dict[str, int]:
        """Samples of each split, drawn ones included."""
        return {split: len(self._ready.get(split, ())) for split in SPLITS}

    def _shard(self) -> tuple[int, int]:
        """Rank and number of processes."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    def train_dataloader(self) -> TrainLoader:
        """Drawn and shuffled anew each epoch; this rank's part."""
        return TrainLoader(self._ready["train"], self.batch_size, self.seed, *self._shard())

    def val_dataloader(self) -> EvaluationLoader:
        """The validation split; this rank's part."""
        return self._evaluation("validation", *self._shard())

    def test_dataloader(self) -> EvaluationLoader:
        """The whole test split, whatever the number of processes."""
        return self._evaluation("test", 0, 1)

    def _evaluation(self, split: str, rank: int, world_size: int) -> EvaluationLoader:
        samples: Any = self._ready[split]
        return EvaluationLoader(
            samples, self.eval_batch_size, self.seed, FIXED_SEED, rank, world_size
        )


def require_writable(data_dir: Path) -> None:
    """Make the folder of downloads and stores; PermissionError where it can't be written."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        writable = os.access(data_dir, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise PermissionError(
            f"data_dir={data_dir}: it can't be written. Set data_dir to a folder for downloads "
            "and stores."
        )
