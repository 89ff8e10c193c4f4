"""xnorkit.data.audio_file."""

import io

import numpy as np
import pytest
import soundfile

from xnorkit.data.audio_file import Decoded, UnreadableAudioError, decode, fit_length, to_int16

RAMP = np.arange(-16000, 16000, 2).astype(np.int16)


def encoded(samples, rate=16000, **options):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=options.pop("format", "WAV"), **options)
    return buffer.getvalue()


def tone(rate, hertz=440, seconds=1.0):
    t = np.arange(int(rate * seconds)) / rate
    return (10000 * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_pcm_is_read_bit_for_bit(form):
    decoded = decode(encoded(RAMP, format=form), 16000)
    assert decoded.changes == ()
    assert decoded.samples.dtype == np.int16
    np.testing.assert_array_equal(decoded.samples, RAMP)


def test_opus_is_read_at_16_khz(bedcathappy):
    clip = sorted((bedcathappy / "bed").iterdir())[-1]
    decoded = decode(clip.read_bytes(), 16000)
    assert 7000 < len(decoded.samples) <= 16000
    assert decoded.changes == ()
    assert decoded.samples.std() > 100


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE", "PCM_24", "PCM_32", "PCM_U8"])
def test_full_scale_means_the_same_in_every_sample_format(subtype):
    decoded = decode(encoded(RAMP / 32768, subtype=subtype), 16000)
    largest = 256 if subtype == "PCM_U8" else 1
    assert np.abs(decoded.samples.astype(int) - RAMP).max() <= largest


def test_floats_beyond_full_scale_are_clipped_and_do_not_wrap():
    decoded = decode(encoded(np.array([2.0, -2.0, 0.5]), subtype="FLOAT"), 16000)
    assert decoded.samples.tolist() == [32767, -32768, 16384]


def test_stereo_is_the_mean_of_its_channels():
    stereo = np.stack([RAMP, np.zeros_like(RAMP)], axis=1)
    decoded = decode(encoded(stereo), 16000)
    np.testing.assert_array_equal(decoded.samples, np.rint(RAMP / 2).astype(np.int16))
    assert decoded.changes == ("mixed from 2 channels",)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_other_rates_are_resampled_and_a_tone_stays_the_tone(rate):
    decoded = decode(encoded(tone(rate), rate), 16000)
    assert decoded.changes == (f"resampled from {rate} Hz",)
    assert abs(len(decoded.samples) - 16000) <= 1
    inner = slice(500, 15500)  # the filter has no neighbours at the ends
    error = decoded.samples[inner].astype(int) - tone(16000)[inner]
    assert np.abs(error).max() < 200


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "."),
        (b"not audio at all", "."),
        (encoded(RAMP)[:20], "."),
        (encoded(np.zeros(0, np.int16)), "empty"),
        (encoded(np.array([0.0, np.nan]), subtype="FLOAT"), "no numbers"),
        (encoded(RAMP)[:-6], r"cut short: [\d,]+ of [\d,]+ bytes of sound are there"),
    ],
    ids=["no bytes", "text", "cut header", "no samples", "nan", "cut sound"],
)
def test_what_is_no_audio_says_why(data, why):
    with pytest.raises(UnreadableAudioError, match=why):
        decode(data, 16000)


def test_a_wav_whose_length_its_writer_did_not_know_is_read_to_its_end():
    whole = bytearray(encoded(RAMP))
    size = whole.index(b"data") + 4
    whole[size : size + 4] = b"\xff\xff\xff\xff"
    assert decode(bytes(whole), 16000).samples.tolist() == RAMP.tolist()


def test_a_short_clip_gets_zeros_at_its_end_and_a_long_one_loses_its_end():
    longer = fit_length(Decoded(RAMP[:3], ("x",)), 5)
    assert longer.samples.tolist() == [*RAMP[:3].tolist(), 0, 0]
    assert longer.changes == ("x", "padded to 5 samples")
    shorter = fit_length(Decoded(RAMP[:5], ()), 3)
    assert shorter.samples.tolist() == RAMP[:3].tolist()
    assert shorter.changes == ("cut to 3 samples",)
    assert fit_length(Decoded(RAMP[:4], ()), 4).changes == ()


def test_rounding_is_to_the_nearest_and_clips():
    assert to_int16(np.array([0.4, 0.6, -0.6, 40000.0, -40000.0])).tolist() == [
        0, 1, -1, 32767, -32768,
    ]  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"hello\n", encoded(RAMP)[:20]])
def test_why_a_file_is_unreadable_is_said_without_the_buffers_address(data):
    with pytest.raises(UnreadableAudioError) as caught:
        decode(data, 16000)
    assert str(caught.value)
    assert "BytesIO" not in str(caught.value)
