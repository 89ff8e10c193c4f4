"""A model.xnor that hears tones, recordings for it, and what torch makes of them."""

import functools

import numpy as np
import soundfile
import tiny_speech
import torch

from xnorkit.callbacks.deploy import plan_of

RATE = 16000


@functools.cache
def task():
    """Only the statistics are fitted, so that answers differ from clip to clip."""
    task = tiny_speech.task()
    with torch.no_grad():
        features = task.frontend(tiny_speech.clips(24))
        for _ in range(50):
            task.network.train()(features)
    return task.eval()


def model():
    """The bytes of its model.xnor."""
    return plan_of(task()).model()


def recordings(folder):
    """WAV files of one clip and more, at the model's rate."""
    clips = tiny_speech.clips(4).numpy()
    sounds = {"one": clips[0], "two": clips[1:3].ravel(), "short": clips[3, :900]}
    for name, samples in sounds.items():
        soundfile.write(folder / f"{name}.wav", samples, RATE)
    return [folder / f"{name}.wav" for name in sounds]


def at_another_rate(path):
    """A WAV file of 8 kHz."""
    soundfile.write(path, np.zeros(100), RATE // 2)
    return path


def heard(said):
    """{file: (label, {label: probability})} of what predict_wav printed."""
    answers, label, probabilities = {}, "", {}
    for line in said.splitlines():
        if not line.startswith(" "):
            file, label = line.split(": ")
            probabilities = answers.setdefault(file, (label, {}))[1]
        elif " of sound in " not in line:
            probability, name = line.split()
            probabilities[name] = float(probability)
    return answers


@torch.no_grad()
def wanted(file):
    """(classes,) torch's mean probabilities over clips that overlap by half, the last one whole."""
    samples, _ = soundfile.read(file, dtype="int16")
    length = tiny_speech.SAMPLES
    starts = [*range(0, max(len(samples) - length, 0), length // 2), max(len(samples) - length, 0)]
    clips = [np.pad(part := samples[s : s + length], (0, length - len(part))) for s in starts]
    heard = task()
    features = heard.frontend(torch.from_numpy(np.stack(clips)))
    return torch.softmax(heard.network(features), 1).mean(0).tolist()


def assert_heard_as_torch_hears(said, files):
    """Likeliest class first; probabilities are printed to a thousandth."""
    answers = heard(said)
    assert len({label for label, _ in answers.values()}) > 1
    for file in files:
        label, probabilities = answers[str(file)]
        torchs = dict(zip(tiny_speech.LABELS, wanted(file), strict=True))
        assert label == max(torchs, key=torchs.get)
        assert list(probabilities) == sorted(torchs, key=torchs.get, reverse=True)
        for name, probability in torchs.items():
            assert abs(probabilities[name] - probability) < 1.5e-3
