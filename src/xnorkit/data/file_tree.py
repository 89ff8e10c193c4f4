"""A folder or a zip file → the names, stamps and bytes of `<label>/<clip>` and of its lists.

A stamp changes when the file changes, so that the waveform store knows when it is out of date.
"""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

AUDIO_SUFFIXES = (".wav", ".flac", ".opus")
NOISE_FOLDER = "_background_noise_"


class FileTree(Protocol):
    """What the rest of the room asks of the place where the recordings are."""

    @property
    def place(self) -> str:
        """Where it is, for messages and for telling two trees apart."""

    @property
    def stamps(self) -> Mapping[str, str]:
        """`<label>/<clip>` and `<list>.txt`, sorted → something that changes with the file."""

    def read(self, name: str) -> bytes:
        """The bytes of one file; OSError where that fails."""


def audio_names(tree: FileTree) -> list[str]:
    """All recordings that are clips, sorted; background noise is not."""
    names = (n for n in tree.stamps if n.lower().endswith(AUDIO_SUFFIXES))
    return [n for n in names if label_of(n) not in ("", NOISE_FOLDER)]


def noise_names(tree: FileTree) -> list[str]:
    """The recordings of background noise, sorted."""
    names = (n for n in tree.stamps if n.lower().endswith(AUDIO_SUFFIXES))
    return [n for n in names if label_of(n) == NOISE_FOLDER]


def label_of(name: str) -> str:
    """The folder of a clip: "yes" for "yes/0a7c2a8d_nohash_0.wav"; "" for a file on top."""
    return name.rpartition("/")[0]


class FolderTree:
    """`root/<label>/<clip>` on disk; hidden folders and other files are left alone."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        if not self.root.is_dir():
            raise ValueError(
                f"{self.root}: there is no such folder. Set data.root (or data.test_root) to one "
                "of recordings, <label>/<clip>.wav."
            )
        self.place = str(self.root)
        self.stamps: dict[str, str] = dict(sorted(self._scan()))

    def _scan(self) -> list[tuple[str, str]]:
        found = []
        for entry in os.scandir(self.root):
            if entry.is_dir() and not entry.name.startswith("."):
                suffixes: tuple[str, ...] = AUDIO_SUFFIXES
                files = [(f"{entry.name}/{f.name}", f) for f in os.scandir(entry.path)]
            else:
                suffixes, files = (".txt",), [(entry.name, entry)]
            found += [(n, _stamp(f)) for n, f in files if n.lower().endswith(suffixes)]
        return found

    def read(self, name: str) -> bytes:
        """The bytes of `root/name`."""
        return (self.root / name).read_bytes()


def _stamp(entry: os.DirEntry[str]) -> str:
    try:
        status = entry.stat()
    except FileNotFoundError:  # a dangling link: reading it will fail and name it
        return "missing"
    return f"{status.st_size}:{status.st_mtime_ns}"


class ZipTree:
    """The same layout inside a zip file; stamps are its checksums, so a copy is the same tree."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._archive = zipfile.ZipFile(path)  # its reads may come from several threads
        self.stamps = {i.filename: f"{i.file_size}:{i.CRC}" for i in _files(self._archive)}

    def read(self, name: str) -> bytes:
        """The bytes of one member."""
        return self._archive.read(name)


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    files = [info for info in archive.infolist() if not info.is_dir()]
    return sorted(files, key=lambda info: PurePosixPath(info.filename).parts)
