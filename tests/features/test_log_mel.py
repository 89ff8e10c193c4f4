"""xnorkit.features.log_mel, against the definition written out in float64 numpy."""

import numpy as np
import pytest
import torch

from xnorkit.features import LogMel


def mel_triangles(n_mels, n_fft, rate, f_min, f_max):
    """(n_fft // 2 + 1, n_mels): triangles of height 1 on the HTK mel scale."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (f_min, f_max))
    edges = 700 * (10 ** (np.linspace(low, high, n_mels + 2) / 2595) - 1)
    bins = np.arange(n_fft // 2 + 1) * rate / n_fft
    triangles = np.zeros((len(bins), n_mels))
    for band in range(n_mels):
        left, middle, right = edges[band : band + 3]
        rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
        triangles[:, band] = np.maximum(0, np.minimum(rising, falling))
    return triangles


def log_mel_of(clip, rate, n_mels, window, hop, n_fft, f_min, f_max):
    """(n_mels, frames) decibels of one clip, frame by frame."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    centred = np.zeros(n_fft)
    first = (n_fft - window) // 2
    centred[first : first + window] = hann
    padded = np.pad(clip.astype(np.float64), n_fft // 2, mode="reflect")
    triangles = mel_triangles(n_mels, n_fft, rate, f_min, f_max)
    columns = []
    for start in range(0, len(clip) + 1, hop):
        power = np.abs(np.fft.rfft(padded[start : start + n_fft] * centred)) ** 2
        columns.append(10 * np.log10(np.maximum(power @ triangles, 1e-10)))
    return np.stack(columns, axis=1)


def clips(count, samples, seed=0):
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(samples) / 16000
    tones = torch.sin(2 * np.pi * (200 + 3000 * torch.rand(count, 1, generator=generator)) * time)
    return 0.3 * tones + 0.01 * torch.randn(count, samples, generator=generator)


@pytest.mark.parametrize(
    ("n_mels", "window_ms", "hop_ms", "n_fft", "f_min", "f_max"),
    [
        (40, 30, 10, None, 20, 7600),
        (10, 40, 20, None, 0, 8000),
        (32, 25, 12.5, 1024, 60, 4000),
        (1, 32, 16, 512, 20, 7600),
    ],
)
def test_decibels_equal_the_definition(n_mels, window_ms, hop_ms, n_fft, f_min, f_max):
    log_mel = LogMel(16000, 16000, n_mels, window_ms, hop_ms, n_fft, f_min, f_max)
    waveform = clips(3, 16000)
    waveform[2] *= 1e-3
    features = log_mel(waveform)
    points = n_fft or 2 ** int(np.ceil(np.log2(window_ms * 16)))
    window, hop = round(window_ms * 16), round(hop_ms * 16)
    for clip, map_ in zip(waveform, features, strict=True):
        truth = log_mel_of(clip.numpy(), 16000, n_mels, window, hop, points, f_min, f_max)
        np.testing.assert_allclose(map_[0].numpy(), truth, atol=5e-3)


@pytest.mark.parametrize("n_fft", [512, 481])
def test_window_and_triangles_are_float64s_rounded_once(n_fft):
    log_mel = LogMel(samples=1600, n_fft=n_fft, n_mels=30)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(480) / 480)
    triangles = mel_triangles(30, n_fft, 16000, 20, 7600)
    for found, exact in (
        (log_mel.spectrogram.window, hann),
        (log_mel.mel_scale.fb, triangles),
    ):
        np.testing.assert_allclose(found, exact.astype(np.float32), rtol=6e-8, atol=1e-15)


def test_digital_silence_is_the_floor():
    assert torch.equal(LogMel()(torch.zeros(2, 16000)), torch.full((2, 1, 40, 101), -100.0))


def test_a_loud_neighbour_does_not_lift_a_quiet_clip():
    log_mel = LogMel()
    quiet = 1e-4 * clips(1, 16000)
    loud = 100 * clips(1, 16000, seed=1)
    torch.testing.assert_close(
        log_mel(torch.cat([quiet, loud]))[:1], log_mel(quiet), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("samples", [4000, 16000, 16001])
@pytest.mark.parametrize("hop_ms", [10, 20, 33])
@pytest.mark.parametrize("n_mels", [1, 20, 40])
def test_the_shape_is_known_before_the_first_clip(samples, hop_ms, n_mels):
    log_mel = LogMel(samples=samples, n_mels=n_mels, hop_ms=hop_ms)
    features = log_mel(torch.zeros(2, samples))
    assert features.shape[1:] == log_mel.output_shape
    assert features.is_contiguous()
    assert log_mel.output_shape == (1, n_mels, 1 + samples // (hop_ms * 16))


def test_parameters_are_plain_and_complete():
    parameters = LogMel(window_ms=25, hop_ms=10).parameters_dict()
    assert all(type(value) in (int, float, str) for value in parameters.values())
    expected = {"win_length": 400, "hop_length": 160, "n_fft": 512, "n_mels": 40, "f_max": 7600.0}
    assert expected.items() <= parameters.items()


def test_a_checkpoint_carries_no_window_and_no_filters():
    assert not LogMel().state_dict()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"window_ms": 2000}, "window_ms is 32000 samples, a clip has 16000"),
        ({"n_fft": 256}, "n_fft=256 can't hold the window of 480 samples"),
        ({"samples": 500, "n_fft": 1024}, "reflects 512 samples at each end, a clip has 500"),
        ({"f_max": 9000}, r"f_max=9000.0: needed is 0 <= f_min < f_max <= 8000.0"),
        ({"f_min": 7600}, "f_min=7600.0"),
        ({"n_mels": 200}, r"n_mels=200 leaves \d+ bands without a frequency bin at n_fft=512"),
        ({"n_mels": 0}, "n_mels=0: at least 1"),
        ({"hop_ms": 0}, "hop_ms=0 is no sample long"),
    ],
)
def test_what_a_clip_or_transform_cannot_hold_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        LogMel(**arguments)


@pytest.mark.parametrize("n_fft", [480, 481, 511, 512])
def test_the_shape_is_stated_for_odd_transforms_too(n_fft):
    log_mel = LogMel(samples=1600, n_mels=8, n_fft=n_fft)
    assert log_mel(torch.randn(1, 1600)).shape == (1, *log_mel.output_shape)
