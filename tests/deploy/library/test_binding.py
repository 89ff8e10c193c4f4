"""By hand-written C functions: what is tested is how they are called, from both sides."""

import threading
import weakref

import numpy as np
import pytest
from hand_written import MODEL, UNIT

from xnorkit.deploy.library import binding
from xnorkit.deploy.library.binding import open_source
from xnorkit.deploy.library.c_functions import EngineError, opened
from xnorkit.native.compile import CompileError
from xnorkit.native.toolchain import python_includes

VIA = ["ctypes", "pybind11"]


@pytest.fixture(params=VIA)
def library(request, engine_cache):
    if request.param == "pybind11" and python_includes() is None:
        pytest.skip("Python.h is not installed here")
    return open_source(UNIT, engine_cache, request.param)


def alive(library):
    return opened(library.path).engines_alive()


def test_a_run_gives_the_outputs_of_every_sample(library):
    x = np.random.default_rng(0).standard_normal((5, 3), np.float32)
    y = library.create(MODEL).run(x)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.stack([x[:, 0] + x[:, 1] + x[:, 2], x[:, 0] * 7], 1))


def test_an_empty_batch_has_an_empty_answer(library):
    assert library.create(MODEL).run(np.empty((0, 3), np.float32)).shape == (0, 2)


def test_a_read_only_input_runs(library):
    x = np.ones((1, 3), np.float32)
    x.flags.writeable = False
    assert library.create(MODEL).run(x).tolist() == [[3, 7]]


@pytest.mark.parametrize(
    "x",
    [
        np.ones((1, 3)),
        np.ones((1, 3), ">f4"),
        np.ones(3, np.float32),
        np.ones((1, 4), np.float32),
        np.ones((3, 1), np.float32),
        np.ones((2, 6), np.float32)[:, ::2],
        np.ones((3, 2), np.float32).T,
    ],
    ids=["float64", "byte order", "no batch", "wide", "narrow", "strided", "transposed"],
)
def test_another_array_is_refused_by_a_sentence(library, x):
    with pytest.raises(EngineError, match=r"C-contiguous float32 of shape \(N, 3\)"):
        library.create(MODEL).run(x)


def test_the_path_is_passed_on_and_told(library):
    assert library.create(MODEL).isa == "best"
    assert library.create(MODEL, isa="portable").isa == "portable"


def test_it_tells_the_loop_of_each_op(library):
    assert library.create(MODEL).kernels == ("sevens",)
    assert library.create(b"\x01").kernels == ("",)


@pytest.mark.parametrize("model", [b"", b"xyz"])
def test_the_librarys_sentence_is_the_error_even_when_cut_within_a_letter(library, model):
    with pytest.raises(EngineError, match=f"^{len(model)} bytes are no model é\N{REPLACEMENT CHARACTER}.$"):  # fmt: skip  # noqa: E501
        library.create(model)


def test_a_step_computes_on_values_that_were_written(library):
    engine = library.create(MODEL)
    engine.value(0).view(np.float32)[:] = [1, 2, 3]
    engine.step(None)
    assert not engine.value(1).any()
    engine.step(0)
    np.testing.assert_array_equal(engine.value(1).view(np.float32), [6, 7])


@pytest.mark.parametrize("index", [-1, 2])
def test_ops_and_values_that_are_not_there_are_refused(library, index):
    engine = library.create(MODEL)
    with pytest.raises(EngineError, match=f"op={index}: .* ops 0 to 0"):
        engine.step(index)
    with pytest.raises(EngineError, match=f"value={index}: .* values 0 to 1"):
        engine.value(index)


def test_an_engine_goes_when_no_one_holds_it_or_a_value_of_it(library):
    before = alive(library)
    engine = library.create(MODEL)
    gone = weakref.ref(engine)
    value = engine.value(1)[:4]
    assert alive(library) == before + 1
    del engine
    assert alive(library) == before + 1
    value[:] = 1
    del value
    assert alive(library) == before
    assert gone() is None


def test_values_are_of_the_last_run_whichever_thread_was_the_last_to_end(library):
    engine = library.create(MODEL)
    held = [engine._borrowed() for _ in range(3)]
    for one in held:
        one.__enter__()
    for one in held:
        one.__exit__(None, None, None)
    answer = engine.run(np.array([[1, 2, 3]], np.float32))
    np.testing.assert_array_equal(engine.value(1).view(np.float32), answer[0])


@pytest.mark.parametrize("threads", [4, 5, 9])
def test_a_batch_is_shared_out_among_threads_in_order(library, threads):
    x = np.arange(39, dtype=np.float32).reshape(13, 3)
    engine = library.create(MODEL)
    np.testing.assert_array_equal(engine.run(x, threads), engine.run(x))


def test_more_threads_than_samples_are_no_harm(library):
    engine = library.create(MODEL)
    assert engine.run(np.ones((1, 3), np.float32), 8).tolist() == [[3, 7]]
    assert engine.run(np.ones((2, 3), np.float32), 10**12).tolist() == [[3, 7]] * 2
    assert engine.run(np.ones((0, 3), np.float32), 8).shape == (0, 2)


def test_threads_run_at_once(library):
    """Four samples on four threads all get to the place where each waits for the others."""
    before = alive(library)
    slow = library.create(b"slow")
    assert slow.run(np.zeros((4, 3), np.float32), 4)[:, 0].tolist() == [1] * 4
    assert alive(library) == before + 4
    del slow
    assert alive(library) == before


@pytest.mark.parametrize("threads", [0, 1.5, "2", None])
def test_threads_that_can_not_be_are_refused(library, threads):
    with pytest.raises(EngineError, match=f"^threads={threads!r}: .* on a whole number, 1 or more"):
        library.create(MODEL).run(np.ones((2, 3), np.float32), threads)


def test_a_path_that_is_no_name_is_refused(library):
    with pytest.raises(EngineError, match="^isa=5: give a path by name: "):
        library.create(MODEL, isa=5)


def test_a_fork_without_memory_is_refused_by_a_sentence(library):
    engine = library.create(b"memory")
    engine._idle.clear()
    with pytest.raises(EngineError, match="no memory for another thread's engine"):
        engine.run(np.ones((1, 3), np.float32))


def test_threads_that_share_an_engine_get_their_own_answers(library):
    engine = library.create(MODEL)
    xs = [np.full((2000, 3), k, np.float32) for k in range(4)]
    answers = [None] * 4

    def run(k):
        answers[k] = engine.run(xs[k])

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        np.testing.assert_array_equal(answers[k], [[3 * k, 7 * k]] * 2000)


def test_without_python_h_ctypes_is_taken(monkeypatch, engine_cache):
    monkeypatch.setattr("sysconfig.get_path", lambda name: f"/nowhere/{name}")
    library = open_source(UNIT, engine_cache)
    assert library.via == "ctypes"
    assert library.create(MODEL).run(np.ones((1, 3), np.float32)).tolist() == [[3, 7]]


def test_where_python_h_is_pybind11_is_taken(engine_cache):
    if python_includes() is None:
        pytest.skip("Python.h is not installed here")
    assert open_source(UNIT, engine_cache).via == "pybind11"


def test_a_module_that_does_not_compile_leaves_ctypes_with_a_warning(
    monkeypatch, engine_cache, caplog
):
    monkeypatch.setattr(binding, "python_includes", lambda: ("/nowhere",))
    monkeypatch.setattr(binding, "_MODULE", binding.Unit("#error no pybind11\n"))
    library = open_source(UNIT, engine_cache)
    assert library.via == "ctypes"
    assert "no pybind11" in caplog.text
    with pytest.raises(CompileError, match="no pybind11"):
        open_source(UNIT, engine_cache, "pybind11")


def test_an_opened_library_tells_how_it_came_about(library):
    assert library.built.path == library.path
    assert library.built.compiler
