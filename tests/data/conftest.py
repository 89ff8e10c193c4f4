"""Small recordings on disk: every clip is one constant sample value, so that a test knows it."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from xnorkit.data import SpeechCommands

BEDCATHAPPY = Path(__file__).parent / "bedcathappy"
COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


@pytest.fixture(autouse=True)
def _log_everything(caplog):
    caplog.set_level(logging.INFO, logger="xnorkit")


@pytest.fixture
def write_clip():
    """write_clip(path, value or samples, rate): a WAV file, of one second where it is a value."""

    def write(path, samples, rate=16000, **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        if np.isscalar(samples):
            samples = np.full(rate, samples, np.int16)
        soundfile.write(path, samples, rate, **options)

    return write


@pytest.fixture
def write_root(write_clip):
    """write_root(root, {split: {word: clips}}, noise=seconds) → {value: name}, and the two lists.

    Every clip has a speaker of its own, and all its samples are a value of its own.
    """

    def write(root, splits, noise=2.0):
        values, listed = {}, {split: [] for split in splits}
        for split, words in splits.items():
            for word, count in words.items():
                for _ in range(count):
                    value = len(values) + 1
                    values[value] = f"{word}/{value:08x}_nohash_0.wav"
                    listed[split].append(values[value])
                    write_clip(root / values[value], value)
        for name, split in (("validation_list.txt", "validation"), ("testing_list.txt", "test")):
            (root / name).write_text("".join(f"{line}\n" for line in listed.get(split, [])))
        if noise:
            hiss = np.random.default_rng(0).integers(-9000, 9000, int(noise * 16000))
            write_clip(root / "_background_noise_" / "hiss.wav", hiss.astype(np.int16))
        return values

    return write


@pytest.fixture(scope="session")
def embedded_dir(tmp_path_factory):
    """A data_dir in which the embedded subset's store is built."""
    folder = tmp_path_factory.mktemp("embedded")
    SpeechCommands(folder, source="embedded").prepare_data()
    return folder


@pytest.fixture
def embedded(embedded_dir):
    """The data module of the embedded subset, ready."""
    module = SpeechCommands(embedded_dir, source="embedded")
    module.prepare_data()
    module.setup()
    return module


@pytest.fixture(scope="session")
def bedcathappy():
    """36 real clips of v0.01 in Opus, in the official layout; `splits.txt` names 4,598."""
    return BEDCATHAPPY
