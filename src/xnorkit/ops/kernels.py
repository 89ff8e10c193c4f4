"""The C functions of cpp/include/xnorkit/tensor, compiled once per machine, called by ctypes.

ctypes lets other Python threads run during a call.
"""

import ctypes
import itertools
import os
from functools import lru_cache

import torch
from torch import Tensor

from xnorkit.native.compile import Builds, default_cache_dir
from xnorkit.native.unit import Unit

UNIT = Unit(
    "#include <xnorkit/tensor/functions.hpp>\nXNORKIT_TENSOR_FUNCTIONS\n",
    name="the kernels of xnorkit.ops",
)
_ERROR_BYTES = 512  # hold every sentence of the library
MOST_INT = 2**31 - 1  # of the library's int, into which ctypes would cut a larger number


class OpError(ValueError):
    """What an operator can't do; the message says why and the way out."""


class BitRange(ctypes.Structure):
    """Which elements, as unsigned numbers of `bytes` bytes, are a bit 1: first … last."""

    _fields_ = (
        ("bytes", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("last", ctypes.c_uint64),
    )


class BitValues(ctypes.Structure):
    """What stands for a bit 0 and a bit 1, as unsigned numbers of `bytes` bytes."""

    _fields_ = (
        ("bytes", ctypes.c_int),
        ("zero", ctypes.c_uint64),
        ("one", ctypes.c_uint64),
    )


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The kernels, compiled or found.

    Raises:
        ValueError: there is no compiler, or it refuses; see `xnorkit.native.compile`.
    """
    with Builds(default_cache_dir()) as builds:
        found = ctypes.CDLL(str(builds.start(UNIT).result().path))
    address, size, number = ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int
    text, range_, values = ctypes.c_char_p, ctypes.POINTER(BitRange), ctypes.POINTER(BitValues)
    types = {
        "xnor_choose_isa": (number, [text, text, ctypes.c_size_t]),
        "xnor_supported": (text, [number]),
        "xnor_pack_bits": (None, [number, address, size, size, range_, address, number]),
        "xnor_unpack_bits": (None, [number, address, size, size, values, address, number]),
        "xnor_gemm": (number, [number, address, size, address, size, size, address, number]),
        "xnor_linear": (number, [
            number, address, range_, size, address, size, size, address, address, address, number,
        ]),
        "xnor_conv2d": (number, [
            number, address, address, range_, address, address, address, address, number,
        ]),
    }  # fmt: skip
    for name, (result, arguments) in types.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


def supported() -> list[str]:
    """Names of the paths that this CPU runs, best first: what XNORKIT_ISA can say."""
    names = map(library().xnor_supported, itertools.count())
    return [name.decode() for name in itertools.takewhile(bool, names)]


def isa() -> int:
    """Which path a call takes: XNORKIT_ISA's, else the best of this CPU.

    Raises:
        OpError: there is no such path, or this CPU lacks it.
    """
    return _chosen(os.environ.get("XNORKIT_ISA", ""))


@lru_cache
def _chosen(wanted: str) -> int:
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    index: int = library().xnor_choose_isa(wanted.encode(), error, _ERROR_BYTES)
    if index < 0:
        raise OpError(error.value.decode(errors="replace").replace("isa=", "XNORKIT_ISA=", 1))
    return index


def threads_of(threads: int | None) -> int:
    """As many threads as an op may use: `torch.get_num_threads()` where none are named."""
    return torch.get_num_threads() if threads is None else min(threads, MOST_INT)


def require_threads(threads: int | None) -> None:
    """Refuse a number of threads that is none."""
    if threads is not None and threads < 1:
        raise OpError(f"threads={threads}: give 1 or more, or None for torch.get_num_threads().")


def require_cpu(name: str, x: Tensor, beside: Tensor | None = None) -> None:
    """Refuse another device, also than that of the tensor beside it, and sparse tensors."""
    if not (x.is_cpu or x.is_meta):
        raise OpError(f"{name} is on {x.device}: xnorkit.ops run on the CPU. Call {name}.cpu().")
    if x.layout != torch.strided:
        raise OpError(f"{name} is {x.layout}: elements must lie in memory. Call {name}.to_dense().")
    if beside is not None and x.is_meta != beside.is_meta:  # the answer would have no numbers
        raise OpError(
            f"{name} is on {x.device} beside a tensor on {beside.device}. Give both on the CPU."
        )


def require_done(done: int) -> None:
    """Refuse what memory was short for."""
    if not done:
        raise MemoryError("no memory for the packed weights. Use fewer threads or smaller pieces.")
