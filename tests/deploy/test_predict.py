"""Recordings of any rate and length → labels."""

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from xnorkit.deploy import pipeline, xnor_file
from xnorkit.deploy.predict import Predictor, window_starts
from xnorkit.features import Frontend, LogMel

RATE, SAMPLES = 16000, 4000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model of random weights, and torch's way to its logits."""
    torch.manual_seed(0)
    frontend = Frontend(LogMel(samples=SAMPLES, n_mels=8, hop_ms=20)).eval()
    frontend.standardise.set(torch.linspace(-40, -20, 8), torch.linspace(5, 10, 8))
    network = nn.Sequential(nn.Flatten(), nn.Linear(8 * frontend.output_shape[2], 3)).eval()
    planned = pipeline.plan(network, torch.zeros(1, *frontend.output_shape), "abc", frontend)
    path = tmp_path_factory.mktemp("model") / "model.xnor"
    xnor_file.write(path, planned.model())
    return path, frontend, network


@pytest.fixture(scope="module")
def predictor(made):
    return Predictor(made[0])


def tone(samples, rate=RATE):
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)).astype(np.int16)


def test_a_clip_has_torchs_probabilities(made, predictor):
    _, frontend, network = made
    samples = tone(SAMPLES)
    prediction = predictor(samples)
    with torch.no_grad():
        wanted = network(frontend(torch.from_numpy(samples)[None])).softmax(1)[0]
    np.testing.assert_allclose(prediction.probabilities, wanted, atol=1e-5)
    assert prediction.label == "abc"[int(wanted.argmax())]
    assert len(prediction.windows) == 1


def test_what_is_shorter_than_a_clip_is_followed_by_silence(predictor):
    short = tone(1000)
    padded = np.concatenate([short, np.zeros(SAMPLES - 1000, np.int16)])
    np.testing.assert_array_equal(predictor(short).probabilities, predictor(padded).probabilities)
    assert predictor(short).windows[0].end == 1000 / RATE


def test_what_is_longer_is_seen_in_windows_that_overlap(predictor):
    samples = np.concatenate([tone(SAMPLES), np.zeros(5000, np.int16)])
    prediction = predictor(samples)
    assert [w.start * RATE for w in prediction.windows] == [0, 2000, 4000, 5000]
    first = predictor(samples[:SAMPLES])
    np.testing.assert_allclose(prediction.windows[0].probabilities, first.probabilities, atol=1e-6)
    assert abs(prediction.probabilities.sum() - 1) < 1e-5


@pytest.mark.parametrize(
    ("samples", "starts"), [(1, [0]), (4, [0]), (5, [0, 1]), (8, [0, 2, 4]), (9, [0, 2, 4, 5])]
)
def test_windows_begin_every_half_clip_and_the_last_ends_with_the_recording(samples, starts):
    assert list(window_starts(samples, 4)) == starts


def test_files_of_other_rates_and_channels_are_read(predictor, tmp_path):
    stereo = np.stack([tone(11025, 44100)] * 2, 1)
    soundfile.write(tmp_path / "a.wav", stereo, 44100)
    soundfile.write(tmp_path / "b.flac", tone(SAMPLES), RATE)
    there, here = predictor.file(tmp_path / "a.wav"), predictor.file(tmp_path / "b.flac")
    np.testing.assert_allclose(there.probabilities, here.probabilities, atol=0.05)


def test_a_file_that_is_none_is_refused_by_name(predictor, tmp_path):
    (tmp_path / "no.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"no\.wav: "):
        predictor.file(tmp_path / "no.wav")
    with pytest.raises(ValueError, match="can't be read"):
        predictor.file(tmp_path / "nowhere.wav")


def test_a_model_without_features_takes_no_recordings(tmp_path):
    model = pipeline.plan(nn.Sequential(nn.Linear(3, 2)), torch.zeros(1, 3)).model()
    xnor_file.write(tmp_path / "m.xnor", model)
    with pytest.raises(ValueError, match="takes no recordings"):
        Predictor(tmp_path / "m.xnor")
