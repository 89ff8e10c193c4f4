"""The way of recordings, step by step, for any set of labelled ones: `WaveformDataModule`.

A subclass says where its recordings are and what its task makes of them (`_rosters`); stores and
the waveforms for statistics and figures are here.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xnorkit.data.audio_file import Samples
from xnorkit.data.datamodule import FIXED_SEED, DataModule, require_writable
from xnorkit.data.file_tree import FileTree
from xnorkit.data.roster import Roster
from xnorkit.data.waveform_store import StorePlan, WaveformStore, open_store

_STATISTICS_BATCH = 256


class WaveformDataModule(DataModule):
    """Recordings on disk → loaders of int16 waveforms.

    Args:
        labels: names of the classes, in the order of the network's outputs.
        data_dir: stores and downloads lie below it; `~` is the home folder.
        features: see `DataModule`; so are the next three.
        batch_size: see there.
        eval_batch_size: see there.
        seed: see there.
        max_bad_fraction: share of the files that may be unreadable before it is an error.
        sample_rate: Hz; recordings at other rates are resampled.
        samples: length of a clip; shorter ones are padded at the end, longer ones cut.
    """

    sample = "clip"
    if_empty = "Add clips, or say in the two lists which clips it shall have."
    _ready: dict[str, Roster]

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
        super().__init__(labels, features, batch_size, eval_batch_size, seed)
        self.data_dir = Path(data_dir).expanduser().absolute()
        self.max_bad_fraction = max_bad_fraction
        self.sample_rate, self.samples = sample_rate, samples
        self.noise = torch.zeros(0, dtype=torch.int16)

    @abstractmethod
    def _rosters(self, fetch: bool) -> tuple[dict[str, Roster], Samples]:
        """The roster of each split, and the noise; see `DataModule._splits`."""

    def prepare_data(self) -> None:
        """Find or fetch the recordings and build their store; in one process of a machine."""
        require_writable(self.data_dir)
        super().prepare_data()

    def _splits(self, fetch: bool) -> dict[str, Roster]:
        rosters, noise = self._rosters(fetch)
        self.noise = torch.from_numpy(noise)
        return rosters

    def _store(
        self, tree: FileTree, split_of: Mapping[str, str], name: str, speak: bool
    ) -> WaveformStore:
        plan = StorePlan(tree, split_of, self.data_dir, name, self.sample_rate, self.samples)
        return open_store(plan, self.max_bad_fraction, quiet=not speak)

    def fit_features(self) -> None:
        """Statistics of training clips and the background noise."""
        features: Any = self.features  # this room knows no features
        features.fit_statistics(self.statistics_waveforms())
        features.set_noise(self.noise)

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
