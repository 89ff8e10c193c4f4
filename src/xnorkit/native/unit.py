"""What is compiled, and the key that stands for all that the library depends on."""

import hashlib
import json
import platform
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import version

from xnorkit.native.toolchain import Toolchain, python_includes
from xnorkit.resources import CPP_DIR

_FORMAT = 1  # raise it when compile.py's files change their meaning


@dataclass(frozen=True)
class Unit:
    """What to compile.

    Attributes:
        source: the text.
        name: of what it becomes, in messages.
        headers: patterns of the files below CPP_DIR that it may include.
        python: it includes Python.h and pybind11.
    """

    source: str
    name: str = "the engine"
    headers: tuple[str, ...] = ("include/**/*",)
    python: bool = False


def key_of(unit: Unit, toolchain: Toolchain) -> str:
    """128 bits, as hexadecimal digits: of unit, headers, compiler, flags, machine, Python."""
    parts = {
        "format": _FORMAT,
        "source": unit.source,
        "headers": _headers_digest(unit.headers),
        "compiler": toolchain.identity,
        "flags": flags_of(unit, toolchain),
        "machine": [sys.platform, platform.machine()],
        "python": sysconfig.get_config_var("SOABI") if unit.python else None,
        "pybind11": version("pybind11") if unit.python else None,
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def flags_of(unit: Unit, toolchain: Toolchain) -> list[str]:
    """All that stands between the compiler's command and the names of files."""
    flags = [*toolchain.flags, f"-I{CPP_DIR / 'include'}"]
    if unit.python:
        folders = (str(CPP_DIR), *(python_includes() or ()))
        flags += ["-O1", *(f"-I{folder}" for folder in folders)]  # glue: -O3 only takes longer
    return flags


def _headers_digest(patterns: tuple[str, ...]) -> str:
    """Changes with any byte or name of the C++ headers."""
    digest = hashlib.sha256()
    found = {path for pattern in patterns for path in CPP_DIR.glob(pattern) if path.is_file()}
    for path in sorted(found):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(CPP_DIR)}\0{content}\n".encode())
    return digest.hexdigest()
