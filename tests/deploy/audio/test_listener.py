"""The C++ front end against torch's, and what it takes."""

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from heard_model import CLIP, HOP_MS, LABELS, MELS, RATE, heard_model, sound
from runs import command
from torch import nn

import xnorkit
from xnorkit.callbacks.deploy import plan_of
from xnorkit.data import SpeechCommands
from xnorkit.deploy import pipeline, xnor_file
from xnorkit.deploy.audio.listener import Listener, Listeners, WaveformError, samples_of
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.library.binding import Library
from xnorkit.deploy.library.c_functions import EngineError
from xnorkit.features import Frontend, LogMel


@pytest.fixture(scope="module")
def heard():
    return heard_model()


@pytest.fixture(scope="module")
def engine(heard, engine_cache):
    return Engine(heard.content, cache_dir=engine_cache)


def listener_of(engine, model=None):
    return Listener(engine._binding, engine._model if model is None else model)


def changed(model, labels=None, features=None):
    """The same model, but for what it says."""
    file = xnor_file.from_bytes(model)
    said = file.metadata
    metadata = xnor_file.Metadata(
        said.program, labels or said.labels, features or said.features, said.producer
    )
    return xnor_file.to_bytes(metadata, file.tensors)


def window_starts(samples, length):
    """Clips that overlap by half; the last one ends with the recording."""
    last = max(samples - length, 0)
    return [*range(0, last, max(length // 2, 1)), last]


KINDS = {
    "noise": sound(CLIP),
    "silence": np.zeros(CLIP, np.int16),
    "a click": np.eye(1, CLIP, 1234, dtype=np.int16)[0] * 32767,
    "half silent": np.where(np.arange(CLIP) < CLIP // 2, sound(CLIP, 1), 0).astype(np.int16),
}
PURE_TONE = (32000 * np.sin(np.arange(CLIP) * 0.31)).astype(np.int16)


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_torchs_within_a_ten_thousandth_on_every_path(heard, engine, kind):
    wanted = heard.features(KINDS[kind])
    for isa in engine.library.supported:
        listener = listener_of(Engine(heard.content, engine.library, isa))
        found = listener.features(KINDS[kind], wanted.shape)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


def test_beside_a_pure_tone_features_are_as_near_to_float64_as_torchs_are(heard, engine):
    """Some bands lie 100 dB below the tone, where both have float32's rounding errors."""
    double = Frontend(LogMel(samples=CLIP, n_mels=MELS, hop_ms=HOP_MS)).eval()
    double.standardise.set(heard.frontend.standardise.mean, heard.frontend.standardise.std)
    double.log_mel.spectrogram.double()
    double.log_mel.mel_scale.double()
    exact = double._features(torch.from_numpy(PURE_TONE)[None].double() / 32768)[0].numpy()
    torchs = np.abs(heard.features(PURE_TONE) - exact).max()
    assert torchs > 1e-4
    for isa in engine.library.supported:
        listener = listener_of(Engine(heard.content, engine.library, isa))
        found = listener.features(PURE_TONE, exact.shape)
        assert np.abs(found - exact).max() < 2 * torchs


@pytest.mark.parametrize(
    "other",
    [
        {"window_ms": 25, "n_fft": 400},  # 5 and 2 as factors beside 4
        {"n_fft": 1024, "f_min": 0.0, "f_max": 8000.0},
        {"n_fft": 511, "window_ms": 20, "samples": 3999},  # odd, by single samples
        {"n_fft": 514},  # twice a prime
        {"n_fft": 64, "window_ms": 4, "f_min": 500.0},
        {"window_ms": 1, "n_fft": 512, "f_min": 100.0},  # zeros around the window
        {"n_fft": 6000, "samples": 3999, "f_max": 7999.5},  # longer than the clip: mirrored twice
    ],
    ids=str,
)
def test_other_transforms_are_torchs_too(engine, other):
    """With as many frames and bands, so that they need no other library."""
    changed = heard_model(**other)
    library = Engine(changed.content, engine.library).library
    clip = sound(changed.frontend.log_mel.samples, 3)
    wanted = changed.features(clip)
    for isa in library.supported:
        listener = listener_of(Engine(changed.content, library, isa))
        np.testing.assert_allclose(listener.features(clip, wanted.shape), wanted, rtol=0, atol=1e-4)


def test_floats_of_full_scale_are_heard_as_int16_is(engine):
    clip = sound(CLIP)
    shape = engine.program.input_shape
    listener = listener_of(engine)
    as_float = listener.features(clip.astype(np.float32) / 32768, shape)
    np.testing.assert_array_equal(as_float, listener.features(clip, shape))
    once, again = engine.predict(clip), engine.predict(torch.from_numpy(clip).float() / 32768)
    np.testing.assert_array_equal(once.probabilities, again.probabilities)


@pytest.mark.parametrize("samples", [1, 1999, CLIP, CLIP + 1, 6000, 6001, 3 * CLIP + 17])
def test_a_recording_is_the_mean_of_its_windows_as_torch_hears_them(heard, engine, samples):
    recording = sound(samples)
    starts = window_starts(samples, CLIP)
    padded = np.pad(recording, (0, max(CLIP - samples, 0)))
    wanted = np.stack([heard.probabilities(padded[start:][:CLIP]) for start in starts])
    found = engine.predict(recording)
    assert [round(window.start * RATE, 6) for window in found.windows] == starts
    assert found.windows[-1].end == samples / RATE
    each = np.stack([window.probabilities for window in found.windows])
    np.testing.assert_allclose(each, wanted, atol=2e-5)
    np.testing.assert_allclose(found.probabilities, wanted.mean(0), atol=2e-5)
    assert found.label == LABELS[int(found.probabilities.argmax())]


def test_every_window_starts_half_a_clip_on_until_the_last(engine):
    for samples in range(3 * CLIP, 3 * CLIP + 5000, 911):
        starts = [
            round(window.start * RATE, 6) for window in engine.predict(sound(samples)).windows
        ]
        assert all(0 < b - a <= CLIP // 2 for a, b in pairwise(starts))


def test_eight_threads_hear_what_one_hears(engine):
    recordings = [sound(9000, seed) for seed in range(8)]
    alone = [engine.predict(recording).probabilities for recording in recordings]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for found, wanted in zip(pool.map(engine.predict, recordings), alone, strict=True):
                np.testing.assert_array_equal(found.probabilities, wanted)


def test_a_listener_is_lent_to_one_thread_at_a_time_and_used_again(engine):
    listeners = Listeners(engine._binding, engine._model)
    with listeners.borrowed() as first, listeners.borrowed() as second:
        assert first is not second
    with listeners.borrowed() as again:
        assert again in (first, second)


def test_a_listener_outlives_its_engine(heard, engine):
    own = Engine(heard.content, engine.library)
    stream = own.stream(hop_ms=20)
    wanted = engine.predict(sound(CLIP)).probabilities
    del own
    (decision,) = stream.feed(sound(CLIP))
    np.testing.assert_array_equal(decision.probabilities, wanted)


def test_labels_are_read_with_every_character_that_python_writes(heard, engine):
    odd = ('a "b" \\', "été 犬\x7f", "\t\n\x01/")
    model = changed(heard.content, labels=odd)
    assert listener_of(Engine(model, engine.library)).labels == odd


@pytest.mark.parametrize(
    ("waveform", "said"),
    [
        (np.zeros(5), "float64: int16 is taken, or float32"),
        (np.zeros((2, 5), np.int16), r"shape \(2, 5\): one channel"),
        (np.array([0, np.nan], np.float32), "no numbers"),
        ([1, 2], "a waveform of list"),
        (torch.zeros(3, dtype=torch.int32), "int32"),
        (torch.zeros(3, dtype=torch.bfloat16), "bfloat16"),
    ],
)
def test_another_waveform_is_a_sentence(waveform, said):
    with pytest.raises(WaveformError, match=said):
        samples_of(waveform)


def test_samples_that_are_not_side_by_side_are_taken_in_order():
    every_other = np.arange(10, dtype=np.int16)[::2]
    np.testing.assert_array_equal(samples_of(every_other), every_other)
    assert samples_of(every_other).flags.c_contiguous


def test_no_samples_are_refused(engine):
    with pytest.raises(WaveformError, match="give at least one"):
        engine.predict(np.zeros(0, np.int16))


def test_a_model_without_features_takes_no_recordings(engine_cache):
    module = nn.Sequential(nn.Flatten(), nn.Linear(8 * 13, 3)).eval()
    model = pipeline.plan(module, torch.zeros(1, 1, 8, 13), LABELS).model()
    engine = Engine(model, cache_dir=engine_cache)
    with pytest.raises(EngineError, match="no features, so it takes no recordings. Deploy"):
        engine.predict(np.zeros(5, np.int16))


def test_features_of_another_kind_or_size_are_refused(heard, engine):
    features = heard.frontend.parameters_dict() | {"mel_scale": "slaney"}
    strange = Engine(changed(heard.content, features=features), engine.library)
    with pytest.raises(EngineError, match="of another kind"):
        strange.predict(np.zeros(5, np.int16))
    with pytest.raises(EngineError, match="136 numbers and 3 labels, its network takes 104"):
        listener_of(engine, heard_model(hop_ms=15.6).content)


def test_a_library_of_before_takes_no_recordings(heard, tmp_path, monkeypatch):
    class Old(Library):
        def __init__(self):
            self.path = tmp_path / "old.so"

    class OldBinding:
        library, address = Old(), 0

    monkeypatch.setattr("ctypes.CDLL", lambda path: object())
    with pytest.raises(EngineError, match=r"old\.so: an engine library that takes no recordings"):
        Listener(OldBinding(), heard.content)


def moments_within(call):
    """How often another Python thread had its turn in the middle half of a call."""
    seen, done = [], threading.Event()

    def count():
        while not done.is_set():
            seen.append(time.perf_counter())
            time.sleep(0)

    other = threading.Thread(target=count)
    other.start()
    began = time.perf_counter()
    call()
    ended = time.perf_counter()
    done.set()
    other.join()
    quarter = (ended - began) / 4
    return sum(began + quarter < moment < ended - quarter for moment in seen)


def test_python_goes_on_while_a_long_recording_is_heard(engine):
    """All of it in C++: with the GIL held no other thread would have a turn there."""
    listener, recording = listener_of(engine), np.tile(sound(CLIP), 1000)
    windows = listener._c.xnor_windows(listener._listener, len(recording))
    mean, each = np.empty(len(LABELS), np.float32), np.empty((windows, len(LABELS)), np.float32)
    addresses = [array.ctypes.data for array in (recording, mean, each)]
    hear = partial(listener._c.xnor_predict, listener._listener, addresses[0], len(recording))
    turns = [moments_within(partial(hear, *addresses[1:])) for _ in range(5)]
    assert sum(turn > 0 for turn in turns) >= 3  # a busy machine may give it none now and then


def embedded_clips(store):
    """int16 (N, samples) batches: test, validation and unaugmented training clips."""
    data = SpeechCommands(store, source="embedded", eval_batch_size=128)
    data.prepare_data()
    data.setup()
    for loader in (data.test_dataloader(), data.val_dataloader()):
        yield from (batch["waveform"] for batch in loader)
    yield from data.statistics_waveforms(limit=3000)


@pytest.mark.slow
def test_from_audio_a_trained_networks_classes_are_torchs(tmp_path, engine_cache):
    store = tmp_path / "data"
    options = ("experiment=quick", "recipe.epochs=4", "deploy=none", "logger=none")
    arguments = command(*options, "data.source=embedded", f"data_dir={store}")
    subprocess.run(arguments, cwd=tmp_path, check=True)
    (best,) = tmp_path.glob("outputs/*/*/checkpoints/best.ckpt")
    task = xnorkit.load(best).eval()
    engine = Engine(plan_of(task).model(), cache_dir=engine_cache)
    same = []
    for clips in embedded_clips(store):
        with torch.no_grad():
            wanted = task(task.frontend(clips)).argmax(1).tolist()
        same += [
            engine.predict(clip).label == engine.labels[label]
            for clip, label in zip(clips, wanted, strict=True)
        ]
    assert len(same) > 3500
    assert np.mean(same) >= 0.999
