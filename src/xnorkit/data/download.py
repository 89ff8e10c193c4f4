"""A URL → a verified file, or an unpacked archive: resumed, checked, atomic, never half there.

Only the standard library and rich. What was fetched stays in `<file>.part` until it is complete,
so the next attempt, or the next run, asks for the rest only.
"""

import errno
import hashlib
import http
import http.client
import logging
import os
import re
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

_BLOCK = 2**20
_TIMEOUT_S = 20.0  # without a byte: mobile networks pause for several seconds
_ATTEMPTS = 5  # in a row without a new byte
_PAUSE_S = 1.0  # before the second attempt; doubles

_log = logging.getLogger(__name__)
_console = Console(stderr=True)


class UnreachableError(OSError):
    """No byte could be fetched: no network, no such host, or a server that refuses."""


class _TooSmallError(OSError):
    """The disk has not enough room, seen before anything was written."""


@dataclass(frozen=True)
class Archive:
    """A published .tar.gz.

    Attributes:
        url: where it is.
        size: bytes, as published.
        sha256: of the whole file.
        unpacked_size: bytes on disk, roughly; to see beforehand whether they fit.
    """

    url: str
    size: int
    sha256: str
    unpacked_size: int

    @property
    def file(self) -> str:
        """Its file name."""
        return self.url.rpartition("/")[2]


def fetch_archive(archive: Archive, folder: Path) -> Path:
    """Download and unpack to `folder`, which is there afterwards, or as before; returns it.

    Raises:
        UnreachableError: not a byte could be fetched.
        OSError: the disk is full, or the connection breaks again and again.
        ValueError: the file is not what was published.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            file = folder.parent / archive.file
            download(archive.url, file, archive.size, archive.sha256, archive.unpacked_size)
            unpack(file, folder)
            file.unlink()  # its contents are in the folder; 2.4 GB for v0.02
    return folder


def download(url: str, file: Path, size: int, sha256: str, spare: int = 0) -> Path:
    """Fetch `url` into `file`, going on where an earlier attempt ended; see `fetch_archive`.

    Args:
        url: where it is.
        file: where it shall be.
        size: bytes, as published.
        sha256: of the whole file.
        spare: bytes that must be left on the disk afterwards.
    """
    if file.exists():
        return file
    part = file.with_name(file.name + ".part")
    _console.print(f"Downloading {url} ({_readable(size)}) to {file.parent}", highlight=False)
    with _disk_full(file), _progress() as progress:
        task = progress.add_task(file.name, total=size)
        _fetch_all(_Transfer(url, part, size + spare, progress, task))
    _verify(part, size, sha256, url)
    os.replace(part, file)
    return file


@dataclass(frozen=True)
class _Transfer:
    """What one download needs at every attempt; `room`: bytes for the file and what follows."""

    url: str
    part: Path
    room: int
    progress: Progress
    task: TaskID


def _fetch_all(transfer: _Transfer) -> None:
    """Attempt after attempt until all is there; ever longer pauses while nothing comes."""
    url, part = transfer.url, transfer.part
    failures, got_any = 0, False
    while True:
        before = _length(part)
        why = _attempt(transfer)
        if why is None:
            return
        got_more = _length(part) != before
        got_any |= got_more
        failures = 0 if got_more else failures + 1
        if not got_any:
            raise UnreachableError(f"{url} can't be reached: {_reason(why)}") from why
        if failures == _ATTEMPTS:
            raise ConnectionError(
                f"{url}: {_reason(why)}, after {_length(part)} bytes. They are kept in {part}: "
                "run the same command again to go on."
            ) from why
        _log.info("%s: %s; going on after %d bytes", url, _reason(why), _length(part))
        time.sleep(_PAUSE_S * 2**failures)


def _attempt(transfer: _Transfer) -> Exception | None:
    """What went wrong with one request; None when the file is complete."""
    try:
        complete = _fetch(transfer)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        return error
    return None if complete else ConnectionError("the connection ended early")


def _fetch(transfer: _Transfer) -> bool:
    """One request for what is missing, appended to `part`; whether the file is complete then."""
    part, have = transfer.part, _length(transfer.part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(transfer.url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return True  # nothing is missing, or `part` is too long: the checksum will tell
        raise
    with response:
        # Only now: without a network the size of the disk does not matter.
        _check_room(transfer, have)
        begin = _first_byte(response)
        if begin not in (0, have):
            raise ConnectionError(f"the server sent bytes from {begin} on, not from {have}")
        with open(part, "r+b" if begin else "wb") as out:
            out.seek(begin)
            transfer.progress.update(transfer.task, completed=begin)
            _copy(response, out, transfer)
        length = response.headers.get("Content-Length")
        return length is None or _length(part) == begin + int(length)


def _check_room(transfer: _Transfer, have: int) -> None:
    needed, folder = transfer.room - have, transfer.part.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise _TooSmallError(
            errno.ENOSPC,
            f"{transfer.url} needs {_readable(needed)} in {folder}, which has {_readable(free)} "
            "left. Set data_dir to another disk, data.root to a copy, or data.source=embedded.",
        )


def _first_byte(response: http.client.HTTPResponse) -> int:
    """Where the answer begins in the file: a server may ignore Range and send all."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match.group(1)) if match else -1


def _copy(source: BinaryIO, out: BinaryIO, transfer: _Transfer) -> None:
    while block := source.read(_BLOCK):
        out.write(block)
        transfer.progress.advance(transfer.task, len(block))


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _verify(part: Path, size: int, sha256: str, url: str) -> None:
    """ValueError, and `part` removed, unless it is what was published."""
    with open(part, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        length = _length(part)
        part.unlink()
        raise ValueError(
            f"{url} gave {length} bytes with sha256 {found}, published are {size} bytes with "
            f"{sha256}. The file was removed: run again, or set data.root to a copy you trust."
        )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar.gz to `folder`, which must not be there, by way of a folder beside it."""
    unpacking = folder.with_name(folder.name + ".unpacking")
    shutil.rmtree(unpacking, ignore_errors=True)  # of a run that was killed; the caller has a lock
    try:
        with _disk_full(folder), _progress() as progress, open(archive, "rb") as raw:
            task = progress.add_task(f"unpacking {archive.name}", total=_length(archive))
            with tarfile.open(fileobj=raw, mode="r:gz") as tar:
                members = _tracked(tar, lambda: progress.update(task, completed=raw.tell()))
                tar.extractall(unpacking, members=members, filter="data")
        os.replace(unpacking, folder)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"{archive} is damaged ({error}): remove it and run again.") from error
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)


def _tracked(tar: tarfile.TarFile, tell: Callable[[], None]) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        yield member
        tell()


@contextmanager
def _disk_full(path: Path) -> Iterator[None]:
    """Turn "no space left" into a sentence that says where, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC or isinstance(error, _TooSmallError):
            raise
        raise OSError(
            errno.ENOSPC,
            f"the disk is full while writing {path}. What was fetched is kept: make room and run "
            "again, or set data_dir to another disk.",
        ) from error


def _reason(error: BaseException | None) -> str:
    """The innermost reason: `URLError` wraps the one that says something."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    reason = getattr(error, "reason", None)
    return str(reason or error or type(error).__name__)


def _readable(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.2f} MB"


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    return Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=_console)
