"""C++ unit → shared library, built once per machine and found ever after.

<cache>/<key>/engine.cpp     the unit
              engine.so      the library
              engine.json    its size and SHA-256: a damaged library is built anew
        <key>.lock           held while one process builds; the others wait, then find

The key is a hash of all that the library depends on, see unit.py.
"""

import errno
import hashlib
import json
import logging
import os
import re
import shlex
import shutil
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from xnorkit.native.toolchain import CompilerRuns, Toolchain, find_toolchain
from xnorkit.native.unit import Unit, flags_of, key_of

_SHOWN_LINES = 12  # of a compiler's message; the rest is in the log
_FULL = re.compile("No space left on device|Disk quota exceeded")
_POLL_S = 0.2  # between two looks at a lock that another process holds

_log = logging.getLogger(__name__)
_warned: set[Path] = set()  # caches that could not be used
_fallback = threading.Lock()  # builds side by side share one temporary folder and one warning


class CompileError(ValueError):
    """The compiler refused a unit; says why, and where the unit is."""


class CacheError(ValueError):
    """A library can be written neither to the cache nor to a temporary folder."""


@dataclass(frozen=True)
class Built:
    """A library.

    Attributes:
        path: of the shared library.
        compiler: the first line of what it says of itself.
        seconds: that it took; 0 for one that was found.
    """

    path: Path
    compiler: str
    seconds: float


def build(source: str, cache_dir: str | os.PathLike[str] | None = None) -> Built:
    """The library of a unit, compiled or found.

    Args:
        source: C++20 that needs nothing but xnorkit's headers.
        cache_dir: where libraries are kept; `~/.cache/xnorkit/engines` by default.

    Raises:
        NoCompilerError: there is none.
        CompileError: the compiler refuses the unit.
        CacheError: nothing can be written, not even to a temporary folder.
    """
    with Builds(cache_dir) as builds:
        return builds.start(Unit(source)).result()


class Builds:
    """Builds side by side; leaving the block by an exception, Ctrl-C too, stops the compilers."""

    def __init__(self, cache_dir: str | os.PathLike[str] | None = None) -> None:
        self._cache = Path(cache_dir) if cache_dir is not None else default_cache_dir()
        self._runs = CompilerRuns()
        self._pool = ThreadPoolExecutor(thread_name_prefix="xnorkit-build")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._runs.stop()
        self._pool.shutdown()

    def start(self, unit: Unit) -> Future[Built]:
        """Begin; the future's errors are those of `build`."""
        build_ = _Build(unit, find_toolchain(), self._runs)
        return self._pool.submit(build_.in_cache_or_elsewhere, self._cache)


def default_cache_dir() -> Path:
    """`$XDG_CACHE_HOME/xnorkit/engines`, by default `~/.cache/xnorkit/engines`."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG standard: a relative path counts as none.
    root = given if given.is_absolute() else Path(os.path.expanduser("~")) / ".cache"
    return root / "xnorkit" / "engines"


class _Build:
    """One unit on its way."""

    def __init__(self, unit: Unit, toolchain: Toolchain, runs: CompilerRuns) -> None:
        self._unit = unit
        self._toolchain = toolchain
        self._runs = runs
        self._key = key_of(unit, toolchain)

    def in_cache_or_elsewhere(self, cache: Path) -> Built:
        """The library, from `cache` or, where that can't be written, from a temporary folder."""
        try:
            return self._find(cache) or self._find_or_make(cache)
        except OSError as error:
            reason = error.strerror or str(error)
        try:
            with _fallback:
                elsewhere = Path(_temporary_folder().name)
                _warn_once(cache, reason, elsewhere)
            return self._find_or_make(elsewhere)
        except OSError as error:
            raise CacheError(
                f"A library can be kept neither in {cache} ({reason}) nor in "
                f"{tempfile.gettempdir()} ({error.strerror or error}). Make room there, or name "
                "folders that can be written: data_dir (where none is given, XDG_CACHE_HOME) or "
                "TMPDIR."
            ) from error

    def _find(self, cache: Path) -> Built | None:
        """The finished library, if it is whole."""
        folder = cache / self._key
        try:
            note = json.loads((folder / "engine.json").read_text())
            library = (folder / "engine.so").read_bytes()
            whole = (note["size"], note["sha256"]) == _fingerprint(library)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return Built(folder / "engine.so", self._toolchain.version, 0.0) if whole else None

    def _find_or_make(self, cache: Path) -> Built:
        cache.mkdir(parents=True, exist_ok=True)
        lock = FileLock(cache / f"{self._key}.lock")  # flock: it ends with the process
        self._acquire(lock)
        try:
            return self._find(cache) or self._make(cache)
        finally:
            lock.release()

    def _acquire(self, lock: FileLock) -> None:
        waiting = False
        while True:
            self._runs.check()
            try:
                lock.acquire(timeout=_POLL_S)
                return
            except Timeout:
                if not waiting:
                    _log.info("another process compiles the same: waiting for it")
                waiting = True

    def _make(self, cache: Path) -> Built:
        """Build beside the final folder, then rename: a killed build leaves no half library."""
        for left in cache.glob(f"{self._key}.building-*"):  # by a killed process: we hold the lock
            shutil.rmtree(left, ignore_errors=True)
        begin = time.monotonic()
        name, note = self._unit.name, self._toolchain.note
        _log.info("compiling %s with %s%s", name, self._toolchain.version, note)
        with TemporaryDirectory(
            prefix=f"{self._key}.building-", dir=cache, ignore_cleanup_errors=True
        ) as building:
            ready = Path(building) / "ready"
            ready.mkdir()
            (ready / "engine.cpp").write_text(self._unit.source)
            self._compile(ready, Path(building), cache)
            size, sha256 = _fingerprint((ready / "engine.so").read_bytes())
            (ready / "engine.json").write_text(json.dumps({"size": size, "sha256": sha256}))
            shutil.rmtree(cache / self._key, ignore_errors=True)  # a damaged one
            ready.replace(cache / self._key)
        seconds = time.monotonic() - begin
        _log.info("compiled in %.1f s: %s", seconds, cache / self._key)
        return Built(cache / self._key / "engine.so", self._toolchain.version, seconds)

    def _compile(self, folder: Path, temporary: Path, cache: Path) -> None:
        source, library = folder / "engine.cpp", folder / "engine.so"
        flags = flags_of(self._unit, self._toolchain)
        command = [*self._toolchain.command, *flags, "-o", str(library), str(source)]
        try:
            status, said = self._runs.run(command, cache, temporary)
        except OSError as error:  # the compiler's, not the cache's
            raise CompileError(f"{command[0]} can't be started: {error.strerror}.") from error
        if status != 0 and _FULL.search(said):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        if status != 0 or not library.is_file():
            raise CompileError(self._refusal(command, status, said))

    def _refusal(self, command: list[str], status: int, said: str) -> str:
        """Keep the unit and the compiler's words; the sentence that names them."""
        kept = Path(tempfile.mkdtemp(prefix="xnorkit-refused-"))
        (kept / "engine.cpp").write_text(self._unit.source)
        (kept / "compiler.log").write_text(f"{shlex.join(command)}\n{said}")
        return (
            f"{self._toolchain.version} could not compile {self._unit.name} (exit status "
            f"{status}):\n"
            f"{_first_lines(said)}\nThe unit is kept: {kept / 'engine.cpp'}, all that the compiler "
            f"said: {kept / 'compiler.log'}. It needs C++20: set CXX to another compiler, "
            'or pip install "xnorkit[compiler]".'
        )


def _fingerprint(library: bytes) -> tuple[int, str]:
    return len(library), hashlib.sha256(library).hexdigest()


def _first_lines(said: str) -> str:
    """From the first error on, each once; what stands before it says which file includes which."""
    lines = list(dict.fromkeys(said.strip().splitlines())) or ["(it said nothing)"]
    first = next((i for i, line in enumerate(lines) if "error" in line.lower()), 0)
    return "\n".join(lines[first : first + _SHOWN_LINES])


@lru_cache
def _temporary_folder() -> TemporaryDirectory[str]:
    """A folder of this process, where the cache can't be written; it goes at exit."""
    return TemporaryDirectory(prefix="xnorkit-engines-")


def _warn_once(cache: Path, reason: str, elsewhere: Path) -> None:
    if cache not in _warned:
        _warned.add(cache)
        _log.warning(
            "%s can't be used (%s): libraries are compiled to %s, anew by each process.",
            cache,
            reason,
            elsewhere,
        )
