"""What the tests of ops/ share: every path that this CPU has."""

import platform

import pytest

from xnorkit.ops import OpError, kernels

X86 = ("x86_avx512", "x86_avx512bw", "x86_avx2")
ISAS = (*X86, "portable") if platform.machine() == "x86_64" else ("arm_neon", "portable")


@pytest.fixture(params=ISAS)
def isa(request, monkeypatch):
    """Each path in turn, by the environment."""
    monkeypatch.setenv("XNORKIT_ISA", request.param)
    try:
        kernels.isa()
    except OpError as error:
        pytest.skip(str(error))
    return request.param
