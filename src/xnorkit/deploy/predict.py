"""Recording → label: the features that model.xnor describes, then its engine, window by window."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from xnorkit.data.audio_file import Samples, UnreadableAudioError, decode
from xnorkit.deploy import xnor_file
from xnorkit.deploy.engine import Engine
from xnorkit.features import Frontend, LogMel

Probabilities = NDArray[np.float32]


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
    """The answer to a recording.

    Attributes:
        label: of the highest mean probability.
        probabilities: (classes,), mean over the windows.
        windows: in order of time.
    """

    label: str
    probabilities: Probabilities
    windows: tuple[Window, ...]


class Predictor:
    """A model.xnor that takes recordings.

    Args:
        path: of the file.
        isa: see `Engine`.
        cache_dir: see `Engine`.

    Raises:
        ValueError: the file is no model.xnor, or says no labels or features.
    """

    def __init__(
        self, path: str | Path, isa: str | None = None, cache_dir: str | Path | None = None
    ) -> None:
        file = xnor_file.read(path)
        if not file.metadata.labels or not file.metadata.features:
            raise ValueError(
                f"{path}: it has no labels or no features, so it takes no recordings. Deploy a "
                "checkpoint of `python train.py data=speech_commands` or data=audio_folder."
            )
        self.engine = Engine(file.content, isa=isa, cache_dir=cache_dir, where=str(path))
        self.labels = self.engine.labels
        self.frontend = Frontend(LogMel.of_parameters(file.metadata.features)).eval()
        statistics = {
            name: torch.tensor(file.tensors[f"features.{name}"]) for name in ("mean", "std")
        }
        self.frontend.standardise.set(**statistics)

    @property
    def sample_rate(self) -> int:
        """Of what it takes, in Hz."""
        return self.frontend.log_mel.sample_rate

    def file(self, path: str | Path) -> Prediction:
        """The answer to an audio file of any rate, length and number of channels.

        Raises:
            ValueError: it is not there, or no audio.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise ValueError(f"{path}: it can't be read ({error.strerror}).") from error
        try:
            return self(decode(content, self.sample_rate).samples)
        except UnreadableAudioError as error:
            raise ValueError(f"{path}: it can't be read as audio ({error}).") from error

    @torch.no_grad()
    def __call__(self, samples: Samples) -> Prediction:
        """The answer to a recording.

        Args:
            samples: int16 (n,), at `sample_rate`; n at least 1. What is shorter than a clip is
                followed by silence; what is longer is cut into clips that overlap by half.
        """
        length, rate = self.frontend.log_mel.samples, self.sample_rate
        starts = list(window_starts(len(samples), length))
        clips = np.stack([_clip(samples, start, length) for start in starts])
        logits = self.engine(self.frontend(torch.from_numpy(clips)))
        answers = torch.softmax(logits, 1).numpy()
        ends = [min(start + length, len(samples)) for start in starts]
        windows = tuple(
            Window(start / rate, end / rate, answer)
            for start, end, answer in zip(starts, ends, answers, strict=True)
        )
        mean: Probabilities = answers.mean(0)
        return Prediction(self.labels[int(mean.argmax())], mean, windows)


def window_starts(samples: int, length: int) -> Iterator[int]:
    """First samples of clips that overlap by half; the last one ends with the recording."""
    last = max(samples - length, 0)
    yield from range(0, last, max(length // 2, 1))
    yield last


def _clip(samples: Samples, start: int, length: int) -> Samples:
    part = samples[start : start + length]
    return np.pad(part, (0, length - len(part)))
