"""The functions as ctypes and as the pybind11 module call them, one beside the other."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from hand_written import MODEL, UNIT

from xnorkit.deploy.library.binding import Library, open_source
from xnorkit.deploy.library.c_functions import EngineError, by_ctypes, opened
from xnorkit.native.toolchain import python_includes


@pytest.fixture
def library(engine_cache):
    return open_source(UNIT, engine_cache, "ctypes")


def test_a_library_says_its_sizes_and_paths(library):
    assert (library.inputs, library.outputs, library.ops, library.values) == (3, 2, 1, 2)
    assert library.supported == ("best", "portable")


def test_both_ways_call_the_same_functions(library, engine_cache):
    if python_includes() is None:
        pytest.skip("Python.h is not installed here")
    x, answers = np.float32([[1, 2, 3]]), []
    for functions in (by_ctypes(opened(library.path)), open_source(UNIT, engine_cache).functions):
        engine = functions.create(MODEL, "portable")
        fork, y = functions.fork(engine), np.empty((1, 2), np.float32)
        functions.run(fork, x, y)
        functions.step(engine, 0)
        kernels = [functions.kernel(engine, op) for op in (0, 1)]
        answers.append((y.tolist(), functions.isa(fork), kernels, functions.value(engine, 1)[1]))
        functions.destroy(engine)
        functions.destroy(fork)
    assert answers == [([[6, 7]], "portable", ["sevens", ""], 8)] * 2


@pytest.mark.parametrize("content", [None, b"", b"text", "foreign"])
def test_what_is_no_engine_library_is_refused(tmp_path, library, content):
    path = tmp_path / "engine.so"
    if content == "foreign":
        path = importlib.util.find_spec("_ctypes").origin
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(EngineError, match="no engine library"):
        Library(path)


def test_engines_alive_at_exit_do_no_harm(library, tmp_path):
    """In a process of its own, without torch: only the library."""
    code = (
        "import ctypes, sys; lib = ctypes.CDLL(sys.argv[1]); "
        "lib.xnor_create.restype = ctypes.c_void_p; "
        "e = ctypes.create_string_buffer(64); "
        "assert lib.xnor_create(b'abc', 3, None, e, 64)"
    )
    subprocess.run([sys.executable, "-c", code, os.fspath(library.path)], check=True)
