"""Callables → how long they take, in turn in one process, on one thread.

A machine's speed drifts, so times of different runs don't compare. Here each round times every side
for a while, in an order that rotates, and a ratio is taken within each round.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch

from xnorkit.machine import cpu_name

Side = Callable[[], object]

SHORTEST_SAMPLE = 20_000  # ns; the clock's step and cost are some 50 ns, 0.25 % of it
_WARM_UP = 50_000_000  # ns a side
_FEWEST = 3  # samples of a side in a round, and calls of its warm-up, however slow it is


@dataclass(frozen=True)
class Timing:
    """One side's calls.

    Attributes:
        p50: microseconds that half of the calls don't exceed.
        p95: that 95 % don't.
        p99: that 99 % don't.
        samples: how many were taken.
        calls_per_sample: 1: percentiles are of single calls. More, where a call takes less than
            20 µs: they are of means over that many calls.
        rounds: each round's median, in microseconds.
    """

    p50: float
    p95: float
    p99: float
    samples: int
    calls_per_sample: int
    rounds: tuple[float, ...]


@dataclass(frozen=True)
class Ratio:
    """How many times as long one side takes as another, paired within rounds.

    Attributes:
        median: over the rounds.
        low: lower quartile.
        high: upper quartile.
    """

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Race:
    """What `race` has measured.

    Attributes:
        timings: by side, in the order given.
        cpu: its name.
        threads: that each side could use.
    """

    timings: Mapping[str, Timing]
    cpu: str
    threads: int

    def ratio(self, side: str, to: str) -> Ratio:
        """Time of `side` over time of `to`: above 1, `to` is the faster."""
        pairs = zip(self.timings[side].rounds, self.timings[to].rounds, strict=True)
        low, median, high = np.percentile([a / b for a, b in pairs], (25, 50, 75))
        return Ratio(float(median), float(low), float(high))


def race(sides: Mapping[str, Side], rounds: int = 15, seconds: float = 3.0) -> Race:
    """Times of all sides, taken in turn; warm-up is excluded.

    While it runs, torch has one thread and is in inference mode, and Python collects no garbage.
    Sides that bring threads of their own must be limited to one by whoever makes them.

    Args:
        sides: name → what is timed, called without arguments.
        rounds: how often each side has its turn.
        seconds: for all sides and rounds together, about; slow sides get three samples a round
            even so.

    Raises:
        ValueError: no side, or fewer than one round.
    """
    with _undisturbed():
        calls = {name: _warmed_up(side) for name, side in sides.items()}
        taken = _in_turn(sides, calls, rounds, seconds, _FEWEST)
        threads = torch.get_num_threads()
    return Race({n: _timing(taken[n], calls[n]) for n in sides}, cpu_name(), threads)


def throughput(
    sides: Mapping[str, Side], batch: int = 64, rounds: int = 3, seconds: float = 2.0
) -> dict[str, float]:
    """Samples per second of sides of which each call computes a whole batch.

    Args:
        sides: name → what is timed.
        batch: samples of a call.
        rounds: how often each side has its turn, after one call that is not counted.
        seconds: for all, about; slow sides get one call a round even so.
    """
    with _undisturbed():
        for side in sides.values():
            side()
        taken = _in_turn(sides, dict.fromkeys(sides, 1), rounds, seconds, fewest=1)
    return {name: batch * 1e6 / _timing(rows, 1).p50 for name, rows in taken.items()}


def split(steps: Mapping[str, Side], nothing: Side, passes: int = 101) -> dict[str, float]:
    """Microseconds of each step, the median over passes through all of them in order.

    A step finds the caches as it does in a whole call.

    Args:
        steps: name → what is timed, in order.
        nothing: a call like theirs that does nothing; what it takes is taken off each, down to 0.
        passes: through all steps; a tenth more go before and are not counted.
    """
    clock, warm_up = time.perf_counter_ns, passes // 10 + 1
    taken = np.empty((warm_up + passes, len(steps) + 1))
    with _undisturbed():
        for row in taken:
            for place, step in enumerate((*steps.values(), nothing)):
                start = clock()
                step()
                row[place] = clock() - start
    *medians, call = np.median(taken[warm_up:], axis=0) / 1000
    return {name: max(float(took - call), 0.0) for name, took in zip(steps, medians, strict=True)}


def fastest(side: Side, passes: int = 101) -> float:
    """Microseconds of the fastest of so many calls, after one that is not counted."""
    clock, best = time.perf_counter_ns, float("inf")
    with _undisturbed():
        side()
        for _ in range(passes):
            start = clock()
            side()
            best = min(best, clock() - start)
    return best / 1000


@contextmanager
def _undisturbed() -> Iterator[None]:
    threads, collecting = torch.get_num_threads(), gc.isenabled()
    gc.disable()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(threads)
        if collecting:
            gc.enable()


def _warmed_up(side: Side) -> int:
    """How many calls make a sample long enough for the clock."""
    clock, fastest, called = time.perf_counter_ns, float("inf"), 0
    end = clock() + _WARM_UP
    while called < _FEWEST or clock() < end:
        start = clock()
        side()
        fastest = min(fastest, clock() - start)
        called += 1
    return max(1, ceil(SHORTEST_SAMPLE / max(fastest, 1)))


def _in_turn(
    sides: Mapping[str, Side], calls: Mapping[str, int], rounds: int, seconds: float, fewest: int
) -> dict[str, list[list[float]]]:
    """For each side and round, nanoseconds a call of each sample."""
    if not sides or rounds < 1:
        raise ValueError(f"race of {len(sides)} sides in {rounds} rounds: at least one of each.")
    names, share = list(sides), seconds / rounds / len(sides)
    taken: dict[str, list[list[float]]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)  # nobody always follows the same side
        for name in names[first:] + names[:first]:
            taken[name].append(_samples(sides[name], calls[name], share, fewest))
    return taken


def _samples(side: Side, calls: int, seconds: float, fewest: int) -> list[float]:
    clock, taken = time.perf_counter_ns, list[float]()
    if fewest > 1:
        side()  # not counted: the side before has filled the caches
    end = clock() + seconds * 1e9
    while len(taken) < fewest or clock() < end:
        start = clock()
        for _ in range(calls):
            side()
        taken.append((clock() - start) / calls)
    return taken


def _timing(rounds: list[list[float]], calls: int) -> Timing:
    everything = np.concatenate([np.asarray(taken) for taken in rounds]) / 1000
    p50, p95, p99 = (float(p) for p in np.percentile(everything, (50, 95, 99)))
    medians = tuple(float(np.median(taken)) / 1000 for taken in rounds)
    return Timing(p50, p95, p99, len(everything), calls, medians)
