"""Bytes of an audio file → int16 samples, mono, at the wanted rate and length."""

import io
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile
import torch

from xnorkit._torchaudio import torchaudio

Samples = npt.NDArray[np.int16]
_FLOAT_SUBTYPES = ("FLOAT", "DOUBLE")  # libsndfile does not scale these when asked for int16
_UNKNOWN_SIZE = 0x7FFFF000  # and above: written by programs that could not know it yet


class UnreadableAudioError(Exception):
    """The file can't be used; the text says why."""


@dataclass(frozen=True)
class Decoded:
    """int16 samples (n,) at the wanted rate, and what had to be done to get them."""

    samples: Samples
    changes: tuple[str, ...]


def decode(data: bytes, rate: int) -> Decoded:
    """Decode WAV, FLAC or Opus, mix to mono, resample to `rate` (Hz).

    Raises:
        UnreadableAudioError: not audio, empty, or with samples that are no numbers.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            dtype = "float32" if file.subtype in _FLOAT_SUBTYPES else "int16"
            samples, own_rate = file.read(dtype=dtype, always_2d=True), file.samplerate
    except soundfile.LibsndfileError as error:  # its str() names the buffer in memory
        raise UnreadableAudioError(error.error_string.rstrip(".")) from error
    except (RuntimeError, ValueError, TypeError) as error:
        raise UnreadableAudioError(str(error)) from error
    _require_whole(data)
    if not len(samples):
        raise UnreadableAudioError("it is empty")
    if not np.isfinite(samples).all():
        raise UnreadableAudioError("it holds samples that are no numbers")
    return _convert(samples, own_rate, rate)


def _require_whole(data: bytes) -> None:
    """Refuse a WAV that ends before its sound does; libsndfile reads what is there."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        there = len(data) - at - 8
        if data[at : at + 4] == b"data":
            if there < size < _UNKNOWN_SIZE:
                raise UnreadableAudioError(
                    f"it is cut short: {there:,} of {size:,} bytes of sound are there"
                )
            return
        at += 8 + size + size % 2


def _convert(samples: npt.NDArray[np.generic], own_rate: int, rate: int) -> Decoded:
    """(n, channels) int16 or float in ±1 → mono int16 at `rate`."""
    channels = samples.shape[1]
    if samples.dtype == np.int16 and channels == 1 and own_rate == rate:
        return Decoded(np.ascontiguousarray(samples[:, 0], np.int16), ())
    scale = 1.0 if samples.dtype == np.int16 else 32768.0
    mono = torch.from_numpy(samples.mean(axis=1, dtype=np.float64) * scale).float()
    changes = [] if channels == 1 else [f"mixed from {channels} channels"]
    if own_rate != rate:
        mono = torchaudio.functional.resample(mono, own_rate, rate)
        changes.append(f"resampled from {own_rate} Hz")
    return Decoded(to_int16(mono.numpy()), tuple(changes))


def to_int16(samples: npt.NDArray[np.floating]) -> Samples:
    """Rounded, and clipped where it would wrap round."""
    clipped: Samples = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return clipped


def fit_length(decoded: Decoded, length: int) -> Decoded:
    """The first `length` samples, or zeros at the end, as the official reader does it."""
    missing = length - len(decoded.samples)
    if missing == 0:
        return decoded
    change = "padded" if missing > 0 else "cut"
    samples = np.pad(decoded.samples[:length], (0, max(missing, 0)))
    return Decoded(samples, (*decoded.changes, f"{change} to {length} samples"))
