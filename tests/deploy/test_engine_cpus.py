"""The same unit on lesser CPUs, by what `__get_cpuid` says there."""

import platform
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from small_engine import small

from xnorkit.deploy.engine import Engine
from xnorkit.deploy.library.binding import open_source
from xnorkit.deploy.library.c_functions import EngineError


@pytest.fixture(scope="module")
def made():
    return small()


def assert_answers_are_torchs(made, engine):
    x = torch.randn(5, 2, 3, 4)
    with torch.no_grad():
        assert torch.equal(engine(x), made.network(x))


def without(cpuid):
    """What comes before a unit on a CPU of which __get_cpuid says so."""
    defined = f"#define __get_cpuid(leaf, a, b, c, d) {cpuid}\n"
    return f"#if defined(__x86_64__)\n#include <cpuid.h>\n{defined}#endif\n"


LESSER = {
    "counts ones, nothing else": without("((leaf) == 1 ? (*(c) = 1u << 23, 1) : 0)"),
    "counts no ones": without("0"),
    "counts no ones, baseline": "#define XNORKIT_BASELINE\n" + without("0"),
}


@pytest.fixture(scope="module")
def lesser(made, engine_cache):
    """The same code as lesser CPUs see it, compiled side by side."""
    units = [before + made.source for before in LESSER.values()]
    with ThreadPoolExecutor() as pool:
        opened = pool.map(lambda unit: open_source(unit, engine_cache), units)
        return dict(zip(LESSER, opened, strict=True))


def test_an_engine_from_a_better_cpu_takes_the_best_path_of_this_one(made, lesser, engine_cache):
    library = lesser["counts ones, nothing else"]
    assert library.supported == ("portable",)
    engine = Engine(made.content, library)
    assert engine.isa == "portable"
    assert_answers_are_torchs(made, engine)
    if open_source(made.source, engine_cache).supported[0] != "portable":
        with pytest.raises(EngineError, match="x86_avx2: this CPU lacks its instructions"):
            Engine(made.content, library, "x86_avx2")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="of x86-64 CPUs before 2008")
def test_a_cpu_that_counts_no_ones_is_told_what_to_compile(made, lesser):
    library = lesser["counts no ones"]
    assert library.supported == ()
    with pytest.raises(EngineError, match="popcnt.*-DXNORKIT_BASELINE"):
        Engine(made.content, library)
    engine = Engine(made.content, lesser["counts no ones, baseline"])
    assert engine.isa == "portable"
    assert_answers_are_torchs(made, engine)
