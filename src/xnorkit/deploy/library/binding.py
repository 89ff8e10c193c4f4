"""Engine library → callable from Python, by pybind11 or, where Python.h is missing, by ctypes.

A library offers the C functions of cpp/include/xnorkit/c_interface.h and knows nothing of Python.
The pybind11 module (cpp/bindings/engine.hpp) gets their addresses: it is compiled once per Python,
beside the first engine, and serves all of them.
"""

import ctypes
import importlib.util
import itertools
import logging
import os
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from importlib.machinery import ExtensionFileLoader
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from xnorkit.deploy.library.compile import Builds, Built, CompileError
from xnorkit.deploy.library.toolchain import python_includes
from xnorkit.deploy.library.unit import Unit

Via = Literal["pybind11", "ctypes"]

_MODULE = Unit(
    "#include <bindings/engine.hpp>\n",
    headers=("bindings/*", "include/xnorkit/c_interface.h"),
    python=True,
)
_MODULE_NAME = "xnorkit_binding"  # as PYBIND11_MODULE has it
_ERROR_BYTES = 512  # hold every sentence of the library

_log = logging.getLogger(__name__)


class EngineError(ValueError):
    """What an engine can't do; the message says why and the way out."""


class _Functions(Protocol):
    """The C functions of one library; an engine is the address that `create` returns."""

    def create(self, model: bytes, isa: str | None) -> int: ...
    def fork(self, engine: int) -> int: ...
    def run(self, engine: int, x: NDArray[np.float32], y: NDArray[np.float32]) -> None: ...
    def step(self, engine: int, op: int) -> None: ...
    def value(self, engine: int, index: int) -> tuple[int, int]: ...
    def isa(self, engine: int) -> str: ...
    def destroy(self, engine: int) -> None: ...


class Binding:
    """One model in memory, and an engine of it for each thread that runs it.

    Attributes:
        isa: the path that it takes.
        library: whose functions it calls.
    """

    def __init__(self, library: "Library", model: bytes, isa: str | None = None) -> None:
        self.library = library
        self._functions = library.functions
        try:
            self._engine = self._functions.create(model, isa)
        except ValueError as error:
            raise EngineError(str(error)) from None
        self._all = [self._engine]
        self._idle = [self._engine]
        self._close = weakref.finalize(self, _destroy, self._functions, self._all)
        self.isa = self._functions.isa(self._engine)

    @property
    def address(self) -> int:
        """Of an engine in memory, for the C functions that fork it."""
        return self._engine

    def run(self, x: NDArray[np.float32], threads: int = 1) -> NDArray[np.float32]:
        """Outputs of a batch; other Python threads run meanwhile, this engine too.

        Args:
            x: (N, inputs), float32, C-contiguous; rows and columns before channels.
            threads: among which the samples are shared out, at most N.

        Returns:
            (N, outputs), float32.

        Raises:
            EngineError: another array, no thread, or memory is short.
        """
        if threads < 1:
            raise EngineError(f"threads={threads}: an engine runs on 1 or more.")
        inputs = self.library.inputs
        if x.dtype != np.float32 or x.ndim != 2 or x.shape[1] != inputs or not x.flags.c_contiguous:
            raise EngineError(
                f"x is {x.dtype} of shape {x.shape}: an engine runs on C-contiguous float32 of "
                f"shape (N, {inputs})."
            )
        y = np.empty((len(x), self.library.outputs), np.float32)
        if min(threads, len(x)) < 2:
            self._run(x, y)
            return y
        parts = [len(x) * i // threads for i in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            runs = [pool.submit(self._run, x[a:b], y[a:b]) for a, b in pairwise(parts) if a < b]
        for run in runs:
            run.result()
        return y

    def _run(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        with self._borrowed() as engine:
            self._functions.run(engine, x, y)

    @contextmanager
    def _borrowed(self) -> Iterator[int]:
        """An engine that no other thread has; after the first calls none is made anew."""
        try:
            engine = self._idle.pop()  # atomic, as append is
        except IndexError:
            engine = self._functions.fork(self._engine)
            if not engine:
                raise EngineError(
                    "no memory for another thread's engine. Use fewer threads."
                ) from None
            self._all.append(engine)
        try:
            yield engine
        finally:
            self._idle.append(engine)

    def step(self, op: int) -> None:
        """Run one op on the buffers as they are; by one thread, while none runs the engine.

        Raises:
            EngineError: there is no such op.
        """
        if not 0 <= op < self.library.ops:
            raise EngineError(f"op={op}: this engine has ops 0 to {self.library.ops - 1}.")
        self._functions.step(self._engine, op)

    def value(self, index: int) -> NDArray[np.uint8]:
        """The buffer of a value, which you may write; it keeps the engine alive.

        Raises:
            EngineError: there is no such value.
        """
        if not 0 <= index < self.library.values:
            raise EngineError(
                f"value={index}: this engine has values 0 to {self.library.values - 1}."
            )
        address, size = self._functions.value(self._engine, index)
        buffer = (ctypes.c_uint8 * size).from_address(address)
        buffer.keeps = self  # type: ignore[attr-defined]  # the array holds the buffer, it the engine
        return np.frombuffer(memoryview(buffer), np.uint8)


def _destroy(functions: _Functions, engines: list[int]) -> None:
    for engine in engines:
        functions.destroy(engine)


class Library:
    """An engine library, open until the process ends.

    Attributes:
        path: of the file.
        via: how its functions are called.
        built: how it came about; None for one that was given.
        inputs: floats of a sample.
        outputs: floats of its answer.
        ops: how many.
        values: how many.
        supported: names of the paths that it holds and this CPU runs, best first.
        functions: the C functions.
    """

    def __init__(
        self, path: str | os.PathLike[str], module: Path | None = None, built: Built | None = None
    ) -> None:
        """Open a file.

        Args:
            path: of the library.
            module: of the pybind11 module; None: by ctypes.
            built: how the library came about.

        Raises:
            EngineError: no engine library, or one that can't be loaded here.
        """
        self.path = Path(path)
        self.via: Via = "ctypes" if module is None else "pybind11"
        self.built = built
        library = _opened(self.path)
        self.inputs, self.outputs, self.ops, self.values = _sizes(library)
        self.supported = tuple(_supported(library))
        self.functions: _Functions = (
            _CFunctions(library) if module is None else _called_by(module, library)
        )

    def create(self, model: bytes, isa: str | None = None) -> Binding:
        """An engine with a model's numbers.

        Args:
            model: all bytes of a model.xnor of this topology.
            isa: one of `supported`; by default the environment's XNORKIT_ISA, else the best.

        Raises:
            EngineError: the model is damaged or of another topology, or there is no such path.
        """
        return Binding(self, model, isa)


def open_source(
    source: str,
    cache_dir: str | os.PathLike[str] | None = None,
    via: Via | None = None,
) -> Library:
    """The library of a unit, compiled or found, and open.

    Args:
        source: text of a generated unit.
        cache_dir: see `compile.build`.
        via: by default pybind11 where it can be compiled, else ctypes; the answers are the same.

    Raises:
        ValueError: see `compile.build`; EngineError: the library can't be loaded.
    """
    wants_module = via == "pybind11" or (via is None and python_includes() is not None)
    with Builds(cache_dir) as builds:
        module = builds.start(_MODULE) if wants_module else None
        built = builds.start(Unit(source)).result()
        try:
            return Library(built.path, module.result().path if module else None, built)
        except (CompileError, ImportError) as error:
            if via == "pybind11":
                raise
            _log.warning("engines are called by ctypes, with the same answers: %s", error)
    return Library(built.path, None, built)


def _opened(path: Path) -> ctypes.CDLL:
    """The library with the types of its functions."""
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    number, sizes, numbers = ctypes.c_int, ctypes.POINTER(size), ctypes.POINTER(ctypes.c_int)
    types = {
        "xnor_create": (pointer, [text, size, text, text, size]),
        "xnor_fork": (pointer, [pointer]),
        "xnor_run": (None, [pointer, pointer, size, pointer]),
        "xnor_step": (None, [pointer, number]),
        "xnor_value": (pointer, [pointer, number, sizes]),
        "xnor_isa": (text, [pointer]),
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


def _sizes(library: ctypes.CDLL) -> tuple[int, int, int, int]:
    inputs, outputs, ops, values = (kind() for kind in (ctypes.c_size_t,) * 2 + (ctypes.c_int,) * 2)
    library.xnor_sizes(*map(ctypes.byref, (inputs, outputs, ops, values)))
    return inputs.value, outputs.value, ops.value, values.value


def _supported(library: ctypes.CDLL) -> Iterator[str]:
    for index in itertools.count():
        name = library.xnor_supported(index)
        if name is None:
            return
        yield name.decode()


class _CFunctions:
    """By ctypes, which lets other Python threads run during each call."""

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

    def destroy(self, engine: int) -> None:
        self._library.xnor_destroy(engine)


def _called_by(module: Path, library: ctypes.CDLL) -> _Functions:
    """The same through the pybind11 module, whose calls take a fraction of a microsecond."""
    names = ("create", "fork", "run", "step", "value", "isa", "destroy")
    functions = (getattr(library, f"xnor_{name}") for name in names)
    addresses = (ctypes.cast(function, ctypes.c_void_p).value for function in functions)
    wrapped: _Functions = _imported(module).Functions(*addresses)
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
