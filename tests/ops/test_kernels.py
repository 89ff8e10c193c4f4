"""The library: once for all, on the path that the environment names, without the GIL."""

import ctypes
import sys
import threading
import time
from importlib.util import find_spec

import pytest
import torch

from xnorkit.ops import (
    OpError,
    kernels,
    pack_bits,
    unpack_bits,
    xnor_conv2d,
    xnor_gemm,
    xnor_linear,
)


def test_a_path_that_is_not_there_is_refused_by_the_name_of_the_variable(monkeypatch):
    monkeypatch.setenv("XNORKIT_ISA", "mmx")
    with pytest.raises(OpError, match="XNORKIT_ISA=mmx: no such path. This CPU runs .*portable"):
        pack_bits(torch.ones(8))


def test_every_path_that_is_supported_can_be_named_the_first_is_the_default(monkeypatch):
    names = kernels.supported()
    assert names[-1] == "portable"
    monkeypatch.delenv("XNORKIT_ISA", raising=False)
    chosen = [kernels.isa()]
    for name in names:
        monkeypatch.setenv("XNORKIT_ISA", name)
        chosen.append(kernels.isa())
    assert chosen[0] == chosen[1]
    assert sorted(set(chosen)) == chosen[1:]


def test_a_path_is_taken_as_soon_as_it_is_named(monkeypatch):
    monkeypatch.delenv("XNORKIT_ISA", raising=False)
    best = kernels.isa()
    monkeypatch.setenv("XNORKIT_ISA", "portable")
    assert kernels.isa() >= best
    monkeypatch.setenv("XNORKIT_ISA", "")
    assert kernels.isa() == best


def test_threads_are_torchs_where_none_are_named():
    assert kernels.threads_of(None) == torch.get_num_threads()
    assert kernels.threads_of(3) == 3
    assert ctypes.c_int(kernels.threads_of(2**32)).value > 0  # none would be no work at all


def test_another_device_is_refused_by_the_name_of_the_argument():
    class Elsewhere:
        device = torch.device("cuda", 0)
        is_cpu = is_meta = False

    with pytest.raises(OpError, match=r"x is on cuda:0: .* Call x.cpu\(\)"):
        kernels.require_cpu("x", Elsewhere())


def test_sparse_tensors_and_those_without_numbers_are_refused():
    x = torch.ones(2, 8)
    with pytest.raises(OpError, match=r"x is torch.sparse_coo: .* Call x.to_dense\(\)"):
        pack_bits(x.to_sparse())
    with pytest.raises(OpError, match="b is on meta beside a tensor on cpu"):
        xnor_gemm(pack_bits(x), pack_bits(x.to("meta")), 8)


def test_other_python_threads_run_during_a_call():
    x = torch.ones(1 << 25)  # milliseconds of work
    seen, done = [], threading.Event()

    def count():
        while not done.is_set():
            seen.append(time.perf_counter())
            time.sleep(0)

    other = threading.Thread(target=count)
    other.start()
    began = time.perf_counter()
    for _ in range(5):
        pack_bits(x, threads=1)
    ended = time.perf_counter()
    done.set()
    other.join()
    # With the GIL held there would be at most the few moments between two calls.
    assert sum(began < moment < ended for moment in seen) > 50


def by_others(call):
    """Share of a call's processor time that other threads than the caller's took."""
    own, all_of_it = time.thread_time(), time.process_time()
    call()
    own, all_of_it = time.thread_time() - own, time.process_time() - all_of_it
    return 1 - own / all_of_it


def test_threads_are_as_many_as_are_asked_for():
    bits, x = pack_bits(torch.randn(1500, 1500)), torch.randn(1500, 1500)
    maps, filters = torch.randn(4, 64, 60, 60), pack_bits(torch.randn(256, 576))
    many = torch.randn(3000, 3000)
    packed = pack_bits(many)
    for op in (
        lambda n: pack_bits(many, threads=n),
        lambda n: unpack_bits(packed, 3000, threads=n),
        lambda n: xnor_gemm(bits, bits, 1500, threads=n),
        lambda n: xnor_linear(x, bits, threads=n),
        lambda n: xnor_conv2d(maps, filters, (3, 3), threads=n),
    ):
        op(1)
        assert by_others(lambda op=op: op(1)) < 0.2
        assert by_others(lambda op=op: op(4)) > 0.4  # three quarters, were all shares alike


class All(torch.nn.Module):
    """Every operator, one after the other."""

    def forward(self, x, weight):
        bits = pack_bits(x)
        y = xnor_linear(unpack_bits(bits, 77), weight) + xnor_gemm(bits, weight, 77)
        filters = pack_bits(torch.ones(5, 9 * 4))
        return y, xnor_conv2d(y.reshape(1, 4, -1, 3), filters, (3, 3), padding=1)


def test_all_operators_are_exported_and_compiled_whole():
    x, weight = torch.randn(12, 77), pack_bits(torch.randn(8, 77))
    expected = All()(x, weight)
    exported = torch.export.export(All(), (x, weight))
    called = {str(n.target) for n in exported.graph.nodes if "xnorkit" in str(n.target)}
    assert len(called) == 5
    compiled = torch.compile(All(), backend="aot_eager", fullgraph=True)
    for made in (exported.module(), compiled):
        assert all(map(torch.equal, made(x, weight), expected))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ziglang") is None, reason="no ziglang")
def test_the_compiler_of_pip_builds_them_too(monkeypatch):
    monkeypatch.setenv("CXX", f"{sys.executable} -m ziglang c++ -mcpu=baseline")
    a, b = torch.randn(50, 1000), torch.randn(70, 1000)
    before = xnor_gemm(pack_bits(a), pack_bits(b), 1000)
    for cache in (kernels.library, kernels._chosen):
        cache.cache_clear()
    try:
        assert torch.equal(xnor_gemm(pack_bits(a), pack_bits(b), 1000), before)
    finally:
        for cache in (kernels.library, kernels._chosen):
            cache.cache_clear()
