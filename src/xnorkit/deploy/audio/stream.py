"""Samples in pieces of any size → a decision each hop."""

import math
from dataclasses import dataclass

from xnorkit.deploy.audio.listener import (
    Listener,
    Probabilities,
    Waveform,
    WaveformError,
    samples_of,
)

_MOST_SMOOTHED = 2**31 - 1  # of C's int; memory ends before


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
        if not 1 <= smoothing <= _MOST_SMOOTHED:
            raise WaveformError(
                f"smoothing={smoothing}: 1 to {_MOST_SMOOTHED:,} decisions can be averaged."
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
    """The nearest multiple of the features' hop, if it is no further than rounding may bring it."""
    wanted = listener.rate * hop_ms / 1000
    columns = round(wanted / listener.hop) if math.isfinite(wanted) else 0
    step_ms, clip_ms = (1000 * n / listener.rate for n in (listener.hop, listener.clip))
    if columns < 1 or abs(wanted - columns * listener.hop) > columns / 2:
        raise WaveformError(
            f"hop_ms={hop_ms:g}: this model's features move by {step_ms:g} ms, so decisions are "
            f"due on multiples of that. Choose {step_ms:g}, {2 * step_ms:g}, {3 * step_ms:g}, …"
        )
    if columns * listener.hop > listener.clip:
        raise WaveformError(
            f"hop_ms={hop_ms:g}: a clip has {clip_ms:g} ms, so what lies between two would go "
            f"unheard. Choose at most {clip_ms:g}."
        )
    return columns * listener.hop
