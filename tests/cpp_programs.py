"""C++ of cpp/tests, compiled once for each state of its sources and of the headers."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

CPP = Path(__file__).resolve().parents[1] / "cpp"
CXX = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
STRICT = ("-std=c++20", "-ffp-contract=off", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


def compiled(request, name, *flags):
    """A program or library of the file `name` below cpp/, kept between test runs."""
    if CXX is None:
        pytest.skip("no C++ compiler")
    folder = request.config.cache.mkdir("xnorkit-drivers")
    source = CPP / name
    command = [*CXX.split(), *STRICT, *flags, f"-I{CPP / 'include'}", str(source)]
    sources = [source, *sorted((CPP / "include" / "xnorkit").glob("*.hpp"))]
    state = b"".join(file.read_bytes() for file in sources) + " ".join(command).encode()
    target = folder / hashlib.sha256(state).hexdigest()[:16]
    if not target.exists():
        part = target.with_suffix(f".{os.getpid()}")
        subprocess.run([*command, "-o", part], check=True, timeout=300)
        part.replace(target)
    return target
