"""xnorkit.features.augment, against plain loops over samples."""

import math

import pytest
import torch

from xnorkit import draws
from xnorkit.features.augment import Augment, add_noise, shift, spans, stretch

OFF = {
    "shift_ms": 0,
    "gain_db": 0,
    "speed": 0,
    "noise_probability": 0,
    "time_masks": 0,
    "frequency_masks": 0,
}
ALL_ON = {
    "shift_ms": 10,
    "gain_db": 6,
    "speed": 0.1,
    "noise_probability": 0.5,
    "snr_db": (0, 20),
    "time_masks": 2,
    "time_mask_ms": 100,
    "frequency_masks": 2,
    "frequency_mask_bins": 4,
}
NOISE = torch.randint(-9000, 9000, (3000,), generator=torch.Generator().manual_seed(9)).short()


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def keys(count, epoch=0):
    return draws.key(7, epoch, torch.arange(count), "sample")


def changed(waveform, key, noise=NOISE, **options):
    return Augment(**{**OFF, **options}).change_waveforms(waveform, key, noise, sample_rate=1000)


@pytest.mark.parametrize("dtype", [torch.int16, torch.float32])
def test_shift_moves_each_row_and_fills_with_zeros(dtype):
    waveform = (100 * randn(5, 9)).to(dtype)
    offsets = [0, 3, -3, 9, -1]
    result = shift(waveform, torch.tensor(offsets), 9)
    for row, offset, got in zip(waveform.tolist(), offsets, result.tolist(), strict=True):
        assert got == [row[t - offset] if 0 <= t - offset < 9 else 0 for t in range(9)]


@pytest.mark.parametrize("samples", [1, 8, 9])
def test_stretch_interpolates_around_the_middle(samples):
    waveform = randn(4, samples)
    speeds = [1.0, 0.7, 1.3, 1.9]
    result = stretch(waveform, torch.tensor(speeds))
    middle = (samples - 1) / 2
    for row, speed, got in zip(waveform.tolist(), speeds, result.tolist(), strict=True):
        at = dict(enumerate(row))
        for t in range(samples):
            position = middle + (t - middle) * speed
            left = math.floor(position)
            part = position - left
            truth = (1 - part) * at.get(left, 0) + part * at.get(left + 1, 0)
            assert got[t] == pytest.approx(truth, abs=1e-5)


def test_a_faster_tone_is_higher():
    time = torch.arange(4000) / 4000
    tone = torch.sin(2 * math.pi * 100 * time)[None]
    spectrum = torch.fft.rfft(stretch(tone, torch.tensor([1.2]))[:, 600:3400]).abs()
    assert abs(int(spectrum.argmax()) * 4000 / 2800 - 120) < 2


def test_noise_arrives_at_the_wanted_ratio():
    waveform, noise = randn(3, 500), 4000 * randn(3, 500, seed=1)
    ratios = torch.tensor([0.0, 10.0, -5.0])
    added = add_noise(waveform, noise, ratios) - waveform
    measured = 10 * (waveform.square().mean(1) / added.square().mean(1)).log10()
    torch.testing.assert_close(measured, ratios, atol=1e-3, rtol=0)


def test_silence_stays_silence_under_noise():
    waveform, noise = torch.stack([torch.zeros(50), torch.ones(50)]), torch.ones(2, 50)
    noise[1] = 0
    assert torch.equal(add_noise(waveform, noise, torch.zeros(2)), waveform)


def test_spans_are_those_of_a_loop():
    place, length = torch.rand(20, 3, generator=torch.Generator().manual_seed(3)), 13
    place[0] = torch.nextafter(torch.tensor(1.0), torch.tensor(0.0))
    width = torch.randint(0, length + 1, (20, 3), generator=torch.Generator().manual_seed(4))
    result = spans(place.double(), width, length)
    for row in range(20):
        truth = set()
        for where, wide in zip(place[row].tolist(), width[row].tolist(), strict=True):
            first = math.floor(where * (length - wide + 1))
            assert first + wide <= length
            truth |= set(range(first, first + wide))
        assert {t for t in range(length) if result[row, t]} == truth


def test_shifts_cover_both_sides_up_to_the_largest():
    waveform = torch.zeros(400, 61)
    waveform[:, 30] = 1
    offsets = changed(waveform, keys(400), shift_ms=5).argmax(dim=1) - 30
    assert set(offsets.tolist()) == set(range(-5, 6))


def test_gains_stay_within_their_decibels():
    gains = 20 * changed(torch.ones(300, 4), keys(300), gain_db=6)[:, 0].log10()
    assert -6 <= float(gains.min()) < -5.5
    assert 5.5 < float(gains.max()) <= 6


def test_noise_meets_its_share_of_the_clips_at_ratios_in_range():
    waveform = randn(500, 200)
    result = changed(waveform, keys(500), noise_probability=0.7, snr_db=(3, 12))
    added = (result - waveform).square().sum(1)
    noisy = added > 0
    assert 0.6 < float(noisy.float().mean()) < 0.8
    ratios = 10 * (waveform.square().sum(1) / added)[noisy].log10()
    assert 2.99 < float(ratios.min()) < 4
    assert 11 < float(ratios.max()) < 12.01


def test_added_noise_is_a_piece_of_the_recording():
    waveform = randn(4, 100)
    added = changed(waveform, keys(4), noise_probability=1, snr_db=(0, 0)) - waveform
    pieces = torch.nn.functional.normalize(NOISE.float().unfold(0, 100, 1), dim=1)
    best = (torch.nn.functional.normalize(added, dim=1) @ pieces.T).max(dim=1)
    torch.testing.assert_close(best.values, torch.ones(4), atol=1e-4, rtol=0)
    assert len(set(best.indices.tolist())) == 4


def test_masks_zero_whole_frames_and_bands_within_their_widths():
    augment = Augment(**{**OFF, "time_masks": 1, "time_mask_ms": 30, "frequency_masks": 1})
    result = augment.mask_features(torch.ones(300, 1, 12, 20), keys(300), hop_ms=10)
    frames = (result == 0).all(dim=2).sum(dim=2).flatten()
    bands = (result == 0).all(dim=3).sum(dim=2).flatten()
    assert set(frames.tolist()) == {0, 1, 2, 3}
    assert set(bands.tolist()) == {0, 1, 2, 3, 4, 5}
    masked = 12 * frames + 20 * bands - frames * bands
    assert torch.equal((result == 0).sum(dim=(1, 2, 3)), masked)


def test_a_sample_meets_the_same_change_in_any_batch():
    augment = Augment(**ALL_ON)
    waveform, features, key = randn(12, 300), randn(12, 1, 10, 30), keys(12)
    order = torch.tensor([7, 0, 11])
    for change in (
        lambda rows: augment.change_waveforms(waveform[rows], key[rows], NOISE, 1000),
        lambda rows: augment.mask_features(features[rows], key[rows], 10.0),
    ):
        together = change(torch.arange(12))
        torch.testing.assert_close(change(order), together[order], atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(change(order[:1]), together[order[:1]], atol=1e-6, rtol=1e-6)


def test_another_epoch_brings_other_changes():
    waveform = randn(3, 300)
    first, second = (changed(waveform, keys(3, epoch), shift_ms=50) for epoch in (0, 1))
    assert not torch.equal(first, second)


def test_options_that_are_zero_return_the_argument():
    waveform, features = randn(2, 50), randn(2, 1, 4, 5)
    augment = Augment(**OFF)
    assert augment.change_waveforms(waveform, keys(2), NOISE, 1000) is waveform
    assert augment.mask_features(features, keys(2), 10) is features


def test_without_recordings_no_noise_is_added():
    waveform = randn(2, 50)
    assert changed(waveform, keys(2), noise=NOISE[:0], noise_probability=1) is waveform


@pytest.mark.parametrize("name", ["shift_ms", "gain_db", "speed", "noise_probability"])
def test_a_caller_keeps_its_waveform(name):
    waveform = randn(3, 100)
    kept = waveform.clone()
    changed(waveform, keys(3), **{name: 0.5})
    assert torch.equal(waveform, kept)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("shift_ms", -1),
        ("gain_db", 100),
        ("speed", 1),
        ("noise_probability", 1.5),
        ("snr_db", (20, 0)),
        ("snr_db", (5,)),
        ("time_masks", -1),
        ("time_mask_ms", -5),
        ("frequency_masks", -1),
        ("frequency_mask_bins", -2),
    ],
)
def test_options_out_of_range_are_refused_by_name(option, value):
    with pytest.raises(ValueError, match=rf"data\.features\.augment\.{option}="):
        Augment(**{option: value})
