"""Against torch, on a network whose answers are the same to the last bit."""

import copy
import pickle
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_engine import FEATURES, LABELS, small

from xnorkit.deploy import xnor_file
from xnorkit.deploy.engine import Engine, InputError
from xnorkit.deploy.library.binding import open_source
from xnorkit.deploy.library.c_functions import EngineError
from xnorkit.features import ImageFrontend


@pytest.fixture(scope="module")
def made():
    return small()


@pytest.fixture(scope="module")
def library(made, engine_cache):
    return open_source(made.source, engine_cache)


@pytest.fixture(scope="module")
def engine(made, library):
    return Engine(made.content, library)


def truth(made, x):
    with torch.no_grad():
        return made.network(x)


def test_answers_are_torchs_in_the_kind_that_came(made, engine):
    x = torch.randn(7, 2, 3, 4)
    expected = truth(made, x)
    answer = engine(x)
    assert isinstance(answer, torch.Tensor)
    assert torch.equal(answer, expected)
    answer = engine(x.numpy())
    assert isinstance(answer, np.ndarray)
    np.testing.assert_array_equal(answer, expected.numpy())


def test_one_sample_without_a_batch_has_one_answer(made, engine):
    x = torch.randn(2, 3, 4)
    assert torch.equal(engine(x), truth(made, x[None])[0])


def test_eight_threads_that_share_an_engine_get_the_answers_of_one(engine):
    x = np.random.default_rng(3).standard_normal((64, *engine.program.input_shape), np.float32)
    alone = engine(x)
    np.testing.assert_array_equal(engine(x, threads=8), alone)
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(engine, [x] * 32):
            np.testing.assert_array_equal(answers, alone)


def test_an_empty_batch_has_an_empty_answer(engine):
    assert engine(torch.empty(0, 2, 3, 4)).shape == (0, 3, 2, 2)


@pytest.mark.parametrize(
    "laid_out",
    [
        lambda x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        lambda x: x.repeat(2, 1, 1, 1)[::2].repeat_interleave(2, 3)[..., ::2],
        lambda x: x.clone().requires_grad_(),
        lambda x: torch.nn.Parameter(x),
    ],
    ids=["channels last", "strided", "with gradient", "parameter"],
)
def test_any_layout_in_memory_is_read_right(made, engine, laid_out):
    x = torch.randn(1, 2, 3, 4)
    x = laid_out(x)
    assert torch.equal(engine(x), truth(made, x))


def test_what_was_given_is_not_changed_and_what_came_is_the_callers(engine):
    x = torch.randn(2, 2, 3, 4)
    before = x.clone()
    first = engine(x)
    kept = first.clone()
    engine(-x)
    assert torch.equal(x, before)
    assert torch.equal(first, kept)
    first.zero_()
    assert torch.equal(engine(x), kept)


SHAPES = r"this engine takes \(N, 2, 3, 4\), or one sample of shape \(2, 3, 4\)"


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (np.zeros((2, 3), np.float32), r"x has shape \(2, 3\): " + SHAPES),
        (np.zeros((1, 2, 4, 3), np.float32), r"x has shape \(1, 2, 4, 3\): " + SHAPES),
        (np.zeros((1, 1, 2, 3, 4), np.float32), SHAPES),
        (np.float32(0)[None], SHAPES),
        (np.zeros((), np.float32), SHAPES),
        (torch.zeros(2, 2, 3), SHAPES),
        (np.zeros((1, 2, 3, 4)), r"x is float64: .* x.astype\(numpy.float32\)"),
        (np.zeros((1, 2, 3, 4), ">f4"), "x is >f4"),
        (np.zeros((1, 2, 3, 4), np.int16), "x is int16"),
        (torch.zeros(1, 2, 3, 4).double(), r"x is torch.float64: .* x.float\(\)"),
        (torch.zeros(1, 2, 3, 4).half(), "x is torch.float16"),
        (torch.zeros(1, 2, 3, 4, device="meta"), r"x is on meta: .* x.cpu\(\)"),
        ([[0.0]], "x is a list: an engine takes a numpy array or a tensor"),
        (None, "x is a NoneType"),
    ],
)
def test_another_input_is_refused_by_a_sentence(engine, x, sentence):
    with pytest.raises(InputError, match=sentence):
        engine(x)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [torch.from_numpy, np.asarray])
def test_a_number_that_is_none_is_refused_with_its_place(engine, value, kind):
    x = np.zeros((2, 2, 3, 4), np.float32)
    x[1, 0, 2, 3] = x[1, 1, 2, 3] = value
    with pytest.raises(InputError, match=rf"x holds {value} at \(1, 0, 2, 3\), and 2 of 48"):
        engine(kind(x))


def test_it_says_what_its_file_says(made, engine):
    assert engine.labels == LABELS
    assert engine.features == FEATURES
    assert engine.nbytes == len(made.content)
    assert engine.program == made.lowered.program
    assert engine.isa == engine.library.supported[0]
    assert repr(engine) == (
        f"Engine((2, 3, 4) → (3, 2, 2), {len(engine.program.ops)} ops, "
        f"{len(made.content):,} bytes, {engine.isa})"
    )


def test_saved_and_loaded_it_gives_the_same_answers(made, engine, engine_cache, tmp_path):
    engine.save(tmp_path / "model.xnor")
    assert (tmp_path / "model.xnor").stat().st_size == engine.nbytes
    loaded = Engine.load(tmp_path / "model.xnor", cache_dir=engine_cache)
    x = torch.randn(3, 2, 3, 4)
    assert torch.equal(loaded(x), engine(x))
    assert loaded.library.built.seconds == 0  # the same topology: compiled once


def test_pickled_and_copied_it_gives_the_same_answers(made, engine):
    x = torch.randn(3, 2, 3, 4)
    for given in (engine, Engine(made.content, engine.library.path, "portable")):
        for other in (pickle.loads(pickle.dumps(given)), copy.deepcopy(given)):
            assert torch.equal(other(x), engine(x))
            assert other.library.path == engine.library.path
            assert other.isa == given.isa


def test_a_compiled_topology_loads_within_two_tenths_of_a_second(made, engine, engine_cache):
    begin = time.process_time()  # on a busy machine too
    Engine(made.content, cache_dir=engine_cache)
    assert time.process_time() - begin < 0.2


def test_a_library_has_nothing_in_it_that_throws(library):
    """Its C functions are noexcept: an exception would end the program."""
    names = library.path.read_bytes()
    assert b"_ZnwmSt11align_val_tRKSt9nothrow_t\0" in names
    for throwing in (b"_Znwm", b"_Znam", b"_ZnwmSt11align_val_t", b"__cxa_throw"):
        assert throwing + b"\0" not in names


def test_a_library_can_be_given_as_a_file(made, library):
    assert torch.equal(
        Engine(made.content, library.path)(torch.ones(2, 3, 4)),
        Engine(made.content, library)(torch.ones(2, 3, 4)),
    )


def test_a_binding_can_be_given(made, library):
    binding = library.create(made.content)
    assert Engine(made.content, binding).library is library


def test_other_numbers_compile_nothing_and_give_their_own_answers(engine, engine_cache):
    other = small(seed=1)
    second = Engine(other.content, cache_dir=engine_cache)
    assert second.library.path == engine.library.path
    x = torch.randn(5, 2, 3, 4)
    assert torch.equal(second(x), truth(other, x))
    assert not torch.equal(second(x), engine(x))


def test_every_path_gives_the_same_answers(made, library):
    x = torch.randn(5, 2, 3, 4)
    for isa in library.supported:
        engine = Engine(made.content, library, isa)
        assert engine.isa == isa
        assert torch.equal(engine(x), truth(made, x))


def test_the_environment_forces_a_path(made, library, monkeypatch):
    monkeypatch.setenv("XNORKIT_ISA", "portable")
    assert Engine(made.content, library).isa == "portable"
    assert Engine(made.content, library, library.supported[0]).isa == library.supported[0]


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_an_unknown_path_is_refused_with_those_there_are(made, library, monkeypatch, by):
    isa = "z80" if by == "argument" else None
    if isa is None:
        monkeypatch.setenv("XNORKIT_ISA", "z80")
    with pytest.raises(EngineError, match="z80: no such path.*portable"):
        Engine(made.content, library, isa)


def test_without_python_h_the_answers_are_the_same(made, engine, engine_cache, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda name: f"/nowhere/{name}")
    by_ctypes = Engine(made.content, cache_dir=engine_cache)
    assert by_ctypes.library.via == "ctypes"
    x = torch.randn(64, 2, 3, 4)
    assert torch.equal(by_ctypes(x), engine(x))


@pytest.mark.slow
def test_the_compiler_of_pip_makes_the_same_engine(made, library, engine_cache, monkeypatch):
    """Without a PATH, so without the machine's own compiler; Zig's C++ library is built once."""
    pytest.importorskip("ziglang")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    by_zig = open_source(made.source, engine_cache)
    assert by_zig.built.compiler.startswith("ziglang")
    assert by_zig.supported == library.supported
    x = torch.randn(64, 2, 3, 4)
    for isa in by_zig.supported:
        assert torch.equal(Engine(made.content, by_zig, isa)(x), truth(made, x))


def test_a_step_computes_on_values_that_were_written(made, engine):
    x = torch.randn(1, 2, 3, 4)
    expected = engine(x)
    engine(-x)
    program = engine.program
    engine.value(0).view(np.float32)[:] = x[0].permute(1, 2, 0).flatten().numpy()
    for op in range(len(program.ops)):
        engine.step(op)
    result = engine.value(program.output).view(np.float32).reshape(2, 2, 3)
    np.testing.assert_array_equal(result.transpose(2, 0, 1), expected[0].numpy())


def test_threads_that_share_an_engine_get_their_own_answers(made, engine):
    xs = [torch.randn(200, 2, 3, 4) for _ in range(4)]
    answers = [None] * 4

    def run(k):
        answers[k] = engine(xs[k])

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(a, truth(made, x)) for a, x in zip(answers, xs, strict=True))


def test_an_engine_goes_without_being_closed(made, library):
    binding = weakref.ref(Engine(made.content, library)._binding)
    assert binding() is None  # at once, without a garbage collection


def test_an_engine_of_pictures_says_that_it_does_not_hear_and_what_it_takes(made, library):
    file = xnor_file.from_bytes(made.content)
    pictures = ImageFrontend((1, 3, 4)).parameters_dict()
    model = xnor_file.to_bytes(replace(file.metadata, features=pictures), file.tensors)
    engine = Engine(model, library)
    said = (
        r"not hear sound: .* of kind image\. Call engine\(x\) with .* \(N, 2, 3, 4\), or one sample"
    )
    for ask in (
        lambda: engine.predict(np.zeros(5, np.int16)),
        lambda: engine.predict(np.zeros((3, 4), np.float32)),
        lambda: engine.stream(20),
        lambda: engine.sample_rate,
    ):
        with pytest.raises(EngineError, match=said):
            ask()
