"""model.xnor → something that you call: numpy array or CPU tensor in, logits out."""

import os
from pathlib import Path
from typing import Self, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xnorkit.deploy import xnor_file
from xnorkit.deploy.audio.listener import Listeners, Prediction, Waveform, samples_of
from xnorkit.deploy.audio.stream import Stream
from xnorkit.deploy.export.folder import Exported, export
from xnorkit.deploy.generate import source
from xnorkit.deploy.library.binding import Binding, Library, open_source
from xnorkit.deploy.library.c_functions import EngineError
from xnorkit.deploy.program import program_of

Array = NDArray[np.float32]
Where = str | os.PathLike[str]


class InputError(ValueError):
    """What an engine does not take; the message says what came and what it takes."""


class Engine:
    """A network as C++, with the numbers of one model.

    `engine(x)` gives logits in the kind that x has. Threads may share an engine: each runs in
    memory of its own, all read the same weights.

    Attributes:
        program: its ops.
        labels: of the logits, in order; may be empty.
        features: how its input is computed; may be empty.
        isa: the path that it takes, e.g. x86_avx2.
        nbytes: size of model.xnor.
        library: the compiled code, of the topology alone.
    """

    def __init__(
        self,
        model: bytes,
        library: Binding | Library | Where | None = None,
        isa: str | None = None,
        cache_dir: Where | None = None,
        where: str = "model.xnor",
    ) -> None:
        """Construct from all bytes of a model.xnor; what they say is compiled, or found compiled.

        Args:
            model: see docs/file_format.md.
            library: the engine library of its topology; None: compiled or found in the cache.
            isa: a path by name; None: the environment's XNORKIT_ISA, else the best.
            cache_dir: see `compile.build`.
            where: what the bytes are called in errors.

        Raises:
            XnorFileError: the bytes are damaged, foreign, of another version, or the program and
                the tensors don't fit.
            EngineError: the library is of another topology, or there is no such path.
            NoCompilerError, CompileError, CacheError: see `compile.build`.
        """
        file = xnor_file.from_bytes(model, where)
        self.program = program_of(file, where)
        self.labels = file.metadata.labels
        self.features = file.metadata.features
        self._model = model
        self._wanted_isa = isa
        if library is None:
            library = open_source(source(self.program), cache_dir)
        elif isinstance(library, str | os.PathLike):
            library = Library(library)
        self._binding = library if isinstance(library, Binding) else library.create(model, isa)
        self._listeners = Listeners(self._binding, model)

    @classmethod
    def load(
        cls, path: Where, isa: str | None = None, library: Library | Where | None = None,
        cache_dir: Where | None = None,
    ) -> Self:  # fmt: skip
        """The engine of a model.xnor.

        Args:
            path: of the file.
            isa: see the class.
            library: see the class.
            cache_dir: see the class.

        Raises:
            XnorFileError: there is no such file; others as of the class.
        """
        return cls(xnor_file.read(path).content, library, isa, cache_dir, os.fspath(path))

    def save(self, path: Where) -> None:
        """Write model.xnor.

        Raises:
            XnorFileError: the disk is full, the folder is not there or can't be written.
        """
        xnor_file.write(path, self._model)

    def export(
        self, folder: Where, target: str | None = None, cache_dir: Where | None = None
    ) -> Exported:
        """Write a C++ project that builds and runs this model without Python.

        Args:
            folder: is made where it is missing; what you changed in it stays.
            target: machine to compile for as well, e.g. aarch64-linux.
            cache_dir: see the class.

        Raises:
            ExportError, NoCompilerError, CompileError: see `export.folder.export`.
        """
        return export(self._model, folder, target, cache_dir)

    @property
    def isa(self) -> str:
        """The path that it takes."""
        return self._binding.isa

    @property
    def kernels(self) -> tuple[str, ...]:
        """Of each op, the loop that it takes where its path has several; else ""."""
        return self._binding.kernels

    @property
    def nbytes(self) -> int:
        """Size of model.xnor."""
        return len(self._model)

    @property
    def library(self) -> Library:
        """The compiled code."""
        return self._binding.library

    @overload
    def __call__(self, x: Tensor, threads: int = 1) -> Tensor: ...
    @overload
    def __call__(self, x: Array, threads: int = 1) -> Array: ...
    def __call__(self, x: Array | Tensor, threads: int = 1) -> Array | Tensor:
        """Logits.

        Args:
            x: (N, *program.input_shape), or one sample without N; float32, finite.
            threads: among which the samples of a batch are shared out.

        Returns:
            (N, *program.output_shape), or one answer without N; numpy or torch, as x is.

        Raises:
            InputError: x is something else.
            EngineError: no thread, or no memory for so many.
        """
        array = _array(x)
        single = array.shape == self.program.input_shape
        if not single and array.shape[1:] != self.program.input_shape:
            raise InputError(f"x has shape {array.shape}: this engine takes {self._takes()}.")
        _refuse_not_finite(array)
        laid_out = self._laid_out(array[None] if single else array)
        answer = self._shaped(self._binding.run(laid_out, threads))
        answer = answer[0] if single else answer
        return torch.from_numpy(answer) if isinstance(x, Tensor) else answer

    @property
    def sample_rate(self) -> int:
        """Of the waveforms that it takes, in Hz.

        Raises:
            EngineError: the model says no labels, or no features of sound.
        """
        with self._hearing().borrowed() as listener:
            return listener.rate

    def predict(self, waveform: Waveform) -> Prediction:
        """The answer to a recording; other Python threads run meanwhile, this engine too.

        Args:
            waveform: (n,), n ≥ 1, at `sample_rate`; int16, or finite float32 of full scale 1;
                numpy or a CPU tensor. What is shorter than a clip is followed by silence; what is
                longer is heard in clips that overlap by half.

        Raises:
            WaveformError: something else.
            EngineError: the model says no labels, or no features of sound.
        """
        listeners = self._hearing()
        samples = samples_of(waveform)
        with listeners.borrowed() as listener:
            return listener.predict(samples)

    def stream(self, hop_ms: float, smoothing: int = 1) -> Stream:
        """A decision every `hop_ms`, on samples fed in pieces of any size; see `Stream`.

        Args:
            hop_ms: a multiple of the features' hop, at most a clip.
            smoothing: how many decisions are averaged, this one and those before it; 1: none.

        Raises:
            WaveformError: a hop or smoothing that can't be.
            EngineError: the model says no labels, or no features of sound.
        """
        return Stream(self._hearing().new(), hop_ms, smoothing)

    def step(self, op: int | None) -> None:
        """Run one op on the buffers as they are; by one thread, while none runs the engine.

        Args:
            op: its number; None: an empty call, which takes what a step's call takes.

        Raises:
            EngineError: there is no such op.
        """
        self._binding.step(op)

    def value(self, index: int) -> NDArray[np.uint8]:
        """The bytes of a value's buffer, which you may write: [h][w][c] of one sample."""
        return self._binding.value(index)

    def __reduce__(self) -> tuple[type[Self], tuple[bytes, Path | None, str | None, Path | None]]:
        """Pickled and copied as model.xnor: the library is found, or compiled, where it is read."""
        path = self.library.path
        found = (None, path.parent.parent) if self.library.built is not None else (path, None)
        return type(self), (self._model, found[0], self._wanted_isa, found[1])

    def __repr__(self) -> str:
        return (
            f"Engine({self.program.input_shape} → {self.program.output_shape}, "
            f"{len(self.program.ops)} ops, {self.nbytes:,} bytes, {self.isa})"
        )

    def _hearing(self) -> Listeners:
        """What hears; EngineError where the features are those of something else than sound."""
        if "kind" in self.features:  # those of sound name none
            raise EngineError(
                "this model does not hear sound: its features are of kind "
                f"{self.features['kind']}. Call engine(x) with an array of them, {self._takes()}."
            )
        return self._listeners

    def _takes(self) -> str:
        shape = ", ".join(map(str, self.program.input_shape))
        return f"(N, {shape}), or one sample of shape {self.program.input_shape}"

    def _laid_out(self, x: Array) -> Array:
        """(N, C, …) → (N, inputs), channels last."""
        if x.ndim > 2 and x.shape[1] > 1:
            x = x.transpose(0, *range(2, x.ndim), 1)
        return np.ascontiguousarray(x).reshape(len(x), self.library.inputs)

    def _shaped(self, y: Array) -> Array:
        """(N, outputs), channels last → (N, *output_shape), which may be a flattened map."""
        where = self.program.values[self.program.output].map
        if where.h * where.w > 1:
            y = y.reshape(len(y), where.h, where.w, where.c).transpose(0, 3, 1, 2)
        return np.ascontiguousarray(y).reshape(len(y), *self.program.output_shape)


def _array(x: Array | Tensor) -> Array:
    """The float32 numbers of what was given."""
    if isinstance(x, Tensor):
        if x.device.type != "cpu":
            raise InputError(f"x is on {x.device}: an engine runs on the CPU. Give it x.cpu().")
        if x.dtype != torch.float32:
            raise InputError(f"x is {x.dtype}: an engine takes torch.float32. Give it x.float().")
        return x.detach().numpy()
    if not isinstance(x, np.ndarray):
        raise InputError(f"x is a {type(x).__name__}: an engine takes a numpy array or a tensor.")
    if x.dtype != np.float32:
        raise InputError(
            f"x is {x.dtype}: an engine takes float32. Give it x.astype(numpy.float32)."
        )
    return x


def _refuse_not_finite(x: Array) -> None:
    finite = np.isfinite(x)
    if not finite.all():
        places = np.argwhere(~finite)
        first = tuple(places[0].tolist())
        raise InputError(
            f"x holds {x[first]} at {first}, and {len(places)} of {x.size} numbers are not "
            "finite: such an input has no answer. Repair what computes it."
        )
