"""Samples in pieces of any size → a decision each hop."""

import itertools
import math
from dataclasses import dataclass
from numbers import Integral, Real

from xnorkit.deploy.audio.listener import (
    Listener,
    Probabilities,
    Waveform,
    WaveformError,
    samples_of,
)

_MOST_SMOOTHED = 2**31 - 1  # of C's int; memory ends before
_ROUNDED_MS = 0.051  # written to the tenth of a millisecond, where the exact number is a long one
_FLOAT = 1e-6  # products of float32 are this near


@dataclass(frozen=True)
class Decision:
    """The answer to the clip that a stream has just completed.

    Attributes:
        end: of the clip, in seconds since the stream began.
        label: of the highest probability.
        probabilities: (classes,), mean over as many decisions as the stream smooths.
    """

    end: float
    label: str
    probabilities: Probabilities


class Stream:
    """A decision on the first clip of what is fed, then one on each clip that begins a hop later.

    Each decision is what `Engine.predict` says of its clip. For one thread at a time.

    Args:
        listener: that nobody else uses.
        hop_ms: between decisions; a multiple of the features' hop, at most a clip.
        smoothing: how many decisions are averaged, this one and those before it; 1: none.

    Attributes:
        hop: between decisions, in samples.

    Raises:
        WaveformError: a hop or smoothing that can't be.
    """

    def __init__(self, listener: Listener, hop_ms: float, smoothing: int = 1) -> None:
        self._listener = listener
        self.hop = _hop_samples(listener, hop_ms)
        if not isinstance(smoothing, int | Integral) or not 1 <= smoothing <= _MOST_SMOOTHED:
            raise WaveformError(
                f"smoothing={smoothing!r}: 1 to {_MOST_SMOOTHED:,} decisions can be averaged."
            )
        listener.stream(self.hop, smoothing)
        self._end = listener.clip

    def feed(self, chunk: Waveform) -> list[Decision]:
        """The decisions that the next samples complete, often none.

        Args:
            chunk: (n,), any n; as `Engine.predict` takes it.

        Raises:
            WaveformError: something else came; it was not heard.
        """
        decisions = list[Decision]()
        samples = samples_of(chunk)
        while len(samples):
            taken, best, probabilities = self._listener.feed(samples)
            samples = samples[taken:]
            if best >= 0:
                label = self._listener.labels[best]
                decisions.append(Decision(self._end / self._listener.rate, label, probabilities))
                self._end += self.hop
        return decisions


def _hop_samples(listener: Listener, hop_ms: float) -> int:
    """The multiple of the features' hop that a number of milliseconds means."""
    step_ms, clip_ms = (1000 * n / listener.rate for n in (listener.hop, listener.clip))
    number = isinstance(hop_ms, float | Real)
    far = number and hop_ms > 2 * clip_ms
    columns = _columns(listener, hop_ms) if number and not far else 0
    if far or columns * listener.hop > listener.clip:
        raise WaveformError(
            f"hop_ms={hop_ms!r:.20}: a clip has {clip_ms:g} ms, so what lies between two would go "
            f"unheard. Choose at most {clip_ms:g}."
        )
    if columns == 0:
        raise WaveformError(
            f"hop_ms={hop_ms!r:.20}: this model's features move by {step_ms:g} ms, so decisions "
            f"are due on multiples of that, as a number. Choose {step_ms:g}, {2 * step_ms:g}, "
            f"{3 * step_ms:g}, …"
        )
    return columns * listener.hop


def _columns(listener: Listener, hop_ms: float) -> int:
    """Of the features, in a hop; 0: it is no multiple, within what rounding may bring it."""
    exact, said = 1000 * listener.hop / listener.rate, _said_ms(listener)
    rounded = 0 if said == exact else _ROUNDED_MS
    for step in (exact, said):
        columns = round(hop_ms / step) if hop_ms > 0 else 0
        if columns and math.isclose(hop_ms, columns * step, rel_tol=_FLOAT, abs_tol=rounded):
            return columns
    return 0


def _said_ms(listener: Listener) -> float:
    """What the features' hop was called in training, as far as its whole samples still tell.

    The shortest decimal number of milliseconds that is rounded to it: 10 of 110 samples at
    11,025 Hz, which are 9.977 ms.
    """
    exact = 1000 * listener.hop / listener.rate
    said = (round(exact, digits) for digits in itertools.count())
    return next(ms for ms in said if round(listener.rate * ms / 1000) == listener.hop)
