import os
import stat
import threading
import time
from concurrent.futures import CancelledError
from importlib.util import find_spec
from pathlib import Path

import pytest

from xnorkit.native import toolchain
from xnorkit.native.toolchain import (
    CompilerRuns,
    NoCompilerError,
    find_toolchain,
    python_includes,
)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)


def script(path, text):
    """An executable of the shell; /bin/sh is found without a PATH."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def hide(monkeypatch, *modules):
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in modules else find_spec(name)
    )


def test_cxx_is_taken_first_with_its_arguments(monkeypatch, tmp_path):
    mine = script(tmp_path / "my compiler", 'echo "mine 1.2 $1"')
    monkeypatch.setenv("CXX", f"'{mine}' --target=x --sysroot='/a b'")
    found = find_toolchain()
    assert found.command == (str(mine), "--target=x", "--sysroot=/a b")
    assert found.version == "mine 1.2 --target=x"


@pytest.mark.parametrize("cxx", ["/no/such/compiler", "no-such-compiler -O1"])
def test_a_cxx_that_is_not_there_is_named(monkeypatch, cxx):
    monkeypatch.setenv("CXX", cxx)
    with pytest.raises(NoCompilerError, match=rf'CXX={cxx}.*pip install "xnorkit\[compiler\]"'):
        find_toolchain()


def test_a_cxx_with_an_open_quotation_is_named(monkeypatch):
    monkeypatch.setenv("CXX", "'g++ -O1")
    with pytest.raises(
        NoCompilerError, match=r"CXX='g\+\+ -O1 is no command \(No closing quotation"
    ):
        find_toolchain()


def test_a_compiler_that_does_not_answer_is_passed_over(monkeypatch, tmp_path):
    script(tmp_path / "c++", "echo no developer tools >&2; exit 1")
    script(tmp_path / "g++", 'echo "g++ 13.1"; echo "Copyright"')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_toolchain().version == "g++ 13.1"


def test_without_any_compiler_the_error_names_the_extra_and_cxx(monkeypatch):
    monkeypatch.setenv("PATH", "")
    hide(monkeypatch, "ziglang")
    toolchain._find.cache_clear()  # it may have found ziglang in this process before
    with pytest.raises(NoCompilerError, match=r'pip install "xnorkit\[compiler\]", or set CXX'):
        find_toolchain()


def test_the_compiler_of_pip_is_found_without_a_path_and_builds_for_any_cpu(monkeypatch):
    pytest.importorskip("ziglang")
    monkeypatch.setenv("PATH", "")
    found = find_toolchain()
    assert found.command[1:] == ("-m", "ziglang", "c++")
    assert "-mcpu=baseline" in found.flags


def test_no_flag_ties_an_engine_to_this_cpu():
    assert not [flag for flag in find_toolchain().flags if flag.startswith(("-march", "-mtune"))]


def test_a_compiler_is_asked_once_per_process_and_again_when_cxx_changes(monkeypatch, tmp_path):
    calls = tmp_path / "calls"
    for name in ("a", "b"):
        script(tmp_path / name, f'echo x >> "{calls}"; echo {name}')
    for name in ("a", "a", "b", "a"):
        monkeypatch.setenv("CXX", str(tmp_path / name))
        assert find_toolchain().version == name
    assert calls.read_text() == "x\nx\n"


def test_the_folders_of_python_h_and_pybind11_are_those_of_this_python():
    folders = python_includes()
    if folders is None:
        pytest.skip("Python.h is not installed here")
    assert any(os.path.isfile(f"{folder}/Python.h") for folder in folders)
    assert any(os.path.isfile(f"{folder}/pybind11/pybind11.h") for folder in folders)


def test_without_python_h_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / name))
    assert python_includes() is None


def test_without_pybind11_there_are_none(monkeypatch):
    hide(monkeypatch, "pybind11")
    assert python_includes() is None


def test_a_run_gives_status_and_all_that_was_said(tmp_path):
    command = ["/bin/sh", "-c", 'echo out; echo "err $LC_ALL $TMPDIR" >&2; exit 3']
    assert CompilerRuns().run(command, tmp_path, tmp_path) == (3, f"out\nerr C {tmp_path}\n")


def test_stopping_ends_a_compiler_and_its_children(tmp_path):
    pid = tmp_path / "pid"
    driver = script(tmp_path / "driver", f'sleep 60 & echo $! > "{pid}.new"; '
                    f'mv "{pid}.new" "{pid}"; wait')  # fmt: skip
    runs, errors = CompilerRuns(), []

    def run():
        with pytest.raises(CancelledError) as error:
            runs.run([str(driver)], tmp_path, tmp_path)
        errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not pid.exists():
        time.sleep(0.01)
    runs.stop()
    thread.join(10)
    assert errors
    assert ends_soon(int(pid.read_text()))
    with pytest.raises(CancelledError):
        runs.run(["/bin/true"], tmp_path, tmp_path)


def ends_soon(pid):
    """Gone within seconds, or a zombie that no one reaps."""
    status = Path(f"/proc/{pid}/status")
    for _ in range(500):
        if not status.exists() or "State:\tZ" in status.read_text():
            return True
        time.sleep(0.01)
    return False
