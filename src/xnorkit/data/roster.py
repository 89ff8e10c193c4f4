"""A stored split and a task → which clip stands at each place of an epoch, and its label.

Words of the task are in every epoch. `_unknown_` (clips of other words) and `_silence_` (cuts of
background noise) are drawn by the official protocol: each a tenth of the task's words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xnorkit import draws
from xnorkit.data.audio_file import Samples, to_int16
from xnorkit.data.batches import Places
from xnorkit.data.stored_clips import StoredClips

Levels = npt.NDArray[np.float64]
EXTRA_FRACTION = 0.1  # of the task's words, for _unknown_ and for _silence_: the official 10 %


@dataclass(frozen=True)
class Drawn:
    """What stands at n places: a stored clip (row ≥ 0), or a cut of noise (row −1).

    Attributes:
        rows: int64 (n,).
        starts: int64 (n,), where a cut begins.
        gains: float64 (n,), its loudness.
    """

    rows: Places
    starts: Places
    gains: Levels


def clips(rows: Places) -> Drawn:
    """Places that hold stored clips only."""
    return Drawn(rows, np.zeros(len(rows), np.int64), np.zeros(len(rows)))


class Extra(Protocol):
    """A class whose clips are drawn anew each epoch."""

    @property
    def label(self) -> int:
        """Its place among the labels."""

    @property
    def count(self) -> int:
        """Places it has in every epoch."""

    def draw(self, seed: int, epoch: int) -> Drawn:
        """`count` places."""


@dataclass(frozen=True)
class Unknown:
    """A different choice of `count` rows of `pool` each epoch, none twice."""

    label: int
    count: int
    pool: Places

    def draw(self, seed: int, epoch: int) -> Drawn:
        """`count` rows of the pool, in random order."""
        order = draws.permutation(seed, epoch, len(self.pool), "unknown").numpy()
        return clips(self.pool[order[: self.count]])


@dataclass(frozen=True)
class Silence:
    """Cuts of background noise at random loudness; half of the places hold `ready` clips if any.

    The loudness is uniform in 0 … 1, as in the official protocol. Where there are ready clips, it
    is that of a ready clip instead: noise recordings that were made quieter (those that ship with
    xnorkit are up to 80 times) would else teach a silence that no test clip has.

    Attributes:
        label: place among the labels.
        count: places in every epoch.
        noise: int16, the recordings joined.
        noise_lengths: samples of each recording; those shorter than a clip are not used.
        ready: rows of the split.
        ready_levels: float64, the root mean square of each of these.
        samples: length of a clip.
    """

    label: int
    count: int
    noise: Samples
    noise_lengths: tuple[int, ...]
    ready: Places
    ready_levels: Levels
    samples: int

    def draw(self, seed: int, epoch: int) -> Drawn:
        """`count` places: ready clips and cuts."""
        keys = draws.key(seed, epoch, torch.arange(self.count, dtype=torch.int64), "silence")
        coin, which, recording, offset, loudness = draws.uniform(keys, "silence", 5).numpy().T
        if not has_cuts(self.noise_lengths, self.samples):
            return clips(self.ready[_pick(which, len(self.ready))])
        starts = self._starts(recording, offset)
        if not len(self.ready):
            return Drawn(np.full(self.count, -1), starts, loudness)
        chosen = _pick(which, len(self.ready))
        rows = np.where(coin < 0.5, self.ready[chosen], -1)
        return Drawn(rows, starts, self._gains(starts, self.ready_levels[chosen]))

    def _starts(self, recording: Levels, offset: Levels) -> Places:
        """Where cuts begin in the joined noise, none across two recordings; arguments in [0, 1)."""
        lengths = np.array(self.noise_lengths)
        begins = np.cumsum(lengths) - lengths
        usable = np.flatnonzero(lengths >= self.samples)
        chosen = usable[_pick(recording, len(usable))]
        room = lengths[chosen] - self.samples + 1
        starts: Places = begins[chosen] + np.floor(offset * room).astype(np.int64)
        return starts

    def _gains(self, starts: Places, levels: Levels) -> Levels:
        """What brings each cut to its level, or to full scale where that is lower."""
        cuts = cut(self.noise, starts, self.samples)
        peaks = np.maximum(np.abs(cuts).max(axis=1), 1)
        gains: Levels = np.minimum(levels / np.maximum(level(cuts), 1), 32767 / peaks)
        return gains


def has_cuts(noise_lengths: tuple[int, ...], samples: int) -> bool:
    """Whether any recording is long enough to cut a clip from it."""
    return max(noise_lengths, default=0) >= samples


def cut(noise: Samples, starts: Places, samples: int) -> npt.NDArray[np.float32]:
    """float32 (len(starts), samples) of the noise from each start on."""
    return np.asarray(noise[starts[:, None] + np.arange(samples)], dtype=np.float32)


def level(waveforms: npt.NDArray[np.generic]) -> Levels:
    """Root mean square of each row."""
    return np.asarray(np.sqrt(np.square(waveforms, dtype=np.float64).mean(axis=1)))


def _pick(uniform: Levels, count: int) -> Places:
    """Numbers in [0, 1) → places in 0 … count−1."""
    return np.asarray(np.floor(uniform * count), dtype=np.int64)


@dataclass(frozen=True)
class Epoch:
    """One epoch of a roster: label and sound of each of its places."""

    clips: StoredClips
    noise: Samples
    drawn: Drawn
    labels: Places

    def inputs(self, places: Places) -> dict[str, Tensor]:
        """Waveforms as a batch has them: int16 (len(places), samples)."""
        return {"waveform": torch.from_numpy(self.waveforms(places))}

    def waveforms(self, places: Places) -> Samples:
        """int16 (len(places), samples)."""
        rows = self.drawn.rows[places]
        stored = rows >= 0
        if stored.all():
            return self.clips.gather(rows)
        result = np.empty((len(places), self.clips.samples), np.int16)
        result[stored] = self.clips.gather(rows[stored])
        cuts = cut(self.noise, self.drawn.starts[places][~stored], self.clips.samples)
        result[~stored] = to_int16(cuts * self.drawn.gains[places][~stored, None])
        return result


class Roster:
    """All that an epoch of one split is drawn from; every epoch has the same length."""

    def __init__(
        self,
        stored: StoredClips,
        noise: Samples,
        rows: Places,
        labels: Places,
        extras: Sequence[Extra] = (),
    ) -> None:
        self.stored, self.noise = stored, noise
        self.rows, self.labels = rows, labels
        self.extras = tuple(extras)

    def __len__(self) -> int:
        return len(self.rows) + sum(extra.count for extra in self.extras)

    def epoch(self, seed: int, epoch: int) -> Epoch:
        """The epoch of these two counters, in the roster's own order: words, then extras."""
        parts = [clips(self.rows), *(extra.draw(seed, epoch) for extra in self.extras)]
        labels = [self.labels, *(np.full(extra.count, extra.label) for extra in self.extras)]
        drawn = Drawn(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.starts for part in parts]),
            np.concatenate([part.gains for part in parts]),
        )
        return Epoch(self.stored, self.noise, drawn, np.concatenate(labels))


def extra_count(words: int) -> int:
    """Places of `_unknown_`, and of `_silence_`, beside so many clips of the task's words."""
    return math.ceil(words * EXTRA_FRACTION)
