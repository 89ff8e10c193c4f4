"""The glue between a network and its C functions, over the real headers, without Python's side."""

import ctypes
import re
import shutil
import subprocess
from ctypes import c_char_p, c_int, c_size_t, c_void_p, create_string_buffer
from pathlib import Path

import numpy as np
import pytest
from heap_programs import heap_counts
from small_engine import small

from xnorkit.native.compile import build
from xnorkit.resources import get_include

# Runs once, then counts what a hundred runs, steps and looks take from the heap.
RUNS = r"""
    void* fork = xnor_fork(engine);
    size_t inputs, outputs;
    int ops, values;
    xnor_sizes(&inputs, &outputs, &ops, &values);
    std::vector<float> x(3 * inputs, 0.5f), y(3 * outputs);
    const long before = taken;
    for (int i = 0; i < 100; ++i) {
      xnor_run(i % 2 == 0 ? engine : fork, x.data(), 3, y.data());
      xnor_step(engine, 0);
      size_t length;
      xnor_value(engine, 0, &length);
    }
    std::printf("%s %s %ld %d\n", isa, xnor_isa(engine), taken - before, before > 2);
    xnor_destroy(engine);
    xnor_destroy(fork);
"""


@pytest.fixture(scope="module")
def made():
    return small()


@pytest.fixture(scope="module")
def library(made, engine_cache):
    library = ctypes.CDLL(str(build(made.source, engine_cache).path))
    library.xnor_create.restype = c_void_p
    library.xnor_create.argtypes = [c_char_p, c_size_t, c_char_p, c_char_p, c_size_t]
    library.xnor_value.restype = c_void_p
    library.xnor_value.argtypes = [c_void_p, c_int, c_void_p]
    library.xnor_step.argtypes = [c_void_p, c_int]
    library.xnor_destroy.argtypes = [c_void_p]
    library.xnor_supported.restype = c_char_p
    return library


def error_of(library, content, isa=None, size=512):
    error = create_string_buffer(b"?" * 600, 600)
    assert library.xnor_create(content, len(content), isa, error, size) is None
    assert error.raw[size:600] == (b"?" * 600 + b"\0")[size:600]
    return error.value.decode(errors="replace")


def test_a_damaged_model_is_refused_by_a_sentence(library, made):
    assert "damaged" in error_of(library, made.content[:-1])
    assert "no model.xnor" in error_of(library, b"")


def test_a_model_of_another_program_is_refused_by_a_sentence(library, made):
    other = made.content.replace(b'\\"name\\":\\"0\\"', b'\\"name\\":\\"1\\"')
    assert other != made.content
    assert "damaged" in error_of(library, other)
    from xnor_files import sealed

    assert "of another program" in error_of(library, sealed(other))


def test_an_unknown_path_is_refused_by_a_sentence(library, made):
    assert "z80: no such path" in error_of(library, made.content, b"z80")


@pytest.mark.parametrize("size", [1, 2, 20])
def test_a_sentence_is_cut_to_the_buffer(library, made, size):
    assert len(error_of(library, made.content[:-1], size=size)) == size - 1


def test_no_buffer_is_needed(library, made):
    assert library.xnor_create(b"", 0, None, None, 0) is None
    engine = library.xnor_create(made.content, len(made.content), None, None, 0)
    assert engine
    library.xnor_destroy(engine)
    library.xnor_destroy(None)


@pytest.mark.parametrize("index", [-1, 99, 2**31 - 1, -(2**31)])
def test_ops_and_values_that_are_not_there_are_nothing(library, made, index):
    engine = library.xnor_create(made.content, len(made.content), None, None, 0)
    size = c_size_t(7)
    library.xnor_step(engine, index)
    assert library.xnor_value(engine, index, ctypes.addressof(size)) is None
    assert size.value == 0
    library.xnor_destroy(engine)


def test_supported_paths_end_with_portable_and_then_nothing(library):
    names = []
    while name := library.xnor_supported(len(names)):
        names.append(name.decode())
    assert names[-1] == "portable"
    assert len(set(names)) == len(names)
    assert library.xnor_supported(99) is None


def test_engines_of_one_library_do_not_share_their_buffers(library, made):
    engines = [library.xnor_create(made.content, len(made.content), None, None, 0) for _ in "ab"]
    size = c_size_t()
    first, second = (
        np.ctypeslib.as_array(
            (ctypes.c_uint8 * 96).from_address(
                library.xnor_value(engine, 0, ctypes.addressof(size))
            )
        )
        for engine in engines
    )
    assert size.value == 96  # 3 rows of 4 pixels with 2 channels, float32
    first[:] = 1
    assert not second.any()
    for engine in engines:
        library.xnor_destroy(engine)


def test_only_the_c_functions_leave_the_library(made, engine_cache):
    if not shutil.which("nm"):
        pytest.skip("nm is not installed here")
    path = build(made.source, engine_cache).path
    said = subprocess.run(
        ["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True
    )
    names = {line.split()[-1] for line in said.stdout.splitlines()}
    headers = [Path(get_include(), "xnorkit", name) for name in ("c_interface.h", "c_audio.h")]
    declared = "".join(header.read_text() for header in headers)
    assert {name for name in names if "xnor" in name} == {
        *re.findall(r"^XNORKIT_EXPORT [^(;]*?(xnor_\w+)\(", declared, re.MULTILINE)
    }


def test_a_program_without_python_runs_it_and_allocates_nothing_on_the_way(made, tmp_path):
    """Also the strictest compile that the headers must pass."""
    strict = ["-O1", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    lines = heap_counts(tmp_path, made.source, RUNS, made.content, *strict)
    assert all(wanted == got for wanted, got, _, _ in lines)
    assert all(taken == "0" for _, _, taken, _ in lines)
    assert all(counted == "1" for *_, counted in lines)  # the construction was seen
