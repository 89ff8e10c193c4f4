"""From samples to a label: our front end beside torchaudio's, one thread, in turn in one process.

    python benchmarks/bench_audio.py [SECONDS] [CHECKPOINT …]     default 2 a race

One second of 16 kHz, 40 mels: 30 ms windows, 10 ms apart. Log-mel on each path that the CPU has;
from audio to a label, with the keyword network of 64 channels against its float twin in ONNX
Runtime; a stream that decides every 20 ms. Answers are compared before anything is timed. Ratios
are medians of those within a round, quartiles in brackets. The network has random weights; with
checkpoints of the 12-class task it is counted how often their answers to the embedded clips are
torch's.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_engine import network
from numpy.typing import NDArray
from torch import Tensor

import xnorkit
from xnorkit._torchaudio import torchaudio
from xnorkit.callbacks.deploy import plan_of
from xnorkit.data import SpeechCommands
from xnorkit.deploy import pipeline
from xnorkit.deploy.audio.listener import Listener
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.report.latency import Race, Side, race
from xnorkit.deploy.report.onnx_sides import NAMES, onnx_sides
from xnorkit.deploy.report.sides import Missing, Rival
from xnorkit.features import Frontend, LogMel
from xnorkit.machine import cpu_name
from xnorkit.schemes import XNOR, Float

RATE, MELS, CLASSES = 16000, 40, 12
TOLERANCE = 1e-4  # of standardised features
STREAM_MS = 20
OURS = "ours"


def sound(seconds: float = 1.0) -> NDArray[np.int16]:
    """Noise and a tone that wanders."""
    rng, time = np.random.default_rng(0), np.arange(round(RATE * seconds))
    tone = np.sin(np.cumsum(0.2 + 0.1 * np.sin(time / 3000)))
    return (3000 * (tone + 0.3 * rng.standard_normal(len(time)))).astype(np.int16)


def fitted_frontend() -> Frontend:
    """The features of conf/data/features/audio.yaml, statistics of our sound."""
    frontend = Frontend(LogMel(RATE, RATE, MELS)).eval()
    frontend.fit_statistics([torch.from_numpy(sound())[None]])
    return frontend


def torchaudio_frontend(frontend: Frontend) -> Callable[[Tensor], Tensor]:
    """The same by torchaudio's own transforms, as its documentation has them."""
    of, standardise = frontend.log_mel, frontend.standardise
    mel = torchaudio.transforms.MelSpectrogram(
        of.sample_rate, of.n_fft, of.win_length, of.hop_length, of.f_min, of.f_max, n_mels=of.n_mels
    )
    decibels = torchaudio.transforms.AmplitudeToDB()

    def compute(waveform: Tensor) -> Tensor:
        features: Tensor = standardise(decibels(mel(waveform * 2.0**-15))[:, None])
        return features

    return compute


def show(raced: Race, first: str) -> None:
    """A line a side, as a multiple of the first."""
    for name, timing in raced.timings.items():
        ratio = raced.ratio(name, first)
        against = (
            "" if name == first else f"{ratio.median:6.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
        )
        print(f"  {name:44} p50 {timing.p50:8.1f} us  {against}")


def plans(frontend: Frontend) -> tuple[pipeline.Plan, dict[str, torch.nn.Module]]:
    """The binary keyword network behind the features, and both networks."""
    networks = {"binary": network(XNOR(), 64, "int8"), "twin": network(Float(), 64)}
    example = torch.zeros(1, *frontend.output_shape)
    labels = [f"word {i}" for i in range(CLASSES)]
    return pipeline.plan(networks["binary"], example, labels, frontend), networks


def race_log_mel(engine: Engine, frontend: Frontend, seconds: float) -> None:
    """One second of int16 samples → features."""
    clip, shape = sound(), frontend.output_shape
    given, theirs = torch.from_numpy(clip)[None], torchaudio_frontend(frontend)
    listener = Listener(engine._binding, engine._model)
    found, wanted = listener.features(clip, shape), frontend(given)[0].numpy()
    difference = np.abs(found - wanted).max()
    print(f"log-mel, {engine.isa}: largest difference {difference:.1e} of a standard deviation")
    assert difference <= TOLERANCE, "not the same features"
    assert np.abs(theirs(given)[0].numpy() - wanted).max() <= 10 * TOLERANCE
    sides: dict[str, Side] = {
        OURS: lambda: listener.features(clip, shape),
        "torch (xnorkit.features)": lambda: frontend(given),
        "torchaudio MelSpectrogram, AmplitudeToDB": lambda: theirs(given),
    }
    show(race(sides, seconds=seconds), OURS)


def onnx_twin(twin: torch.nn.Module, frontend: Frontend) -> Rival | Missing:
    """The float twin; what it is prepared for reads the one buffer that it is given."""
    return next(iter(onnx_sides(twin, twin, torch.randn(2, *frontend.output_shape))))


def race_to_label(
    planned: pipeline.Plan, twin: torch.nn.Module, frontend: Frontend, seconds: float
) -> None:
    """One second of int16 samples → label."""
    engine, clip = Engine(planned.model()), sound()
    given, buffer = torch.from_numpy(clip)[None], torch.zeros(1, *frontend.output_shape)
    with torch.inference_mode():
        wanted = planned.lowered.network(frontend(given)).softmax(1)[0].numpy()
    found = engine.predict(clip)
    difference = np.abs(found.probabilities - wanted).max()
    print(f"audio to label, {engine.isa}: probabilities differ by {difference:.1e} from torch's")
    rival = onnx_twin(twin, frontend)
    if isinstance(rival, Missing):
        print(f"  {rival.name}: {rival.reason}")
        return
    run, theirs = rival.prepare(buffer), torchaudio_frontend(frontend)

    def label(compute: Callable[[Tensor], Tensor]) -> int:
        buffer.copy_(compute(given))
        return int(run().argmax())

    sides: dict[str, Side] = {
        OURS: lambda: engine.predict(clip),
        f"torch (xnorkit.features) + {NAMES[0]}": lambda: label(frontend),
        f"torchaudio MelSpectrogram + {NAMES[0]}": lambda: label(theirs),
    }
    show(race(sides, seconds=seconds), OURS)


def race_stream(planned: pipeline.Plan, frontend: Frontend, seconds: float) -> None:
    """The front end of one decision of a stream beside that of one clip."""
    engine = Engine(planned.model())
    stream, long = engine.stream(STREAM_MS), sound(3)
    for place, decision in enumerate(stream.feed(long)):
        start = place * stream.hop
        whole = engine.predict(long[start : start + RATE])
        assert np.array_equal(decision.probabilities, whole.probabilities), "not the same answer"
    listener = Listener(engine._binding, engine._model)
    listener.stream(stream.hop, 1)
    c, handle = listener._c, listener._listener
    features, decided = np.empty(frontend.output_shape, np.float32), ctypes.c_int()
    at, to, flag = long.ctypes.data, features.ctypes.data, ctypes.byref(decided)
    c.xnor_feed(handle, at, RATE, None, flag)
    sides: dict[str, Side] = {
        "features of a clip": lambda: c.xnor_features(handle, at, to),
        f"features of a decision, {STREAM_MS} ms on": lambda: c.xnor_feed(
            handle, at, stream.hop, None, flag
        ),
        "a call that brings no samples": lambda: c.xnor_feed(handle, at, 0, None, flag),
    }
    raced = race(sides, seconds=seconds)
    whole_us, each_us, call_us = (timing.p50 for timing in raced.timings.values())
    print(f"stream, {engine.isa}: all decisions on 3 s are those of one-shot, to the last bit")
    show(raced, next(iter(sides)))
    share = (whole_us - call_us) / (each_us - call_us)
    print(f"  without what a call from Python takes: 1/{share:.1f} of a clip's features")


def embedded_clips() -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """Batches of the clips that no training saw, by split."""
    data: Any = SpeechCommands(
        Path.home() / ".cache" / "xnorkit", source="embedded", eval_batch_size=64
    )
    data.prepare_data()
    data.setup()
    for split in ("test", "val"):
        for batch in getattr(data, f"{split}_dataloader")():
            yield split, batch


def count_agreement(checkpoint: str) -> None:
    """How often the engine's label is torch's, both from audio."""
    task = xnorkit.load(checkpoint).eval()
    engine = Engine(plan_of(task).model())
    same: dict[str, list[bool]] = {"test": [], "val": []}
    for split, batch in embedded_clips():
        with torch.inference_mode():
            wanted = task(task.frontend(batch["waveform"])).argmax(1).tolist()
        for clip, label in zip(batch["waveform"], wanted, strict=True):
            same[split].append(engine.predict(clip).label == engine.labels[label])
    for split, answers in same.items():
        share = 100 * np.mean(answers)
        print(f"{checkpoint}: {share:.2f} % of {len(answers)} {split} clips as torch")


def main() -> None:
    """Prove, then race."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    torch.set_num_threads(1)
    frontend = fitted_frontend()
    planned, networks = plans(frontend)
    print(f"{cpu_name()}, one thread; times as multiples of ours")
    model = planned.model()
    with torch.inference_mode():
        for isa in Engine(model).library.supported:
            race_log_mel(Engine(model, isa=isa), frontend, seconds)
    race_to_label(planned, networks["twin"], frontend, seconds)
    race_stream(planned, frontend, seconds)
    for checkpoint in sys.argv[2:]:
        count_agreement(checkpoint)


if __name__ == "__main__":
    main()
