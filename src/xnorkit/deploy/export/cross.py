"""An exported folder → library and programs for another machine, by the compiler of pip.

<folder>/<target>/libengine.so             for glibc 2.28 (2018) or newer, needs nothing else
                  predict_wav, run_floats  static, for any Linux of that CPU; see folder.py
"""

import importlib.util
import logging
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from xnorkit.native.compile import CompileError, default_cache_dir
from xnorkit.native.toolchain import FLAGS, CompilerRuns, NoCompilerError

TARGETS = ("aarch64-linux", "x86_64-linux")

_GLIBC = "gnu.2.28"  # of Debian 10, RHEL 8, Raspberry Pi OS 10
_SHOWN_LINES = 12  # of a compiler's message
_LIBRARY = tuple(flag for flag in FLAGS if flag != "-std=c++20")
_PROGRAM = tuple(flag for flag in _LIBRARY if flag not in ("-shared", "-fPIC"))

_log = logging.getLogger(__name__)


def require_target(target: str) -> None:
    """Refuse a machine that can't be compiled for.

    Raises:
        NoCompilerError: it is not in `TARGETS`, or the compiler of pip is not installed.
    """
    if target not in TARGETS:
        raise NoCompilerError(
            f"target {target}: there are {', '.join(TARGETS)}. For another machine give its "
            "compiler to CMake in the exported folder: -DCMAKE_CXX_COMPILER=…"
        )
    if importlib.util.find_spec("ziglang") is None:
        raise NoCompilerError(
            f"target {target} needs the compiler that pip installs: "
            'pip install "xnorkit[compiler]".'
        )


def cross_compile(
    folder: Path, target: str, cache_dir: str | os.PathLike[str] | None = None
) -> tuple[Path, ...]:
    """Build what an exported folder holds.

    Args:
        folder: see folder.py.
        target: one of `TARGETS`.
        cache_dir: where the compiler keeps its C++ library, which it builds once; see
            `compile.build`.

    Returns:
        The library and the programs.

    Raises:
        NoCompilerError: see `require_target`.
        CompileError: the compiler refuses a file, or nothing can be written.
    """
    require_target(target)
    cache = default_cache_dir() if cache_dir is None else Path(cache_dir)
    _log.info("compiling for %s (the first time takes minutes, for the C++ library)", target)
    runs = CompilerRuns()
    try:
        (folder / target).mkdir(exist_ok=True)
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="xnorkit-") as temporary:
            for command in _commands(folder, target, Path(temporary)):
                _check(command, *runs.run(command, cache, Path(temporary)))
    except OSError as error:
        raise CompileError(f"{error.filename} can't be written: {error.strerror}.") from error
    except BaseException:
        runs.stop()  # Ctrl-C does not reach the compiler, which has a session of its own
        raise
    names = ("libengine.so", *(Path(program).stem for program in _programs(folder)))
    return tuple(folder / target / name for name in names)


def _programs(folder: Path) -> list[str]:
    """Their sources; that of recordings is there where the model hears."""
    return [name for name in ("predict_wav.cpp", "run_floats.c") if (folder / name).is_file()]


def _commands(folder: Path, target: str, objects: Path) -> Iterator[list[str]]:
    """Library, objects of the programs, programs."""
    out = folder / target
    engine = str(folder / "engine.cpp")
    gnu, musl = f"{target}-{_GLIBC}", f"{target}-musl"
    include = f"-I{folder / 'include'}"
    shared = ["-std=c++20", include, engine, "-s", "-o", str(out / "libengine.so")]
    yield [*_zig("c++", gnu), *_LIBRARY, *shared]
    for name in ("engine.cpp", *_programs(folder)):
        language, standard = ("cc", "c11") if name.endswith(".c") else ("c++", "c++20")
        source = [f"-std={standard}", include, "-c", str(folder / name)]
        yield [*_zig(language, musl), *_PROGRAM, *source, "-o", str(objects / f"{name}.o")]
    for name in _programs(folder):
        given = [str(objects / f"{file}.o") for file in (name, "engine.cpp")]
        program = str(out / Path(name).stem)
        yield [*_zig("c++", musl), "-static", "-s", *given, "-o", program]


def _zig(language: str, target: str) -> list[str]:
    return [sys.executable, "-m", "ziglang", language, "-target", target, "-mcpu=baseline"]


def _check(command: list[str], status: int, said: str) -> None:
    if status == 0:
        return
    lines = said.strip().splitlines()
    first = next((i for i, line in enumerate(lines) if "error" in line.lower()), 0)
    shown = "\n".join(lines[first : first + _SHOWN_LINES])
    raise CompileError(
        f"{shlex.join(command)} failed with exit status {status}:\n{shown}\nRepair the file that "
        "it names, or export to an empty folder."
    )
