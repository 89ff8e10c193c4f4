"""What training does to a clip: shift, gain, speed, background noise, and masks on its features.

Every draw comes from the sample's own 64-bit key (`xnorkit.draws`), so a sample meets the same
change whatever batch it is in and wherever a resumed run began. All is batched; nothing asks the
device for a value.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xnorkit.draws import uniform


def shift(waveform: Tensor, offset: Tensor, largest: int) -> Tensor:
    """Each row moved later by its offset (earlier if negative), zeros coming in.

    Args:
        waveform: (N, samples), any dtype.
        offset: int64 (N,), |offset| ≤ largest.
        largest: bound of the offsets.

    Returns:
        (N, samples), same dtype, a new tensor.
    """
    windows = F.pad(waveform, (largest, largest)).unfold(1, waveform.shape[1], 1)
    rows = torch.arange(waveform.shape[0], device=waveform.device)
    return windows[rows, largest - offset]


def stretch(waveform: Tensor, speed: Tensor) -> Tensor:
    """Each row played `speed` times as fast around its middle, by linear interpolation.

    Args:
        waveform: (N, samples), floating point.
        speed: (N,), positive; below 1 the ends fall off, above 1 zeros come in.

    Returns:
        (N, samples), same dtype, a new tensor.
    """
    samples = waveform.shape[1]
    middle = (samples - 1) / 2
    time = torch.arange(samples, device=waveform.device, dtype=torch.float32) - middle
    position = middle + time * speed[:, None].float()
    left = position.floor()
    padded = F.pad(waveform, (1, 1))  # whatever lies outside reads a zero
    index = left.long() + 1
    here = padded.gather(1, index.clamp(0, samples + 1))
    there = padded.gather(1, (index + 1).clamp(0, samples + 1))
    return torch.lerp(here, there, (position - left).to(waveform.dtype))


def add_noise(waveform: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """Each row with its noise at a given signal-to-noise ratio.

    Args:
        waveform: (N, samples), floating point.
        noise: (N, samples), floating point, in any unit.
        snr_db: (N,), decibels; inf adds nothing.

    Returns:
        (N, samples), a new tensor. A silent row, or one with silent noise, stays as it is: no
        factor gives the wanted ratio.
    """
    signal = torch.linalg.vector_norm(waveform, dim=1)
    noise_norm = torch.linalg.vector_norm(noise, dim=1)
    factor = signal / noise_norm * 10 ** (snr_db.float() / -20)
    factor = torch.where((signal > 0) & (noise_norm > 0), factor, 0.0)
    return torch.addcmul(waveform, noise, factor[:, None])


def spans(place: Tensor, width: Tensor, length: int) -> Tensor:
    """Where at least one of each row's spans lies.

    Args:
        place: (N, spans), in [0, 1): where in the room that its width leaves a span begins.
        width: int64 (N, spans), at most `length`.
        length: of the axis.

    Returns:
        bool (N, length).
    """
    first = (place * (length - width + 1)).floor()[..., None]
    axis = torch.arange(length, device=place.device)
    return ((axis >= first) & (axis < first + width[..., None])).any(dim=1)


def _refuse_outside(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(
            f"data.features.augment.{name}={value}: it must lie between {low:g} and {high:g}."
        )


class Augment(nn.Module):
    """Random changes of waveforms and features; an option that is 0 costs nothing.

    Args:
        shift_ms: largest shift to either side, in milliseconds.
        gain_db: largest gain and attenuation, in decibels.
        speed: largest change of playback speed, as a fraction (0.1: 0.9 … 1.1 times).
        noise_probability: share of the clips that get background noise.
        snr_db: lowest and highest signal-to-noise ratio, in decibels.
        time_masks: how many stretches of frames are masked.
        time_mask_ms: longest of them, in milliseconds.
        frequency_masks: how many ranges of mel bands are masked.
        frequency_mask_bins: widest of them, in bands.

    Raises:
        ValueError: an option out of its range.

    Source: time and frequency masks: Park et al. 2019, SpecAugment.
    """

    def __init__(
        self,
        shift_ms: float = 100.0,
        gain_db: float = 6.0,
        speed: float = 0.0,
        noise_probability: float = 0.8,
        snr_db: Sequence[float] = (0.0, 20.0),
        time_masks: int = 1,
        time_mask_ms: float = 100.0,
        frequency_masks: int = 1,
        frequency_mask_bins: int = 5,
    ) -> None:
        super().__init__()
        _refuse_outside("shift_ms", shift_ms, 0, 1e6)
        _refuse_outside("gain_db", gain_db, 0, 60)
        _refuse_outside("speed", speed, 0, 0.9)
        _refuse_outside("noise_probability", noise_probability, 0, 1)
        _refuse_outside("time_masks", time_masks, 0, 100)
        _refuse_outside("time_mask_ms", time_mask_ms, 0, 1e6)
        _refuse_outside("frequency_masks", frequency_masks, 0, 100)
        _refuse_outside("frequency_mask_bins", frequency_mask_bins, 0, 1e6)
        if len(snr_db) != 2 or snr_db[0] > snr_db[1]:
            raise ValueError(
                f"data.features.augment.snr_db={list(snr_db)}: lowest and highest are needed."
            )
        self.shift_ms, self.gain_db, self.speed = shift_ms, gain_db, speed
        self.noise_probability = noise_probability
        self.snr_db = (float(snr_db[0]), float(snr_db[1]))
        self.time_masks, self.time_mask_ms = time_masks, time_mask_ms
        self.frequency_masks, self.frequency_mask_bins = frequency_masks, frequency_mask_bins

    def change_waveforms(
        self, waveform: Tensor, key: Tensor, noise: Tensor, sample_rate: int
    ) -> Tensor:
        """Speed, shift, gain and noise, in this order.

        Args:
            waveform: (N, samples), float32.
            key: int64 (N,).
            noise: (L,), any dtype and unit; empty, or at least `samples` long.
            sample_rate: in Hz.

        Returns:
            (N, samples), float32; the argument itself where every option is 0.
        """
        if self.speed > 0:
            waveform = stretch(waveform, 1 + self.speed * _symmetric(key, "speed"))
        largest = round(sample_rate * self.shift_ms / 1000)
        if largest > 0:
            draw = uniform(key, "shift")[:, 0]
            offset = (draw * (2 * largest + 1)).floor().long() - largest
            waveform = shift(waveform, offset, largest)
        if self.gain_db > 0:
            waveform = waveform * _amplitude(self.gain_db * _symmetric(key, "gain"))[:, None]
        if self.noise_probability > 0 and len(noise) > 0:
            waveform = self._with_noise(waveform, key, noise)
        return waveform

    def mask_features(self, features: Tensor, key: Tensor, hop_ms: float) -> Tensor:
        """Stretches of frames and ranges of bands set to 0, the mean of standardised features.

        Args:
            features: (N, 1, mels, frames), float32.
            key: int64 (N,).
            hop_ms: milliseconds from frame to frame.

        Returns:
            Same shape; the argument itself where there is nothing to mask.
        """
        mels, frames = features.shape[-2:]
        longest = round(self.time_mask_ms / hop_ms)
        if self.time_masks > 0 and longest > 0:
            masked = _draw_spans(key, "time", self.time_masks, longest, frames)
            features = features.masked_fill(masked[:, None, None, :], 0.0)
        if self.frequency_masks > 0 and self.frequency_mask_bins > 0:
            masked = _draw_spans(
                key, "frequency", self.frequency_masks, self.frequency_mask_bins, mels
            )
            features = features.masked_fill(masked[:, None, :, None], 0.0)
        return features

    def _with_noise(self, waveform: Tensor, key: Tensor, noise: Tensor) -> Tensor:
        samples = waveform.shape[1]
        draws = uniform(key, "noise", 3)
        low, high = self.snr_db
        snr_db = low + (high - low) * draws[:, 0]
        snr_db = torch.where(draws[:, 1] < self.noise_probability, snr_db, torch.inf)
        start = (draws[:, 2] * (len(noise) - samples + 1)).floor().long()
        cuts = noise.unfold(0, samples, 1)[start].to(waveform.dtype)
        return add_noise(waveform, cuts, snr_db)


def _symmetric(key: Tensor, purpose: str) -> Tensor:
    """Uniform in [−1, 1), float64 (N,)."""
    return uniform(key, purpose)[:, 0] * 2 - 1


def _amplitude(decibels: Tensor) -> Tensor:
    return (10 ** (decibels / 20)).float()


def _draw_spans(key: Tensor, axis: str, count: int, widest: int, length: int) -> Tensor:
    """Bool (N, length): `count` spans of 0 … widest for each key."""
    width = (uniform(key, f"{axis} mask width", count) * (min(widest, length) + 1)).floor()
    return spans(uniform(key, f"{axis} mask place", count), width.long(), length)
