"""Runs the tests of cpp/tests through CMake, Ninja and ctest, on every path that the CPU has."""

import re
import shutil
import sys
from importlib.util import find_spec

import pytest
from cpp_programs import CPP, CXX, Build

NAMES = sorted(path.stem.removeprefix("test_") for path in (CPP / "tests").glob("test_*.cpp"))
INCLUDED = (CPP / "include/xnorkit/all_ops.inl.hpp").read_text().split("one file is one op")[1]
OPS = re.findall(r'ops/(\w+)\.inl\.hpp"', INCLUDED.split("//")[0])
QEMU = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
DEBIANS = shutil.which("aarch64-linux-gnu-g++")

pytestmark = pytest.mark.skipif(CXX is None, reason="no C++ compiler")


def built(folder, flags, *definitions):
    """The tests as a build folder."""
    settings = ("CMAKE_BUILD_TYPE=None", f"CMAKE_CXX_FLAGS={flags}", *definitions)
    return Build(folder, CPP, *settings, target="xnorkit_tests").finished()


@pytest.mark.parametrize("name", NAMES)
def test_ctest_passes(cases, name):
    said = {case: result for case, result in cases.items() if case.split(".")[0] == name}
    assert "run" in [status for status, _ in said.values()]
    for case, (status, text) in said.items():
        assert status == "run" or "lacks" in text
        if status != "run":
            print(f"skipped {case}: {text}")  # pytest -rP shows it


def test_every_op_is_tested_on_the_portable_path(cases):
    assert len(OPS) > 10
    for op in OPS:
        assert cases[f"{op}.portable"][0] == "run"


@pytest.mark.slow
def test_no_byte_is_read_or_written_that_must_not_be(tmp_path):
    program = built(tmp_path, "-O0", "XNORKIT_SANITIZE=address,undefined")
    assert {case.split(".")[0] for case in program.ctest("-j2")} >= set(NAMES)


@pytest.mark.slow
def test_a_cpu_that_counts_no_ones_gets_the_same_answers(tmp_path):
    program = built(tmp_path, "-O0 -DXNORKIT_BASELINE", "XNORKIT_TESTS=binary_conv2d")
    assert program.ctest("-j2")["binary_conv2d.portable"][0] == "run"


@pytest.mark.slow
def test_every_tail_of_channels_is_computed_right(tmp_path):
    tests = "XNORKIT_TESTS=binary_conv2d;threshold"
    program = built(tmp_path, "-O0 -DXNORKIT_TEST_ALL_TAILS", tests)
    assert program.ctest("-j2")["binary_conv2d.portable"][0] == "run"


@pytest.mark.slow
def test_threads_that_share_a_network_race_for_nothing(tmp_path):
    tests = "XNORKIT_TESTS=threads;tensor_functions"
    cases = built(tmp_path, "-O1", "XNORKIT_SANITIZE=thread", tests).ctest()
    assert cases["threads.portable"][0] == cases["tensor_functions.portable"][0] == "run"


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["aarch64-linux-gnu-g++", "ziglang"])
def test_an_arm_cpu_gives_the_same_answers(tmp_path, compiler):
    if QEMU is None:
        pytest.skip("no qemu-aarch64: apt-get install qemu-user-static")
    if compiler == "ziglang" and find_spec("ziglang") is None:
        pytest.skip('no ziglang: pip install "xnorkit[compiler]"')
    if compiler != "ziglang" and DEBIANS is None:
        pytest.skip(f"no {compiler}: apt-get install g++-aarch64-linux-gnu")
    command, flags = DEBIANS, "-Og -static"
    if compiler == "ziglang":
        command = f"{sys.executable};-m;ziglang;c++"
        flags = "-Og -target aarch64-linux-musl"
    program = built(
        tmp_path,
        flags,
        "CMAKE_SYSTEM_NAME=Linux",
        "CMAKE_SYSTEM_PROCESSOR=aarch64",
        f"CMAKE_CXX_COMPILER={command}",
        f"CMAKE_CROSSCOMPILING_EMULATOR={QEMU}",
    )
    cases = program.ctest("-j2")
    assert {status for status, _ in cases.values()} == {"run"}
    for op in OPS:
        assert {f"{op}.arm_neon", f"{op}.portable"} <= cases.keys()
    assert {case.split(".")[0] for case in cases} >= set(NAMES)
