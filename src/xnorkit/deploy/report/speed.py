"""Engine, network, float twin → how fast each is, in one race."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from xnorkit.deploy.report import latency
from xnorkit.deploy.report.bandwidth import traffic_of
from xnorkit.deploy.report.latency import Race, race, throughput
from xnorkit.deploy.report.record import ENGINE, Side, Speed
from xnorkit.deploy.report.rivals import rivals
from xnorkit.deploy.report.sides import Answers, Rival, check

BATCH = 64
_CHECKED = 64  # inputs on which rivals' answers are compared


class Runs(Protocol):
    """What is timed of an engine."""

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, …) → logits."""
        ...

    @property
    def kernels(self) -> Sequence[str]:
        """Of each op, the loop that it takes where there are several; else ""."""
        ...

    def step(self, op: int | None) -> None:
        """Run one op on the engine's buffers; None: an empty call."""
        ...


def measure(
    engine: Runs,
    ops: Sequence[str],
    network: nn.Module,
    twin: nn.Module,
    inputs: Tensor,
    rounds: int = 15,
    seconds: float = 5.0,
    weights: Mapping[str, int] | None = None,
) -> Speed:
    """Latency, throughput and the engine's steps, each on one thread.

    Args:
        engine: made from `network`.
        ops: names of its program's ops, in order.
        network: in evaluation mode, on the CPU, float32.
        twin: the float module of the same topology and width, the same way.
        inputs: (N, …) real ones, float32.
        rounds: in which the sides take turns.
        seconds: of the race with one sample; throughput takes half as long again, and converters
            their own time.
        weights: `bandwidth.large_weights` of the program, if reading them shall be measured.

    Raises:
        ValueError: no input.
    """
    if not len(inputs):
        raise ValueError("no input to time the engine with: give at least one, (1, …).")
    found, missing = rivals(network, twin, inputs)
    sides = [Rival(ENGINE, "network", partial(_engine_call, engine)), *found]
    of_batches = [side for side in sides if side.batched]
    one, many = inputs[:1], inputs[[i % len(inputs) for i in range(BATCH)]]
    latencies = race(_named(sides, one), rounds, seconds)
    rates = throughput(_named(of_batches, many), BATCH, seconds=seconds / 2)
    models = {"network": network, "float twin": twin}
    checked = inputs[:_CHECKED]
    answers = {_key(rival): check(rival, models[rival.model], checked) for rival in found}
    return Speed(
        threads=latencies.threads,
        rounds=rounds,
        batch=BATCH,
        sides=tuple(_side(side, latencies, rates, answers) for side in sides),
        missing=tuple(missing),
        steps=_steps(engine, ops, one),
        kernels={name: loop for name, loop in zip(ops, engine.kernels, strict=True) if loop},
        traffic=traffic_of(weights or {}),
    )


def _engine_call(engine: Runs, inputs: Tensor) -> partial[NDArray[np.float32]]:
    return partial(engine, inputs.contiguous().numpy())


def _steps(engine: Runs, ops: Sequence[str], sample: Tensor) -> dict[str, float]:
    engine(sample.numpy())  # buffers hold a real sample's values
    steps = {name: partial(engine.step, index) for index, name in enumerate(ops)}
    return latency.split(steps, nothing=partial(engine.step, None))


def _key(rival: Rival) -> str:
    return f"{rival.name}: {rival.model}"


def _named(sides: Sequence[Rival], inputs: Tensor) -> dict[str, latency.Side]:
    return {_key(side): side.prepare(inputs) for side in sides}


def _side(rival: Rival, race: Race, rates: dict[str, float], answers: dict[str, Answers]) -> Side:
    key, engine = _key(rival), next(iter(race.timings))
    timing = race.timings[key]
    return Side(
        name=rival.name,
        model=rival.model if key != engine else "engine",
        p50=timing.p50,
        p95=timing.p95,
        p99=timing.p99,
        samples=timing.samples,
        calls_per_sample=timing.calls_per_sample,
        ratio=race.ratio(key, to=engine) if key != engine else None,
        throughput=rates.get(key),
        answers=answers.get(key),
    )
