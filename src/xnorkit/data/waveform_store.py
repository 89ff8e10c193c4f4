"""Clips → one int16 memory map and one array of words per split, built once, found ever after.

<data_dir>/stores/<name>/store.json          words, counts, fingerprint, what was odd
                         <split>.waveforms   int16 (clips, samples), C order
                         <split>.words       int64 (clips,), places in `words`
                         noise               int16, all background recordings joined
"""

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from logging import INFO, WARNING
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from xnorkit.data import bad_files
from xnorkit.data.audio_file import Decoded, Samples, UnreadableAudioError, decode, fit_length
from xnorkit.data.file_tree import FileTree, label_of, noise_names
from xnorkit.data.stored_clips import StoredClips

_FORMAT = 1  # raise it when the files above change their meaning
_CHUNK = 512  # clips decoded at a time: 16 MB of one-second clips
_THREADS = min(4, os.cpu_count() or 1)  # libsndfile decodes outside Python's lock

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WaveformStore:
    """An open store: `splits["train"]` and so on, `words`, `noise`.

    Attributes:
        words: what `StoredClips.words` counts in.
        splits: clips of each split.
        noise: int16 (n,), the background recordings one after the other.
        noise_lengths: samples of each of them.
    """

    words: tuple[str, ...]
    splits: dict[str, StoredClips]
    noise: Samples
    noise_lengths: tuple[int, ...]


@dataclass(frozen=True)
class StorePlan:
    """What shall be stored, and where.

    Attributes:
        tree: where the recordings are.
        split_of: clip → split.
        data_dir: the store lies below it.
        name: part of its folder's name, for people.
        sample_rate: Hz.
        samples: the length of every clip.
    """

    tree: FileTree
    split_of: Mapping[str, str]
    data_dir: Path
    name: str
    sample_rate: int
    samples: int

    @property
    def folder(self) -> Path:
        """The store's folder: one for each source and shape, whatever the task."""
        shape = f"{self.name}/{self.sample_rate}/{self.samples}/{_FORMAT}"
        digest = hashlib.blake2b(shape.encode(), digest_size=4).hexdigest()
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", Path(self.name).name).strip("-") or "root"
        return self.data_dir / "stores" / f"{slug}-{digest}"

    def fingerprint(self) -> str:
        """Changes with any name, size, time or split of the clips and the noise."""
        hash_ = hashlib.blake2b(digest_size=16)
        for name in [*self.split_of, *noise_names(self.tree)]:
            line = f"{name}\t{self.tree.stamps[name]}\t{self.split_of.get(name)}\n"
            hash_.update(line.encode(errors="surrogateescape"))
        return hash_.hexdigest()


@dataclass
class _Contents:
    """store.json."""

    fingerprint: str
    words: list[str]
    counts: dict[str, int] = field(default_factory=dict)
    noise_lengths: list[int] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)  # file → why it is left out
    changes: dict[str, int] = field(default_factory=dict)  # what was done → to how many files

    @property
    def files(self) -> int:
        """All that were read, the bad ones too."""
        return sum(self.counts.values()) + len(self.noise_lengths) + len(self.bad)


def open_store(plan: StorePlan, max_bad_fraction: float, quiet: bool = False) -> WaveformStore:
    """Open the store, building it first where there is none or the source has changed.

    Args:
        plan: what it holds.
        max_bad_fraction: share of the files, 0 … 1, that may be unreadable or empty.
        quiet: say nothing of odd files (another process has said it).

    Raises:
        ValueError: more bad files than that.
        OSError: `data_dir` is full.
    """
    contents = _find_or_build(plan)
    if not quiet:
        _tell(plan, contents)
    bad_files.refuse_many(plan.tree.place, contents.bad, contents.files, max_bad_fraction)
    splits = {
        split: StoredClips(plan.folder / split, count, plan.samples)
        for split, count in contents.counts.items()
    }
    noise = np.fromfile(plan.folder / "noise", dtype=np.int16)
    return WaveformStore(tuple(contents.words), splits, noise, tuple(contents.noise_lengths))


def _find_or_build(plan: StorePlan) -> _Contents:
    folder, fingerprint = plan.folder, plan.fingerprint()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            contents = _find(folder, fingerprint)
            if contents is not None:
                _log.info("waveform store found: %s", folder)
                return contents
            return _build(plan, fingerprint)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        needed = len(plan.split_of) * plan.samples * 2 / 1e9
        raise OSError(
            errno.ENOSPC,
            f"data_dir={plan.data_dir}: the disk is full: the store needs {needed:.1f} GB. Make "
            "room, or set data_dir to another disk.",
        ) from error


def _find(folder: Path, fingerprint: str) -> _Contents | None:
    try:
        contents = _Contents(**json.loads((folder / "store.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return contents if contents.fingerprint == fingerprint else None


def _build(plan: StorePlan, fingerprint: str) -> _Contents:
    """Build beside the final folder, then rename: a killed build leaves no half store."""
    building = plan.folder.with_name(plan.folder.name + ".building")
    shutil.rmtree(building, ignore_errors=True)  # of a killed builder: we hold the lock
    building.mkdir()
    begin = time.monotonic()
    try:
        contents = _write(plan, fingerprint, building)
        (building / "store.json").write_text(json.dumps(asdict(contents), indent=1))
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    shutil.rmtree(plan.folder, ignore_errors=True)  # processes that have it open keep its pages
    os.replace(building, plan.folder)
    _log.info("waveform store built in %.1f s: %s", time.monotonic() - begin, plan.folder)
    return contents


def _write(plan: StorePlan, fingerprint: str, folder: Path) -> _Contents:
    words = sorted({label_of(name) for name in plan.split_of})
    contents = _Contents(fingerprint, words)
    noise = noise_names(plan.tree)
    with _progress() as progress:
        task = progress.add_task("reading recordings", total=len(plan.split_of) + len(noise))
        for split in dict.fromkeys(plan.split_of.values()):
            names = [name for name, s in plan.split_of.items() if s == split]
            clips = _decoded(plan, _tracked(names, progress, task), contents, plan.samples)
            contents.counts[split] = _write_split(clips, words, folder / split)
        with open(folder / "noise", "wb") as file:
            for _, samples in _decoded(plan, _tracked(noise, progress, task), contents):
                file.write(samples.tobytes())
                contents.noise_lengths.append(len(samples))
    return contents


def _write_split(clips: Iterator[tuple[str, Samples]], words: list[str], path: Path) -> int:
    """Append the clips to `<path>.waveforms` and their words to `<path>.words`; how many."""
    place = {word: index for index, word in enumerate(words)}
    labels = []
    with open(f"{path}.waveforms", "wb") as file:
        for name, samples in clips:
            file.write(samples.tobytes())
            labels.append(place[label_of(name)])
    np.array(labels, dtype=np.int64).tofile(f"{path}.words")
    return len(labels)


def _decoded(
    plan: StorePlan, names: Iterable[str], contents: _Contents, length: int | None = None
) -> Iterator[tuple[str, Samples]]:
    """(name, samples) of every good file in order; the others are noted in `contents`."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for chunk in _chunks(names):
            for name, decoded in zip(chunk, pool.map(partial(_read, plan), chunk), strict=True):
                if isinstance(decoded, str):
                    contents.bad[name] = decoded
                    continue
                fitted = decoded if length is None else fit_length(decoded, length)
                for change in fitted.changes:
                    contents.changes[change] = contents.changes.get(change, 0) + 1
                yield name, fitted.samples


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(names)
    while chunk := list(islice(iterator, _CHUNK)):  # itertools.batched needs Python 3.12
        yield chunk


def _read(plan: StorePlan, name: str) -> Decoded | str:
    """The recording, or why it can't be used."""
    try:
        return decode(plan.tree.read(name), plan.sample_rate)
    except (UnreadableAudioError, OSError, BadZipFile) as error:
        return str(error)


def _tracked(names: list[str], progress: Progress, task: TaskID) -> Iterator[str]:
    for name in names:
        yield name
        progress.advance(task)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


def _tell(plan: StorePlan, contents: _Contents) -> None:
    """One line on what was changed, one on what was left out."""
    if contents.changes:
        changes = ", ".join(f"{n} {change}" for change, n in sorted(contents.changes.items()))
        # The official recordings have short clips too: padding alone is no news.
        only_padded = all(change.startswith("padded") for change in contents.changes)
        place, total = plan.tree.place, contents.files
        _log.log(INFO if only_padded else WARNING, "%s: of %d files %s", place, total, changes)
    if contents.bad:
        _log.warning(bad_files.told(plan.tree.place, contents.bad, contents.files))
