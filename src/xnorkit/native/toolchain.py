"""Which C++ compiler builds libraries here, how it is called and how it is stopped.

`CXX`, else `c++`, `g++` or `clang++` of the PATH, else the one that pip installs
(`pip install "xnorkit[compiler]"`, Zig's clang).
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FLAGS = (
    "-std=c++20",
    "-O3",
    "-fPIC",
    "-shared",
    "-ffp-contract=off",  # torch rounds after each step; a fused one would differ in the last bit
    "-fvisibility=hidden",  # two engines in one process keep their functions apart
)  # and no -march: each ISA path opens its own target region, the best is chosen at load

_IN_PATH = ("c++", "g++", "clang++")
_PIP = 'pip install "xnorkit[compiler]"'
# Zig compiles for this very CPU unless told otherwise: a library would not run on a lesser one.
_ZIG_FLAGS = ("-mcpu=baseline",)


class NoCompilerError(ValueError):
    """There is no C++ compiler, or the one that CXX names does not answer."""


@dataclass(frozen=True)
class Toolchain:
    """A C++ compiler that answers.

    Attributes:
        command: how it is called, before any flag.
        version: the first line of what it says of itself.
        identity: changes whenever it might compile differently; part of the cache's key.
        flags: for a library.
        note: what to know while it compiles.
    """

    command: tuple[str, ...]
    version: str
    identity: str
    flags: tuple[str, ...]
    note: str = ""


def find_toolchain() -> Toolchain:
    """The compiler for libraries; asked once per process for each `CXX` and `PATH`.

    Raises:
        NoCompilerError: none is there, or `CXX` names none.
    """
    return _find(os.environ.get("CXX", ""), os.environ.get("PATH", ""))


def python_includes() -> tuple[str, ...] | None:
    """Folders of Python.h and of pybind11's headers; None where either is missing."""
    python = [sysconfig.get_path(name) for name in ("include", "platinclude")]
    if not any((Path(folder) / "Python.h").is_file() for folder in python):
        return None  # a Debian python without its -dev package
    if importlib.util.find_spec("pybind11") is None:
        return None
    import pybind11  # noqa: PLC0415  # a slim install may lack it: ctypes then does its work

    return (*dict.fromkeys(python), pybind11.get_include())


@lru_cache
def _find(cxx: str, path: str) -> Toolchain:
    if cxx.strip():
        return _named(cxx, path)
    for name in _IN_PATH:
        if found := _ask([name], path):
            return found
    if found := _zig():
        return found
    raise _none(f"there is no {', '.join(_IN_PATH)} in the PATH")


def _named(cxx: str, path: str) -> Toolchain:
    try:
        command = shlex.split(cxx)
    except ValueError as error:  # an open quotation
        raise _none(f"CXX={cxx} is no command ({error})") from None
    if found := _ask(command, path):
        return found
    raise _none(f"CXX={cxx} is not there or does not answer --version")


def _none(why: str) -> NoCompilerError:
    return NoCompilerError(
        f"xnorkit needs a C++20 compiler here, and {why}. Install one with {_PIP}, or set CXX to "
        "yours (g++ 12 or clang 14, or newer)."
    )


def _ask(command: list[str], path: str) -> Toolchain | None:
    """The toolchain of a command that is there and answers."""
    program = shutil.which(command[0], path=path)
    if program is None:
        return None
    command = [program, *command[1:]]
    said = _version(command)
    if said is None:  # e.g. the stub that macOS has in the place of a compiler
        return None
    version = said.splitlines()[0]
    return Toolchain(tuple(command), version, f"{shlex.join(command)}\n{said}", FLAGS)


def _version(command: list[str]) -> str | None:
    try:
        answer = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def _zig() -> Toolchain | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    version = f"ziglang {importlib.metadata.version('ziglang')}"  # asking zig itself takes longer
    command = (sys.executable, "-m", "ziglang", "c++")
    note = " (its first time takes a minute or two more, for the C++ library)"
    return Toolchain(command, version, version, (*FLAGS, *_ZIG_FLAGS), note)


class CompilerRuns:
    """Compilers at work, which another thread can stop."""

    def __init__(self) -> None:
        self._stopped = False
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise CancelledError once `stop` was called."""
        if self._stopped:
            raise CancelledError

    def run(self, command: Sequence[str], cache: Path, temporary: Path) -> tuple[int, str]:
        """Call a compiler.

        Args:
            command: with all its arguments.
            cache: where Zig keeps its C++ library, which it builds once.
            temporary: takes the compiler's own files.

        Returns:
            Exit status and all that it said.

        Raises:
            CancelledError: stopped meanwhile.
            OSError: it can't be started.
        """
        environment = {
            "ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"),
            **os.environ,
            "LC_ALL": "C",  # what it says is searched for `error:` and for a full disk
            "TMPDIR": str(temporary),
        }
        with self._lock:
            self.check()
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
                start_new_session=True,  # so that a driver's children end with it
            )
            self._running.add(process)
        said, _ = process.communicate()
        with self._lock:
            self._running.discard(process)
        self.check()
        return process.returncode, said

    def stop(self) -> None:
        """Kill all that run; no other begins. Their files lie in `temporary`, which goes too."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
