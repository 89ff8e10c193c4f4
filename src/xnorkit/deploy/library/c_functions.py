"""The C functions of an engine library, called by ctypes or by the pybind11 module.

A library offers cpp/include/xnorkit/c_interface.h and knows nothing of Python; the module
(cpp/bindings/engine.hpp) gets the functions' addresses.
"""

import ctypes
import importlib.util
import itertools
import os
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_MODULE_NAME = "xnorkit_binding"  # as PYBIND11_MODULE has it
_ERROR_BYTES = 512  # hold every sentence of the library


class EngineError(ValueError):
    """What an engine can't do; the message says why and the way out."""


class Functions(Protocol):
    """The C functions of one library; an engine is the address that `create` returns."""

    def create(self, model: bytes, isa: str | None) -> int:
        """An engine; ValueError with the library's sentence where there is none."""
        ...

    def fork(self, engine: int) -> int:
        """Another engine of the same model; 0 where memory is short."""
        ...

    def run(self, engine: int, x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        """x (N, inputs) → y (N, outputs), float32, C-contiguous."""
        ...

    def step(self, engine: int, op: int) -> None:
        """Run one op on the buffers as they are; nothing where there is no such op."""
        ...

    def value(self, engine: int, index: int) -> tuple[int, int]:
        """Address and bytes of a value."""
        ...

    def isa(self, engine: int) -> str:
        """The path that it takes."""
        ...

    def kernel(self, engine: int, op: int) -> str:
        """The loop of an op where there are several; else ""."""
        ...

    def destroy(self, engine: int) -> None:
        """Free an engine."""
        ...


def opened(path: Path) -> ctypes.CDLL:
    """The library with the types of its functions.

    Raises:
        EngineError: no engine library, or one that can't be loaded here.
    """
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    number, sizes, numbers = ctypes.c_int, ctypes.POINTER(size), ctypes.POINTER(ctypes.c_int)
    types = {
        "xnor_create": (pointer, [text, size, text, text, size]),
        "xnor_fork": (pointer, [pointer]),
        "xnor_run": (None, [pointer, pointer, size, pointer]),
        "xnor_step": (None, [pointer, number]),
        "xnor_value": (pointer, [pointer, number, sizes]),
        "xnor_isa": (text, [pointer]),
        "xnor_kernel": (text, [pointer, number]),
        "xnor_destroy": (None, [pointer]),
        "xnor_sizes": (None, [sizes, sizes, numbers, numbers]),
        "xnor_supported": (text, [number]),
    }
    try:
        library = ctypes.CDLL(os.fspath(path.absolute()))
        for name, (result, arguments) in types.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise EngineError(
            f"{path}: no engine library, or one that can't be loaded here ({error}). Build it anew."
        ) from error
    return library


def sizes(library: ctypes.CDLL) -> tuple[int, int, int, int]:
    """Floats of a sample and of its answer, number of ops and of values."""
    inputs, outputs, ops, values = (kind() for kind in (ctypes.c_size_t,) * 2 + (ctypes.c_int,) * 2)
    library.xnor_sizes(*map(ctypes.byref, (inputs, outputs, ops, values)))
    return inputs.value, outputs.value, ops.value, values.value


def supported(library: ctypes.CDLL) -> Iterator[str]:
    """Names of the paths that it holds and this CPU runs, best first."""
    for index in itertools.count():
        name = library.xnor_supported(index)
        if name is None:
            return
        yield name.decode()


def by_ctypes(library: ctypes.CDLL) -> Functions:
    """The functions called by ctypes, which lets other Python threads run during each call."""
    return _ByCtypes(library)


class _ByCtypes:
    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def create(self, model: bytes, isa: str | None) -> int:
        error = ctypes.create_string_buffer(_ERROR_BYTES)
        name = None if isa is None else isa.encode()
        engine = self._library.xnor_create(model, len(model), name, error, _ERROR_BYTES)
        if engine is None:
            raise ValueError(error.value.decode(errors="replace"))
        return int(engine)

    def fork(self, engine: int) -> int:
        return self._library.xnor_fork(engine) or 0

    def run(self, engine: int, x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        self._library.xnor_run(engine, x.ctypes.data, len(x), y.ctypes.data)

    def step(self, engine: int, op: int) -> None:
        self._library.xnor_step(engine, op)

    def value(self, engine: int, index: int) -> tuple[int, int]:
        size = ctypes.c_size_t()
        address = self._library.xnor_value(engine, index, ctypes.byref(size))
        return address or 0, size.value

    def isa(self, engine: int) -> str:
        return str(self._library.xnor_isa(engine).decode())

    def kernel(self, engine: int, op: int) -> str:
        return str(self._library.xnor_kernel(engine, op).decode())

    def destroy(self, engine: int) -> None:
        self._library.xnor_destroy(engine)


def by_module(module: Path, library: ctypes.CDLL) -> Functions:
    """The same through the pybind11 module, whose calls take a fraction of a microsecond."""
    names = ("create", "fork", "run", "step", "value", "isa", "kernel", "destroy")
    functions = (getattr(library, f"xnor_{name}") for name in names)
    addresses = (ctypes.cast(function, ctypes.c_void_p).value for function in functions)
    wrapped: Functions = _imported(module).Functions(*addresses)
    return wrapped


@lru_cache
def _imported(module: Path) -> ModuleType:
    loader = ExtensionFileLoader(_MODULE_NAME, str(module))
    spec = importlib.util.spec_from_file_location(_MODULE_NAME, module, loader=loader)
    if spec is None:
        raise ImportError(f"{module} is no Python module")
    found = importlib.util.module_from_spec(spec)
    loader.exec_module(found)
    return found
