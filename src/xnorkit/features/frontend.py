"""Augment ► log-mel ► standardise: what stands between a batch of waveforms and the network."""

from collections.abc import Callable, Iterable, Iterator
from typing import Self

import torch
from torch import Tensor

from xnorkit.features.augment import Augment
from xnorkit.features.features import Features, keep_dtype
from xnorkit.features.log_mel import LogMel
from xnorkit.features.standardise import Standardise

_INT16_SCALE = 2.0**-15  # int16 full scale becomes ±1


class Frontend(Features):
    """Waveforms → standardised log-mel features, in float32 whatever the trainer's precision.

    Without a key, or in eval mode, nothing is random and a sample's features are its own. In
    training, with a key for each sample, waveforms and features are augmented from these keys.

    Args:
        log_mel: the spectrogram.
        augment: null: no augmentation.

    Raises:
        ValueError: an augmentation wider than the clip or the feature map.
    """

    takes = "waveform"

    def __init__(self, log_mel: LogMel, augment: Augment | None = None) -> None:
        super().__init__()
        self.log_mel = log_mel
        self.augment = augment
        self.standardise = Standardise(log_mel.n_mels)
        # No buffer: DDP would send the recordings from rank 0 to the others before every forward,
        # and gloo can't send int16 at all.
        self.noise = torch.zeros(0, dtype=torch.int16)
        self._refuse_too_wide()

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(1, mels, frames) of one clip."""
        return self.log_mel.output_shape

    def parameters_dict(self) -> dict[str, int | float | str]:
        """Plain numbers and words that say how the features are computed."""
        return self.log_mel.parameters_dict()

    def set_noise(self, noise: Tensor) -> None:
        """Background recordings to cut noise from.

        Args:
            noise: int16 (L,), all recordings joined; L may be 0: no noise is added then. What is
                shorter than a clip is repeated.
        """
        samples = self.log_mel.samples
        if 0 < len(noise) < samples:
            noise = noise.repeat(-(-samples // len(noise)))
        self.noise = noise.to(self.standardise.mean.device)

    @torch.no_grad()
    def fit_statistics(self, waveforms: Iterable[Tensor]) -> None:
        """Set mean and deviation of every mel band from unaugmented clips.

        Args:
            waveforms: (N, samples) each, int16 or floating point.
        """

        def features() -> Iterator[Tensor]:
            for waveform in waveforms:
                moved = waveform.to(self.standardise.mean.device)
                with torch.autocast(moved.device.type, enabled=False):
                    yield self.log_mel(self._full_scale(moved))

        self.standardise.fit(features())

    def forward(self, waveform: Tensor, key: Tensor | None = None) -> Tensor:
        """Standardised log-mel features.

        Args:
            waveform: (N, samples), int16, or floating point with full scale ±1.
            key: int64 (N,), one for each sample and epoch; null: no augmentation.

        Returns:
            (N, 1, mels, frames), float32.

        Raises:
            ValueError: a shape or dtype that the features are not made for.
            RuntimeError: `fit_statistics` was never called and no checkpoint loaded.
        """
        augment = self.augment if self.training and key is not None else None
        with torch.autocast(waveform.device.type, enabled=False):
            clip = self._full_scale(waveform)
            if augment is None or key is None:
                return self._features(clip)
            self._refuse_key(key, len(clip))
            rate, hop = self.log_mel.sample_rate, self.log_mel.hop_length
            clip = augment.change_waveforms(clip, key, self.noise, rate)
            return augment.mask_features(self._features(clip), key, hop_ms=1000 * hop / rate)

    def _features(self, clip: Tensor) -> Tensor:
        features: Tensor = self.standardise(self.log_mel(clip))
        return features

    def _full_scale(self, waveform: Tensor) -> Tensor:
        """float32 (N, samples), full scale ±1."""
        samples = self.log_mel.samples
        if waveform.ndim != 2 or waveform.shape[1] != samples:
            raise ValueError(
                f"waveforms of shape {tuple(waveform.shape)}: expected is (N, {samples}), as "
                "data.features.log_mel.samples says. Cut or pad the clips."
            )
        if waveform.dtype == torch.int16:
            return waveform * torch.tensor(_INT16_SCALE, dtype=torch.float32)
        if not waveform.dtype.is_floating_point:
            raise ValueError(
                f"waveforms of {waveform.dtype}: expected is int16, or floating point in [-1, 1]."
            )
        return waveform.float()

    def _refuse_too_wide(self) -> None:
        if self.augment is None:
            return
        clip_ms = 1000 * self.log_mel.samples / self.log_mel.sample_rate
        limits = (
            ("shift_ms", self.augment.shift_ms, clip_ms),
            ("time_mask_ms", self.augment.time_mask_ms, clip_ms),
            ("frequency_mask_bins", self.augment.frequency_mask_bins, self.log_mel.n_mels),
        )
        for name, value, limit in limits:
            if value > limit:
                raise ValueError(
                    f"data.features.augment.{name}={value}: a clip has {limit:g}. Lower it."
                )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        moved = super()._apply(fn, recurse)
        self.noise = keep_dtype(fn, self.noise)
        return moved
