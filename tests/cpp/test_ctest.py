"""Runs the tests of cpp/tests: as one unit by the compiler of the PATH, or by CMake and ctest."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CPP = Path(__file__).resolve().parents[2] / "cpp"
ALL = CPP / "tests" / "all_tests.cpp"
NAMES = sorted(path.stem.removeprefix("test_") for path in (CPP / "tests").glob("test_*.cpp"))
CXX = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
# -Og: what -O1 finds, in three quarters of the time. Pointwise needs the contraction off.
STRICT = ("-std=c++20", "-ffp-contract=off", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


def sources():
    """Every file that the tests are made of."""
    return sorted(p for p in CPP.rglob("*.[ch]pp") if "bench" not in p.parts)


def compiled(folder, *flags):
    """The tests as a program, built once for each state of its sources."""
    if CXX is None:
        pytest.skip("no C++ compiler")
    command = [*CXX.split(), *STRICT, *flags, f"-I{CPP / 'include'}", str(ALL)]
    state = b"".join(path.read_bytes() for path in sources()) + " ".join(command).encode()
    target = folder / hashlib.sha256(state).hexdigest()[:16]
    if not target.exists():
        part = target.with_suffix(f".{os.getpid()}")
        subprocess.run([*command, "-o", part], check=True, timeout=1200)
        part.replace(target)
    return target


def passed(program, name):
    """What the program says of a test, which must have passed on every path it ran on."""
    # The arena's test asks for more than there is, and wants null.
    environment = os.environ | {"ASAN_OPTIONS": "allocator_may_return_null=1"}
    run = subprocess.run(
        [program, name], capture_output=True, text=True, timeout=600, env=environment
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def program(request):
    return compiled(request.config.cache.mkdir("xnorkit-cpp-tests"), "-Og")


@pytest.mark.parametrize("name", NAMES)
def test_cpp(program, name):
    said = passed(program, name)
    assert f"ok {name}" in said
    for line in said.splitlines():
        if line.startswith("skipped"):
            print(line)  # pytest -rP shows it: an ISA path that this CPU lacks


def test_every_op_is_tested_on_the_portable_path(program):
    ops = {path.name.removesuffix(".inl.hpp") for path in (CPP / "include/xnorkit/ops").iterdir()}
    shared = {"channels", "convolution", "pooling", "signs_input"}  # no ops: what they share
    assert shared < ops
    for op in ops - shared:
        assert f"ok {op} portable" in passed(program, op)


def test_the_one_unit_holds_every_test():
    included = re.findall(r'#include "test_(\w+)\.cpp"', ALL.read_text())
    assert sorted(included) == NAMES


@pytest.mark.slow
def test_no_tail_reads_or_writes_where_it_must_not(tmp_path):
    flags = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    program = compiled(tmp_path, *flags, "-DXNORKIT_TEST_ALL_TAILS")
    for name in NAMES:
        passed(program, name)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="no CMake")
def test_cmake_builds_and_ctest_passes(tmp_path):
    for command in (
        ["cmake", "-S", CPP, "-B", tmp_path],
        ["cmake", "--build", tmp_path],
        ["ctest", "--test-dir", tmp_path, "--output-on-failure"],
    ):
        run = subprocess.run(command, capture_output=True, text=True, timeout=1200)
        assert run.returncode == 0, run.stdout + run.stderr
    assert f"out of {len(NAMES)}" in run.stdout
