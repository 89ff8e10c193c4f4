"""Recordings in files of any rate, length and number of channels → labels."""

from pathlib import Path

from xnorkit.data.audio_file import UnreadableAudioError, decode
from xnorkit.deploy.audio.listener import Prediction, Waveform
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.library.c_functions import EngineError


class Predictor:
    """A model.xnor that takes recordings.

    Args:
        path: of the file.
        isa: see `Engine`.
        cache_dir: see `Engine`.

    Attributes:
        engine: of the model.
        labels: of the classes.
        sample_rate: of what it takes, in Hz.

    Raises:
        ValueError: the file is no model.xnor, or says no labels or features.
    """

    def __init__(
        self, path: str | Path, isa: str | None = None, cache_dir: str | Path | None = None
    ) -> None:
        self.engine = Engine.load(path, isa=isa, cache_dir=cache_dir)
        self.labels = self.engine.labels
        try:
            self.sample_rate = self.engine.sample_rate
        except EngineError as error:
            raise EngineError(f"{path}: {error}") from None

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

    def __call__(self, samples: Waveform) -> Prediction:
        """The answer to a recording at `sample_rate`, see `Engine.predict`."""
        return self.engine.predict(samples)
