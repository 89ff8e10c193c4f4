"""C++ of cpp/, built once for each state of its sources: files, or a build folder of CMake."""

import contextlib
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sysconfig
from pathlib import Path
from xml.etree import ElementTree

import pytest
from filelock import FileLock

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
    sources = [source, *sorted((CPP / "include" / "xnorkit").rglob("*.hpp"))]
    state = b"".join(file.read_bytes() for file in sources) + " ".join(command).encode()
    target = folder / hashlib.sha256(state).hexdigest()[:16]
    if not target.exists():
        part = target.with_suffix(f".{os.getpid()}")
        subprocess.run([*command, "-o", part], check=True, timeout=300)
        part.replace(target)
    return target


def tool(name):
    """A program of pip's `cmake` or `ninja`, also where the environment is not activated."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: pip install -e '.[dev]'")
    return found


def run(command, **options):
    """What a command says, which must succeed within an hour."""
    return end(begin(command, **options))


def begin(command, **options):
    """The process of a command, for `end`."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(list(map(str, command)), start_new_session=True, **pipes, **options)


def end(process):
    """What the process says, which must succeed within an hour."""
    with process:
        try:
            said, _ = process.communicate(timeout=3600)
        except BaseException:
            stop(process)
            raise
    assert process.returncode == 0, said
    return said


def stop(process):
    """With the compilers that it began: Ninja's are groups of their own, which it ends itself."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return
        os.killpg(process.pid, signal.SIGKILL)


class Build:
    """A build folder of CMake and Ninja over a source folder; what has not changed stays.

    It goes on beside the caller, behind what else the machine has to do, until `finished`.
    """

    def __init__(self, folder, source, *definitions, target="all"):
        self.folder = folder
        cmake, ninja = tool("cmake"), f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"
        settings = [f"-D{definition}" for definition in definitions]
        steps = (
            [cmake, "-G", "Ninja", "-S", source, "-B", folder, ninja, *settings],
            [cmake, "--build", folder, "--target", target],
        )
        self._lock = FileLock(f"{folder}.lock")  # other tests may run at the same time
        self._lock.acquire()
        text = " && ".join(shlex.join(map(str, step)) for step in steps)
        self._process = begin(["nice", "sh", "-c", text])

    def finished(self):
        """Itself, when all is built."""
        if self._lock.is_locked:
            try:
                end(self._process)
            finally:
                self._lock.release()
        return self

    def stop(self):
        """No more is built."""
        stop(self._process)
        self._lock.release()

    def ctest(self, *arguments):
        """{case: (status, what it said)} of ctest, none of which may have failed.

        status: `run` for one that passed, `notrun` for one that was skipped.
        """
        report = self.folder / "ctest.xml"
        options = ["--output-on-failure", "--no-tests=error", "--output-junit", report]
        run([tool("ctest"), "--test-dir", self.folder, *options, *arguments])
        cases = ElementTree.parse(report).getroot().iter("testcase")
        return {
            case.get("name"): (case.get("status"), case.findtext("system-out")) for case in cases
        }
