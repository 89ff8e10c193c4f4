"""Samples → features, probabilities and label, by the C++ front end of an engine library.

The functions are those of cpp/include/xnorkit/c_audio.h, called by ctypes: a call's microsecond
does not count beside a network, and other Python threads run meanwhile.
"""

import ctypes
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xnorkit.deploy.library.binding import Binding
from xnorkit.deploy.library.c_functions import EngineError

Waveform = NDArray[np.int16] | NDArray[np.float32] | Tensor
Samples = NDArray[np.int16] | NDArray[np.float32]
Probabilities = NDArray[np.float32]

_ERROR_BYTES = 512  # hold every sentence of the library


class WaveformError(ValueError):
    """Samples, or a hop between decisions, that a model does not take; says which it does."""


@dataclass(frozen=True)
class Window:
    """A part of a recording and its answer.

    Attributes:
        start: in seconds.
        end: in seconds.
        probabilities: (classes,), they sum to 1.
    """

    start: float
    end: float
    probabilities: Probabilities


@dataclass(frozen=True)
class Prediction:
    """The answer to a recording or a picture.

    Attributes:
        label: of the highest mean probability.
        probabilities: (classes,), mean over the windows.
        windows: in order of time; a picture has none.
    """

    label: str
    probabilities: Probabilities
    windows: tuple[Window, ...]


class Listener:
    """A network's copy that hears; for one thread at a time.

    Args:
        binding: its engine.
        model: the bytes of model.xnor.

    Attributes:
        rate: of the samples, in Hz.
        clip: samples that the network hears at once.
        hop: samples from one column of the features to the next.
        labels: of the classes.

    Raises:
        EngineError: the model says no features or labels, or memory is short.
    """

    def __init__(self, binding: Binding, model: bytes) -> None:
        self._c = _functions(binding.library.path)
        error = ctypes.create_string_buffer(_ERROR_BYTES)
        listener = self._c.xnor_listener_create(
            binding.address, model, len(model), error, _ERROR_BYTES
        )
        if listener is None:
            raise EngineError(error.value.decode(errors="replace"))
        self._listener = ctypes.c_void_p(listener)
        self._close = weakref.finalize(self, self._c.xnor_listener_destroy, self._listener)
        rate, classes = ctypes.c_int(), ctypes.c_int()
        clip, hop = ctypes.c_size_t(), ctypes.c_size_t()
        sizes = map(ctypes.byref, (rate, clip, hop, classes))
        self._c.xnor_listener_sizes(self._listener, *sizes)
        self.rate, self.clip, self.hop = rate.value, clip.value, hop.value
        names = (self._c.xnor_label(self._listener, i) for i in range(classes.value))
        self.labels = tuple(name.decode() for name in names)

    def features(self, clip: Samples, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """What the network sees of one clip, in its input's shape."""
        map_ = np.empty(shape, np.float32)
        self._of_kind("xnor_features", clip)(self._listener, _at(clip), _at(map_))
        return map_

    def predict(self, samples: Samples) -> Prediction:
        """The answer to n ≥ 1 samples."""
        n, rate = len(samples), self.rate
        if n == 0:
            raise WaveformError("a waveform of no samples: give at least one.")
        count = self._c.xnor_windows(self._listener, n)
        each = np.empty((count, len(self.labels)), np.float32)
        mean = np.empty(len(self.labels), np.float32)
        best = self._of_kind("xnor_predict", samples)(
            self._listener, _at(samples), n, _at(mean), _at(each)
        )
        starts = [self._c.xnor_window_start(self._listener, n, i) for i in range(count)]
        windows = tuple(
            Window(start / rate, min(start + self.clip, n) / rate, answer)
            for start, answer in zip(starts, each, strict=True)
        )
        return Prediction(self.labels[best], mean, windows)

    def stream(self, hop: int, smoothing: int) -> None:
        """Forget what was fed; from now on decide every `hop` samples."""
        error = ctypes.create_string_buffer(_ERROR_BYTES)
        if not self._c.xnor_stream(self._listener, hop, smoothing, error, _ERROR_BYTES):
            raise WaveformError(error.value.decode(errors="replace"))

    def feed(self, samples: Samples) -> tuple[int, int, Probabilities]:
        """Up to the next decision: samples taken, class or −1, probabilities."""
        probabilities, decision = np.empty(len(self.labels), np.float32), ctypes.c_int()
        taken = self._of_kind("xnor_feed", samples)(
            self._listener,
            _at(samples),
            len(samples),
            _at(probabilities),
            ctypes.byref(decision),
        )
        return taken, decision.value, probabilities

    def _of_kind(self, name: str, samples: Samples) -> Callable[..., int]:
        suffix = "" if samples.dtype == np.int16 else "_float"
        function: Callable[..., int] = getattr(self._c, name + suffix)
        return function


class Listeners:
    """The listeners of one engine, one for each thread that predicts at a time.

    Args:
        binding: of the engine.
        model: the bytes of model.xnor.
    """

    def __init__(self, binding: Binding, model: bytes) -> None:
        self._binding, self._model = binding, model
        self._idle: list[Listener] = []

    def new(self) -> Listener:
        """One that nobody else has."""
        return Listener(self._binding, self._model)

    @contextmanager
    def borrowed(self) -> Iterator[Listener]:
        """One that no other thread has meanwhile."""
        try:
            listener = self._idle.pop()  # atomic, as append is
        except IndexError:
            listener = self.new()
        try:
            yield listener
        finally:
            self._idle.append(listener)


def samples_of(waveform: Waveform) -> Samples:
    """The samples, in memory as C++ takes them.

    Args:
        waveform: (n,), int16, or finite float32 of full scale 1; numpy or a CPU tensor.

    Raises:
        WaveformError: something else.
    """
    if isinstance(waveform, Tensor) and waveform.dtype in (torch.int16, torch.float32):
        waveform = cast(Samples, waveform.detach().cpu().numpy())
    if not isinstance(waveform, np.ndarray) or waveform.dtype not in (np.int16, np.float32):
        kind = getattr(waveform, "dtype", type(waveform).__name__)
        raise WaveformError(
            f"a waveform of {kind}: int16 is taken, or float32 of full scale 1. Convert it."
        )
    if waveform.ndim != 1:
        raise WaveformError(
            f"a waveform of shape {waveform.shape}: one channel is taken, (samples,). Give one "
            "clip at a time, and the mean of its channels."
        )
    if waveform.dtype == np.float32 and not np.isfinite(waveform).all():
        raise WaveformError("a waveform that holds samples which are no numbers: repair it.")
    return cast(Samples, np.ascontiguousarray(waveform))


def _at(array: NDArray[np.generic]) -> int:
    return int(array.ctypes.data)


@lru_cache
def _functions(path: Path) -> ctypes.CDLL:
    """The library with the types of its functions.

    Raises:
        EngineError: a library without them.
    """
    pointer, text, size, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
    sizes, numbers = ctypes.POINTER(size), ctypes.POINTER(number)
    types = {
        "xnor_listener_create": (pointer, [pointer, text, size, text, size]),
        "xnor_listener_destroy": (None, [pointer]),
        "xnor_listener_sizes": (None, [pointer, numbers, sizes, sizes, numbers]),
        "xnor_label": (text, [pointer, number]),
        "xnor_windows": (size, [pointer, size]),
        "xnor_window_start": (size, [pointer, size, size]),
        "xnor_stream": (number, [pointer, size, number, text, size]),
        **{f"xnor_features{kind}": (None, [pointer] * 3) for kind in ("", "_float")},
        **{
            f"xnor_predict{kind}": (number, [pointer, pointer, size, pointer, pointer])
            for kind in ("", "_float")
        },
        **{
            f"xnor_feed{kind}": (size, [pointer, pointer, size, pointer, numbers])
            for kind in ("", "_float")
        },
    }
    library = ctypes.CDLL(os.fspath(path.absolute()))
    try:
        for name, (result, arguments) in types.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError as error:
        raise EngineError(
            f"{path}: an engine library that takes no recordings ({error}). Build it anew."
        ) from error
    return library
