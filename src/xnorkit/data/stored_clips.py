"""One split of a waveform store: int16 (clips, samples) on disk, gathered row by row."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xnorkit.data.audio_file import Samples

# Pages that were read count as this process's memory until they are handed back, and with them
# neighbours that Linux maps along: about twice as much. That is far below the 2 GB that training
# may take, and after 4096 one-second clips rare enough to cost nothing.
_RESIDENT_BYTES = 2**27


class StoredClips:
    """A memory map that opens when first used and does not travel in a pickle.

    Attributes:
        words: int64 (clips,), each clip's place in the store's list of words.
    """

    def __init__(self, path: Path, count: int, samples: int) -> None:
        self.path = path
        self.count = count
        self.samples = samples
        self.words = np.fromfile(f"{path}.words", dtype=np.int64)
        self._map: np.memmap[Any, np.dtype[np.int16]] | None = None
        self._read_bytes = 0

    def __len__(self) -> int:
        return self.count

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_map": None}  # numpy would pickle the whole file's contents

    def gather(self, rows: npt.NDArray[np.int64]) -> Samples:
        """A copy of these rows, int16 (len(rows), samples)."""
        if not len(rows):
            return np.zeros((0, self.samples), np.int16)
        if self._map is None:
            shape = (self.count, self.samples)
            self._map = np.memmap(f"{self.path}.waveforms", np.int16, mode="r", shape=shape)
        waveforms: Samples = self._map[rows]
        self._hand_back(waveforms.nbytes)
        return np.asarray(waveforms)

    def _hand_back(self, read_bytes: int) -> None:
        self._read_bytes += read_bytes
        if self._read_bytes > _RESIDENT_BYTES and hasattr(mmap, "MADV_DONTNEED"):
            self._map._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[union-attr]  # numpy does not declare _mmap
            self._read_bytes = 0
