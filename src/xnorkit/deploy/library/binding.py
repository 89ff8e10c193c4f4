"""Engine library → callable from Python, by pybind11 or, where Python.h is missing, by ctypes.

The pybind11 module is compiled once per Python, beside the first engine, and serves all of them.
"""

import ctypes
import logging
import os
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from numbers import Integral
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xnorkit.deploy.library.c_functions import (
    EngineError,
    Functions,
    by_ctypes,
    by_module,
    opened,
    sizes,
    supported,
)
from xnorkit.native.compile import Builds, Built, CompileError
from xnorkit.native.toolchain import python_includes
from xnorkit.native.unit import Unit

Via = Literal["pybind11", "ctypes"]

_MODULE = Unit(
    "#include <bindings/engine.hpp>\n",
    name="what Python calls engines by",
    headers=("bindings/*", "include/xnorkit/c_interface.h"),
    python=True,
)

_log = logging.getLogger(__name__)


class Binding:
    """One model in memory, and an engine of it for each thread that runs it.

    Attributes:
        isa: the path that it takes.
        library: whose functions it calls.
        kernels: of each op, the loop that it takes where there are several; else "".
    """

    def __init__(self, library: "Library", model: bytes, isa: str | None = None) -> None:
        self.library = library
        self._functions = library.functions
        if not isinstance(isa, str | None):
            raise EngineError(f"isa={isa!r}: give a path by name: {', '.join(library.supported)}.")
        try:
            self._engine = self._functions.create(model, isa)
        except ValueError as error:
            raise EngineError(str(error)) from None
        self._all = [self._engine]
        self._idle = [self._engine]
        self._close = weakref.finalize(self, _destroy, self._functions, self._all)
        self.isa = self._functions.isa(self._engine)
        self.kernels = tuple(self._functions.kernel(self._engine, op) for op in range(library.ops))

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
        if not isinstance(threads, int | Integral) or threads < 1:
            raise EngineError(f"threads={threads!r}: an engine runs on a whole number, 1 or more.")
        inputs = self.library.inputs
        if x.dtype != np.float32 or x.ndim != 2 or x.shape[1] != inputs or not x.flags.c_contiguous:
            raise EngineError(
                f"x is {x.dtype} of shape {x.shape}: an engine runs on C-contiguous float32 of "
                f"shape (N, {inputs})."
            )
        y = np.empty((len(x), self.library.outputs), np.float32)
        threads = min(threads, len(x))
        if threads < 2:
            self._run(x, y)
            return y
        parts = [len(x) * i // threads for i in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            runs = [pool.submit(self._run, x[a:b], y[a:b]) for a, b in pairwise(parts)]
        for run in runs:
            run.result()
        return y

    def _run(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        with self._borrowed() as engine:
            self._functions.run(engine, x, y)

    @contextmanager
    def _borrowed(self) -> Iterator[int]:
        """An engine that no other thread has; after the first calls none is made anew."""
        engine = self._taken()
        try:
            yield engine
        finally:
            self._idle.append(engine)  # atomic, as remove and pop are

    def _taken(self) -> int:
        try:
            self._idle.remove(self._engine)  # first of all that whose buffers `value` gives
            return self._engine
        except ValueError:
            pass
        try:
            return self._idle.pop()
        except IndexError:
            engine = self._functions.fork(self._engine)
        if not engine:
            raise EngineError("no memory for another thread's engine. Use fewer threads.")
        self._all.append(engine)
        return engine

    def step(self, op: int | None) -> None:
        """Run one op on the buffers as they are; by one thread, while none runs the engine.

        Args:
            op: its number; None: an empty call, which takes what a step's call takes.

        Raises:
            EngineError: there is no such op.
        """
        if op is not None and not 0 <= op < self.library.ops:
            raise EngineError(f"op={op}: this engine has ops 0 to {self.library.ops - 1}.")
        self._functions.step(self._engine, -1 if op is None else op)

    def value(self, index: int) -> NDArray[np.uint8]:
        """The buffer of a value, as the last run of one thread left it; you may write it.

        It keeps the engine alive.

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


def _destroy(functions: Functions, engines: list[int]) -> None:
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
        library = opened(self.path)
        self.inputs, self.outputs, self.ops, self.values = sizes(library)
        self.supported = tuple(supported(library))
        self.functions: Functions = (
            by_ctypes(library) if module is None else by_module(module, library)
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
