"""Recordings of any rate and length in files → labels."""

import numpy as np
import pytest
import soundfile
import torch
from heard_model import CLIP, RATE, heard_model
from torch import nn

from xnorkit.deploy import pipeline, xnor_file
from xnorkit.deploy.predict import Predictor


@pytest.fixture(scope="module")
def predictor(tmp_path_factory, engine_cache):
    path = tmp_path_factory.mktemp("model") / "model.xnor"
    xnor_file.write(path, heard_model().content)
    return Predictor(path, cache_dir=engine_cache)


def tone(samples, rate=RATE):
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)).astype(np.int16)


def test_a_clip_has_torchs_probabilities(predictor):
    samples = tone(CLIP)
    prediction = predictor(samples)
    wanted = heard_model().probabilities(samples)
    # A pure tone: some bands lie so far below it that float32 gives out, in torch too.
    np.testing.assert_allclose(prediction.probabilities, wanted, atol=1e-4)
    assert prediction.label == predictor.labels[int(wanted.argmax())]
    assert len(prediction.windows) == 1


def test_what_is_shorter_than_a_clip_is_followed_by_silence(predictor):
    short = tone(1000)
    padded = np.concatenate([short, np.zeros(CLIP - 1000, np.int16)])
    np.testing.assert_array_equal(predictor(short).probabilities, predictor(padded).probabilities)
    assert predictor(short).windows[0].end == 1000 / RATE


def test_what_is_longer_is_seen_in_windows_that_overlap(predictor):
    samples = np.concatenate([tone(CLIP), np.zeros(5000, np.int16)])
    prediction = predictor(samples)
    assert [w.start * RATE for w in prediction.windows] == [0, 2000, 4000, 5000]
    first = predictor(samples[:CLIP])
    np.testing.assert_array_equal(prediction.windows[0].probabilities, first.probabilities)
    assert abs(prediction.probabilities.sum() - 1) < 1e-5


def test_files_of_other_rates_and_channels_are_read(predictor, tmp_path):
    stereo = np.stack([tone(11025, 44100)] * 2, 1)
    soundfile.write(tmp_path / "a.wav", stereo, 44100)
    soundfile.write(tmp_path / "b.flac", tone(CLIP), RATE)
    there, here = predictor.file(tmp_path / "a.wav"), predictor.file(tmp_path / "b.flac")
    np.testing.assert_allclose(there.probabilities, here.probabilities, atol=0.05)


def test_a_file_that_is_none_is_refused_by_name(predictor, tmp_path):
    (tmp_path / "no.wav").write_bytes(b"no sound")
    said = r"no\.wav: it can't be read as audio \(.+\)\. This model takes recordings: WAV"
    with pytest.raises(ValueError, match=said):
        predictor.file(tmp_path / "no.wav")
    with pytest.raises(ValueError, match="can't be read"):
        predictor.file(tmp_path / "nowhere.wav")


def test_a_model_without_features_is_refused_by_its_path(tmp_path, engine_cache):
    module = nn.Sequential(nn.Flatten(), nn.Linear(8 * 13, 3)).eval()
    model = pipeline.plan(module, torch.zeros(1, 1, 8, 13)).model()
    xnor_file.write(tmp_path / "m.xnor", model)
    with pytest.raises(ValueError, match=r"m\.xnor: .*takes no recordings"):
        Predictor(tmp_path / "m.xnor", cache_dir=engine_cache)
