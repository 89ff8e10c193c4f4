"""What is timed, in which order and how it is summarised; never how fast."""

import gc
import itertools

import numpy as np
import pytest
import torch

from xnorkit.deploy.report import latency
from xnorkit.deploy.report.latency import Race, Timing, fastest, race, split, throughput


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when a side says so; `clock.pass_(ns)` is a side."""

    class Clock:
        now, step = 0, 0

        def __call__(self):
            self.now += self.step
            return self.now

        def side(self, *nanoseconds):
            times = itertools.cycle(nanoseconds)

            def call():
                self.now += next(times)

            return call

    clock = Clock()
    monkeypatch.setattr(latency.time, "perf_counter_ns", clock)
    return clock


def test_the_fastest_call_counts_but_not_the_first_one(clock):
    assert fastest(clock.side(1_000, 9_000, 4_000, 6_000), passes=3) == 4


def test_a_call_of_known_length_is_told_in_microseconds(clock):
    found = race({"slow": clock.side(3_000_000), "fast": clock.side(1_000_000)}, 4, 1.0)
    assert found.timings["slow"].p50 == found.timings["slow"].p99 == pytest.approx(3000)
    assert found.timings["fast"].rounds == pytest.approx([1000] * 4)
    ratio = found.ratio("slow", to="fast")
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((3, 3, 3))


def test_percentiles_are_of_single_calls_where_a_call_is_long(clock):
    # of 100 calls 90 take 100 µs and 10 take 1 ms
    side = clock.side(*[100_000] * 9, 1_000_000)
    timing = race({"side": side}, rounds=5, seconds=1.0).timings["side"]
    assert timing.calls_per_sample == 1
    assert (timing.p50, timing.p99) == pytest.approx((100, 1000))


def test_short_calls_are_repeated_inside_a_sample(clock):
    clock.step = 1
    timing = race({"side": clock.side(999)}, rounds=3, seconds=0.01).timings["side"]
    assert timing.calls_per_sample == 20  # 20 calls of 1 µs last 20 µs
    assert timing.p50 == pytest.approx(0.999, rel=0.01)


def test_a_slow_side_gets_three_samples_a_round_whatever_the_time(clock):
    found = race({"slow": clock.side(10**9), "fast": clock.side(10**6)}, rounds=2, seconds=0.1)
    assert found.timings["slow"].samples == 6
    assert found.timings["fast"].samples == 2 * 25  # its quarter of 0.1 s a round


def test_the_warm_up_is_not_counted(clock):
    times = itertools.chain([10**9] * 3, itertools.repeat(10**6))

    def side():
        clock.now += next(times)

    assert race({"side": side}, rounds=2, seconds=0.05).timings["side"].p99 == pytest.approx(1000)


def test_sides_take_turns_and_the_first_one_changes(clock):
    turns = []

    def side(name):
        def call():
            turns.append(name)
            clock.now += 10**8

        return call

    race({name: side(name) for name in "abc"}, rounds=3, seconds=0.0)
    in_order = [name for name, _ in itertools.groupby(turns[9:])]  # 3 × 3 calls of warm-up
    assert in_order == list("abcbcacab")


def test_ratios_are_paired_within_rounds():
    # the machine slows down threefold; side a takes twice b's time in every round but one
    b = np.array([1.0, 1.0, 2.0, 3.0, 3.0])
    a = b * [2, 2, 4, 2, 2]
    timings = {n: Timing(0, 0, 0, 0, 1, tuple(v)) for n, v in {"a": a, "b": b}.items()}
    ratio = Race(timings, "cpu", 1).ratio("a", to="b")
    assert (ratio.low, ratio.median, ratio.high) == (2, 2, 2)


def test_everything_is_as_it_was_afterwards_also_when_a_side_raises():
    before = torch.get_num_threads()
    seen = []

    def side():
        seen.append((torch.get_num_threads(), gc.isenabled(), torch.is_inference_mode_enabled()))
        raise RuntimeError("no")

    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError):
            race({"side": side})
        assert seen == [(1, False, True)]
        assert (torch.get_num_threads(), gc.isenabled()) == (2, True)
        assert not torch.is_inference_mode_enabled()
    finally:
        torch.set_num_threads(before)


def test_the_race_names_cpu_and_threads():
    found = race({"side": lambda: None}, rounds=1, seconds=0.0)
    assert found.cpu
    assert found.threads == 1


def test_a_race_of_nobody_is_refused():
    with pytest.raises(ValueError, match="0 sides"):
        race({})
    with pytest.raises(ValueError, match="0 rounds"):
        race({"side": lambda: None}, rounds=0)


def test_throughput_is_samples_per_second(clock):
    assert throughput({"side": clock.side(8 * 10**6)}, batch=64)["side"] == pytest.approx(8000)


def test_throughput_of_a_slow_side_takes_a_call_a_round_and_one_before(clock):
    called = []

    def side():
        called.append(clock.now)
        clock.now += 10**10 if len(called) > 1 else 10**11

    assert throughput({"side": side}, batch=10, rounds=3)["side"] == pytest.approx(1)
    assert len(called) == 4


def test_split_times_each_step_in_order(clock):
    order = []

    def step(name, nanoseconds):
        def call():
            order.append(name)
            clock.now += nanoseconds

        return call

    steps = {"stem": step("stem", 5000), "add": step("add", 600), "head": step("head", 2000)}
    found = split(steps, nothing=step("", 700), passes=10)
    assert found == pytest.approx({"stem": 4.3, "add": 0, "head": 1.3})
    assert order == ["stem", "add", "head", ""] * 12  # two passes of warm-up
