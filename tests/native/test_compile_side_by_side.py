"""Builds at the same time, in threads and processes, and builds that are interrupted."""

import ctypes
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from xnorkit.native.compile import Builds, CompileError, build
from xnorkit.native.unit import Unit

pytestmark = pytest.mark.usefixtures("fresh")
ANSWER = 'extern "C" __attribute__((visibility("default"))) int answer() { return 42; }\n'


def answer(library):
    return ctypes.CDLL(str(library)).answer()


def in_child(function, *arguments):
    child = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    child.start()
    return child


def build_and_report(cache, queue):
    built = build(ANSWER, cache)
    queue.put((answer(built.path), built.seconds > 0))


def test_processes_that_want_the_same_library_at_once_build_it_once(tmp_path, compiler):
    compiler(f'echo x >> "{tmp_path}/calls"; sleep 0.5')
    queue = multiprocessing.get_context("fork").Queue()
    children = [in_child(build_and_report, tmp_path / "cache", queue) for _ in range(3)]
    reports = [queue.get(timeout=30) for _ in children]
    for child in children:
        child.join()
    assert sorted(reports) == [(42, False), (42, False), (42, True)]
    assert (tmp_path / "calls").read_text() == "x\n"


def test_threads_that_want_the_same_library_at_once_build_it_once(tmp_path, compiler):
    compiler(f'echo x >> "{tmp_path}/calls"; sleep 0.2')
    with Builds(tmp_path / "cache") as builds:
        futures = [builds.start(Unit(ANSWER)) for _ in range(3)]
    assert len({future.result().path for future in futures}) == 1
    assert (tmp_path / "calls").read_text() == "x\n"


def interrupted(cache):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        build(ANSWER, cache)
    except KeyboardInterrupt:
        sys.exit(130)


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_leaves_nothing_broken_and_no_lock(tmp_path, compiler, with_signal):
    cache = tmp_path / "cache"
    compiler(f'if [ ! -e "{tmp_path}/pid" ]; then echo $$ > "{tmp_path}/pid"; exec sleep 60; fi')
    child = in_child(interrupted, cache)
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    os.kill(child.pid, with_signal)
    child.join(10)
    assert child.exitcode == (130 if with_signal == signal.SIGINT else -signal.SIGKILL)
    compiler_pid = int((tmp_path / "pid").read_text())
    if with_signal == signal.SIGINT:
        assert not list(cache.glob("*.building-*"))
        assert not runs(compiler_pid)
    else:
        os.kill(compiler_pid, signal.SIGKILL)  # no one was left to end it
    begin = time.monotonic()
    assert answer(build(ANSWER, cache).path) == 42
    assert time.monotonic() - begin < 5
    assert not list(cache.glob("*.building-*"))


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("nothing happened for ten seconds")


def runs(pid):
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_a_failed_build_ends_those_beside_it(tmp_path, compiler):
    compiler('for unit; do :; done; if grep -q slow "$unit"; then sleep 60; fi')
    begin = time.monotonic()
    with pytest.raises(CompileError):
        build_beside_a_slow_one("int f() { return no_such_name; }\n", tmp_path / "cache")
    assert time.monotonic() - begin < 30


def build_beside_a_slow_one(unit, cache):
    with Builds(cache) as builds:
        builds.start(Unit("// slow\n"))
        builds.start(Unit(unit)).result()
