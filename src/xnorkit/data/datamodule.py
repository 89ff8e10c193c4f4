"""The way of the data, step by step, for any set of labelled recordings: `WaveformDataModule`.

A subclass says where its recordings are and what its task makes of them (`_rosters`); stores,
loaders, sharding among processes and the waveforms for statistics and figures are here.
"""

import logging
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from xnorkit.data.audio_file import Samples
from xnorkit.data.batches import EvaluationLoader, TrainLoader
from xnorkit.data.file_tree import FileTree
from xnorkit.data.roster import Roster
from xnorkit.data.splits import SPLITS
from xnorkit.data.waveform_store import StorePlan, WaveformStore, open_store

# Unknown words and silence of validation and test are the same in every run, whatever its seed,
# or the seeds of a comparison would be measured on different clips. The official RANDOM_SEED.
FIXED_SEED = 59185
_STATISTICS_BATCH = 256

_log = logging.getLogger(__name__)


class WaveformDataModule(L.LightningDataModule):
    """Recordings on disk → loaders of int16 waveforms.

    Args:
        labels: names of the classes, in the order of the network's outputs.
        data_dir: stores and downloads lie below it; `~` is the home folder.
        features: what turns waveforms into the network's input; carried here for `cli`.
        batch_size: clips in a training batch of one process.
        eval_batch_size: the same in validation and test.
        seed: of the order and the draws of training.
        max_bad_fraction: share of the files that may be unreadable before it is an error.
        sample_rate: Hz; recordings at other rates are resampled.
        samples: length of a clip; shorter ones are padded at the end, longer ones cut.

    Attributes:
        title: the data set in a few words, for loggers and reports; final after `prepare_data`.
        source_note: where the recordings come from; final after `prepare_data`.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        data_dir: str | Path,
        features: nn.Module | None = None,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        seed: int = 1,
        max_bad_fraction: float = 0.01,
        sample_rate: int = 16000,
        samples: int = 16000,
    ) -> None:
        super().__init__()
        for name, value in {"batch_size": batch_size, "eval_batch_size": eval_batch_size}.items():
            if value < 1:
                raise ValueError(f"data.{name}={value}: it must be at least 1.")
        self.labels = labels
        self.data_dir = Path(data_dir).expanduser().absolute()
        self.features = features
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.seed = seed
        self.max_bad_fraction = max_bad_fraction
        self.sample_rate, self.samples = sample_rate, samples
        self.title, self.source_note = "", ""
        self.noise = torch.zeros(0, dtype=torch.int16)
        self._ready: dict[str, Roster] = {}
        self._told: set[str] = set()  # splits whose labels without clips have been named

    @abstractmethod
    def _rosters(self, fetch: bool) -> tuple[dict[str, Roster], Samples]:
        """The roster of each split, and the noise; sets `title` and `source_note`.

        Args:
            fetch: this process may download and speaks to the user; the others of a node find
                what it has prepared.
        """

    def prepare_data(self) -> None:
        """Find or fetch the recordings and build their store; in one process of a machine."""
        self._check_data_dir()
        self._make_ready(fetch=True)

    def setup(self, stage: str | None = None) -> None:
        """Open the store that `prepare_data` found or built."""
        self._make_ready(fetch=False)
        for split in ("test",) if stage == "test" else SPLITS:
            if not self.counts[split]:
                raise ValueError(
                    f"{self.title}: no clip is in the {split} split ({self.source_note}). Add "
                    "clips, or say in the two lists which clips it shall have."
                )
            self._tell_labels_without_clips(split)

    def _make_ready(self, fetch: bool) -> None:
        if not self._ready:
            self._ready, noise = self._rosters(fetch)
            self.noise = torch.from_numpy(noise)

    def _check_data_dir(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            writable = os.access(self.data_dir, os.W_OK)
        except OSError:
            writable = False
        if not writable:
            raise PermissionError(
                f"data_dir={self.data_dir}: it can't be written. Set data_dir to a folder for the "
                "waveform stores and downloads."
            )

    def _tell_labels_without_clips(self, split: str) -> None:
        """Name them, once a split; the others of a run find `_told` set."""
        if split in self._told:
            return
        self._told.add(split)
        present = set(self._ready[split].epoch(FIXED_SEED, 0).labels.tolist())
        absent = [label for place, label in enumerate(self.labels) if place not in present]
        if absent:
            _log.warning("%s: no clip in the %s split: %s", self.title, split, " ".join(absent))

    def _store(
        self, tree: FileTree, split_of: Mapping[str, str], name: str, speak: bool
    ) -> WaveformStore:
        plan = StorePlan(tree, split_of, self.data_dir, name, self.sample_rate, self.samples)
        return open_store(plan, self.max_bad_fraction, quiet=not speak)

    @property
    def counts(self) -> dict[str, int]:
        """Clips of each split, drawn ones included."""
        return {split: len(self._ready.get(split, ())) for split in SPLITS}

    def statistics_waveforms(self, limit: int = 4096) -> Iterator[Tensor]:
        """int16 (n, samples): up to `limit` training clips, the same in every run."""
        roster = self._ready["train"]
        epoch = roster.epoch(FIXED_SEED, 0)
        order = np.random.default_rng(FIXED_SEED).permutation(len(roster))[:limit]
        for begin in range(0, len(order), _STATISTICS_BATCH):
            yield torch.from_numpy(epoch.waveforms(order[begin : begin + _STATISTICS_BATCH]))

    def example_waveforms(self) -> dict[str, Tensor]:
        """Label → int16 (samples,), one training clip of each class that has any."""
        epoch = self._ready["train"].epoch(FIXED_SEED, 0)
        places, firsts = np.unique(epoch.labels, return_index=True)
        waveforms = torch.from_numpy(epoch.waveforms(firsts))
        return {self.labels[p]: w for p, w in zip(places, waveforms, strict=True)}

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
        roster = self._ready[split]
        return EvaluationLoader(
            roster, self.eval_batch_size, self.seed, FIXED_SEED, rank, world_size
        )
