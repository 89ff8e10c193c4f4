"""Every header compiles on its own, without a warning, whatever was included before it."""

import os
import shutil
import sys
from importlib.util import find_spec

import pytest
from cpp_programs import CPP, CXX, STRICT, run

INCLUDE = CPP / "include"
HEADERS = sorted(
    str(p.relative_to(INCLUDE)) for p in INCLUDE.rglob("*.hpp") if ".inl." not in p.name
)
C_HEADERS = sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.h"))
CC = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
PIPS = [sys.executable, "-m", "ziglang", "c++"]


def including(folder, headers, suffix):
    """A file for each header that includes it, twice."""
    for index, header in enumerate(headers):
        (folder / f"{index}{suffix}").write_text(f'#include "{header}"\n' * 2)
    return [f"{index}{suffix}" for index in range(len(headers))]


@pytest.mark.skipif(CC is None, reason="no C compiler")
def test_the_c_interface_is_c(tmp_path):
    assert C_HEADERS == ["xnorkit/c_audio.h", "xnorkit/c_interface.h"]
    strict = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wstrict-prototypes", "-Werror"]
    files = including(tmp_path, C_HEADERS, ".c")
    run([*CC.split(), *strict, f"-I{INCLUDE}", "-fsyntax-only", *files], cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(CXX is None, reason="no C++ compiler")
def test_every_header_needs_no_other(tmp_path):
    files = including(tmp_path, HEADERS, ".cpp")
    run([*CXX.split(), *STRICT, f"-I{INCLUDE}", "-fsyntax-only", *files], cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(CXX is None, reason="no C++ compiler")
def test_the_benches_compile(tmp_path):
    benches = sorted((CPP / "bench").glob("bench_*.cpp"))
    assert len(benches) >= 4
    run([*CXX.split(), *STRICT, f"-I{INCLUDE}", "-fsyntax-only", *benches], cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ziglang") is None, reason="no ziglang")
@pytest.mark.parametrize("target", ["x86_64-linux-musl", "aarch64-linux-musl"])
def test_every_header_needs_no_other_by_the_compiler_of_pip(tmp_path, engine_cache, target):
    files = including(tmp_path, HEADERS, ".cpp")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(engine_cache / "zig")}
    for file in files:
        command = [*PIPS, *STRICT, "-target", target, f"-I{INCLUDE}", "-c", file, "-o", "out.o"]
        run(command, cwd=tmp_path, env=environment)
