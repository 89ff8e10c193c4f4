"""Recordings or pictures in files → labels, whichever the model takes."""

from pathlib import Path
from typing import Any

from xnorkit.data.audio_file import UnreadableAudioError, decode
from xnorkit.deploy import xnor_file
from xnorkit.deploy.audio.listener import Prediction, Waveform
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.library.c_functions import EngineError
from xnorkit.deploy.pictures.viewer import Viewer, takes_pictures


class Hearer:
    """A model of recordings.

    Args:
        engine: of the model.

    Raises:
        EngineError: the model says no labels or features.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._rate = engine, engine.sample_rate

    def decoded(self, content: bytes) -> Prediction:
        """The answer to an audio file of any rate, length and number of channels.

        Raises:
            ValueError: it is none.
        """
        try:
            return self(decode(content, self._rate).samples)
        except UnreadableAudioError as error:
            raise ValueError(
                f"it can't be read as audio ({error}). This model takes recordings: WAV, FLAC or "
                "Opus."
            ) from error

    def __call__(self, samples: Waveform) -> Prediction:
        """The answer to a recording at the model's rate, see `Engine.predict`."""
        return self._engine.predict(samples)


class Predictor:
    """A model.xnor that takes recordings or pictures.

    Args:
        path: of the file.
        isa: see `Engine`.
        cache_dir: see `Engine`.

    Attributes:
        engine: of the model.
        labels: of the classes.

    Raises:
        ValueError: the file is no model.xnor, or says no labels or features.
    """

    def __init__(
        self, path: str | Path, isa: str | None = None, cache_dir: str | Path | None = None
    ) -> None:
        file = xnor_file.read(path)
        self.engine = Engine(file.content, isa=isa, cache_dir=cache_dir, where=str(path))
        self.labels = self.engine.labels
        try:
            sees = takes_pictures(file)
            self._taker = Viewer(self.engine, file) if sees else Hearer(self.engine)
        except EngineError as error:
            raise EngineError(f"{path}: {error}") from None

    def file(self, path: str | Path) -> Prediction:
        """The answer to a file of the kind that the model takes, see `Hearer` and `Viewer`.

        Raises:
            ValueError: it is not there, or of another kind.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise ValueError(f"{path}: it can't be read ({error.strerror}).") from error
        try:
            return self._taker.decoded(content)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def __call__(self, sample: Any) -> Prediction:
        """The answer to a recording (see `Hearer`) or to a picture (see `Viewer`)."""
        return self._taker(sample)
