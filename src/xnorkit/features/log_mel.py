"""Log-mel spectrogram: short-time Fourier power → mel bands → decibels.

There is no `top_db`: a floor below the loudest value of a batch would make one sample's features
depend on its neighbours.
"""

import math
import warnings

import torch
from torch import Tensor, nn

from xnorkit._torchaudio import torchaudio

MEL_SCALE = "htk"  # 2595 · log10(1 + f / 700)
LOG_FLOOR = 1e-10  # -100 dB; digital silence stays finite


def _milliseconds(name: str, value: float, sample_rate: int) -> int:
    """`value` milliseconds in whole samples."""
    length = round(sample_rate * value / 1000)
    if length < 1:
        raise ValueError(
            f"data.features.log_mel.{name}={value} is no sample long at {sample_rate} Hz: raise it."
        )
    return length


def _power_of_two_from(length: int) -> int:
    return 1 << (length - 1).bit_length()


def _hann(length: int) -> Tensor:
    """A periodic Hann window, rounded once, as the engine's is: torch's own sums in float32."""
    return torch.hann_window(length, dtype=torch.float64).float()


def mel_triangles(sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float) -> Tensor:
    """Weight of each frequency bin in each mel band: triangles of height 1, rounded once.

    Args:
        sample_rate: in Hz.
        n_fft: points of the Fourier transform.
        n_mels: number of bands.
        f_min: lower end of the first, in Hz.
        f_max: upper end of the last, in Hz.

    Returns:
        (n_fft // 2 + 1, n_mels), float32. torchaudio's, which computes in float32, differ by some
        1e-6: enough that an engine with other tables would round other features up.
    """
    low, high = (2595 * math.log10(1 + f / 700) for f in (f_min, f_max))
    mels = low + (high - low) * torch.arange(n_mels + 2, dtype=torch.float64) / (n_mels + 1)
    edges = 700 * (10 ** (mels / 2595) - 1)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64)[:, None] * (sample_rate / n_fft)
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    return torch.minimum(rising, falling).clamp(min=0).float()


class LogMel(nn.Module):
    """Mel-band power in decibels, 10 · log10(max(power, 1e-10)).

    Frames are centred on multiples of the hop; the clip's two ends are padded by reflection.
    The window is a periodic Hann window, centred in the Fourier transform.

    Args:
        sample_rate: of the waveforms, in Hz.
        samples: length of every waveform.
        n_mels: number of mel bands, triangles of height 1.
        window_ms: length of the window, in milliseconds.
        hop_ms: from one frame to the next, in milliseconds.
        n_fft: points of the Fourier transform; null: the first power of two that holds the window.
        f_min: lower end of the first band, in Hz.
        f_max: upper end of the last band, in Hz.

    Raises:
        ValueError: a window or band that the waveform or the transform can't hold.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        samples: int = 16000,
        n_mels: int = 40,
        window_ms: float = 30.0,
        hop_ms: float = 10.0,
        n_fft: int | None = None,
        f_min: float = 20.0,
        f_max: float = 7600.0,
    ) -> None:
        super().__init__()
        self.sample_rate, self.samples, self.n_mels = sample_rate, samples, n_mels
        self.f_min, self.f_max = float(f_min), float(f_max)
        self.win_length = _milliseconds("window_ms", window_ms, sample_rate)
        self.hop_length = _milliseconds("hop_ms", hop_ms, sample_rate)
        self.n_fft = _power_of_two_from(self.win_length) if n_fft is None else n_fft
        self._refuse_misfits()
        self.spectrogram = torchaudio.transforms.Spectrogram(
            self.n_fft, self.win_length, self.hop_length, power=None, window_fn=_hann
        )
        self.mel_scale = self._mel_scale()
        # They follow from the arguments: a checkpoint need not carry them.
        for module, name in ((self.spectrogram, "window"), (self.mel_scale, "fb")):
            module.register_buffer(name, module.get_buffer(name), persistent=False)

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(1, mels, frames) of one clip."""
        # torch.stft pads n_fft // 2 samples at either end: with an odd n_fft one less than it takes
        frames = 1 + (self.samples - self.n_fft % 2) // self.hop_length
        return (1, self.n_mels, frames)

    def parameters_dict(self) -> dict[str, int | float | str]:
        """Everything that another implementation needs to compute the same features."""
        return {
            "sample_rate": self.sample_rate,
            "samples": self.samples,
            "n_mels": self.n_mels,
            "n_fft": self.n_fft,
            "win_length": self.win_length,
            "hop_length": self.hop_length,
            "f_min": self.f_min,
            "f_max": self.f_max,
            "window": "hann_periodic",
            "padding": "reflect",
            "mel_scale": MEL_SCALE,
            "mel_norm": "none",
            "log": "10*log10",
            "log_floor": LOG_FLOOR,
        }

    def forward(self, waveform: Tensor) -> Tensor:
        """Decibels of every mel band and frame.

        Args:
            waveform: (N, samples), float32, full scale is ±1.

        Returns:
            (N, 1, mels, frames), float32, contiguous.
        """
        spectrum = self.spectrogram(waveform)  # (N, n_fft // 2 + 1, frames), complex
        # torchaudio's own abs().pow(2) goes through hypot: five times the time of these two.
        power = spectrum.real.square().addcmul(spectrum.imag, spectrum.imag)
        decibels: Tensor = self.mel_scale(power).clamp(min=LOG_FLOOR).log10() * 10.0
        return decibels.contiguous()[:, None]

    def _mel_scale(self) -> nn.Module:
        filters = mel_triangles(self.sample_rate, self.n_fft, self.n_mels, self.f_min, self.f_max)
        empty = int((filters.amax(dim=0) == 0).sum())
        if empty:
            raise ValueError(
                f"data.features.log_mel.n_mels={self.n_mels} leaves {empty} bands without a "
                f"frequency bin at n_fft={self.n_fft}: lower n_mels or raise n_fft."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it speaks of its own filters, which are replaced
            scale: nn.Module = torchaudio.transforms.MelScale(
                self.n_mels, self.sample_rate, self.f_min, self.f_max, self.n_fft // 2 + 1
            )
        scale.get_buffer("fb").copy_(filters)
        return scale

    def _refuse_misfits(self) -> None:
        nyquist = self.sample_rate / 2
        where = "data.features.log_mel"
        if self.win_length > self.samples:
            raise ValueError(
                f"{where}.window_ms is {self.win_length} samples, a clip has {self.samples}: "
                "shorten the window."
            )
        if self.n_fft < self.win_length:
            raise ValueError(
                f"{where}.n_fft={self.n_fft} can't hold the window of {self.win_length} samples: "
                f"set it to null or to at least {_power_of_two_from(self.win_length)}."
            )
        if self.n_fft // 2 >= self.samples:
            raise ValueError(
                f"{where}.n_fft={self.n_fft} reflects {self.n_fft // 2} samples at each end, a "
                f"clip has {self.samples}: lower n_fft."
            )
        if not 0 <= self.f_min < self.f_max <= nyquist:
            raise ValueError(
                f"{where}: f_min={self.f_min}, f_max={self.f_max}: needed is "
                f"0 <= f_min < f_max <= {nyquist} (half the sample rate)."
            )
        if self.n_mels < 1:
            raise ValueError(f"{where}.n_mels={self.n_mels}: at least 1 is needed.")
