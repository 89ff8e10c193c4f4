"""A user's own words: `<root>/<label>/*.wav` (or .flac, .opus) → loaders."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import nn

from xnorkit.data.audio_file import Samples
from xnorkit.data.file_tree import FolderTree, audio_names, label_of
from xnorkit.data.roster import Roster
from xnorkit.data.splits import (
    SPLITS,
    check_speakers,
    lists_of,
    split_by_hash,
    split_by_lists,
)
from xnorkit.data.waveform_datamodule import WaveformDataModule


class AudioFolder(WaveformDataModule):
    """Every folder of `root` is a label, with all its clips in each epoch.

    `_background_noise_` is not a label: its recordings are what augmentation mixes in. Splits come
    from `validation_list.txt` and `testing_list.txt` in `root` (a line is `yes/anna_nohash_0.wav`;
    the rest is for training); without them from the hash of the speaker, which is the part of the
    file name before `_nohash_` (the whole name where it has none).

    Args:
        root: the folder.
        data_dir: see `WaveformDataModule`, as for all that follows `testing_percentage`.
        features: see there.
        validation_percentage: share of the speakers, where there are no lists.
        testing_percentage: the same.
        batch_size: see there.
        eval_batch_size: see there.
        seed: see there.
        max_bad_fraction: see there.
        sample_rate: see there.
        samples: see there.
    """

    def __init__(
        self,
        root: str | Path,
        data_dir: str | Path,
        features: nn.Module | None = None,
        validation_percentage: float = 10,
        testing_percentage: float = 10,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        seed: int = 1,
        max_bad_fraction: float = 0.01,
        sample_rate: int = 16000,
        samples: int = 16000,
    ) -> None:
        self._tree = FolderTree(Path(root))
        labels = tuple(sorted({label_of(name) for name in audio_names(self._tree)}))
        if not labels:
            raise ValueError(
                f"data.root={self._tree.place}: no audio in it. Expected <root>/<label>/ with "
                ".wav, .flac or .opus files."
            )
        super().__init__(
            labels, data_dir, features, batch_size, eval_batch_size, seed,
            max_bad_fraction, sample_rate, samples,
        )  # fmt: skip
        self._percentages = (validation_percentage, testing_percentage)
        self.title = f"{self._tree.root.name}, {len(labels)} classes"
        self.source_note = f"folder {self._tree.place}"

    def _split_of(self) -> Mapping[str, str]:
        names = audio_names(self._tree)
        lists = lists_of(self._tree)
        if lists is None:
            return split_by_hash(names, *self._percentages)
        split_of = split_by_lists(names, *lists)
        check_speakers(split_of, self._tree.place)
        return split_of

    def _rosters(self, fetch: bool) -> tuple[dict[str, Roster], Samples]:
        store = self._store(self._tree, self._split_of(), self._tree.place, speak=fetch)
        places = np.array([self.labels.index(word) for word in store.words], dtype=np.int64)
        rosters = {}
        for split in SPLITS:
            if split in store.splits:
                stored = store.splits[split]
                rows = np.arange(len(stored))
                rosters[split] = Roster(stored, store.noise, rows, places[stored.words])
        return rosters, store.noise
