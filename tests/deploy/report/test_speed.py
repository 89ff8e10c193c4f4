"""One race of engine and rivals, put together as the report has it."""

import pytest
import torch
from torch import nn

from xnorkit.deploy.report import speed as room
from xnorkit.deploy.report.sides import Missing, Rival
from xnorkit.deploy.report.speed import measure

LINEAR = nn.Linear(4, 3)
INPUTS = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))


class Engine:
    """Answers as torch does, in the time that Python takes."""

    kernels = ("popcount", "")

    def __init__(self):
        self.batches, self.steps = set(), []

    def __call__(self, x):
        self.batches.add(len(x))
        with torch.no_grad():
            return LINEAR(torch.from_numpy(x)).numpy()

    def step(self, op):
        self.steps.append(op)


@pytest.fixture
def rivals(monkeypatch):
    def prepare(x):
        return lambda: LINEAR(x)

    one = Rival("one", "float twin", lambda x: lambda: LINEAR(x) + 1, batched=False)
    found = [Rival("same", "network", prepare), Rival("same", "float twin", prepare), one]
    missing = [Missing("X", "not installed")]
    monkeypatch.setattr(room, "rivals", lambda network, twin, inputs: (found, missing))


@pytest.mark.usefixtures("rivals")
def test_the_engine_comes_first_and_rivals_are_set_against_it():
    engine = Engine()
    found = measure(engine, ["a", "b"], LINEAR, LINEAR, INPUTS, rounds=2, seconds=0.01)
    assert [(side.name, side.model) for side in found.sides] == [
        ("xnorkit", "engine"), ("same", "network"), ("same", "float twin"), ("one", "float twin"),
    ]  # fmt: skip
    ours, same, _, one = found.sides
    assert ours.ratio is None
    assert ours.answers is None
    assert same.ratio.low <= same.ratio.median <= same.ratio.high
    assert same.answers.faithful
    assert not one.answers.faithful
    assert one.answers.difference == pytest.approx(1, abs=1e-6)
    assert [missing.name for missing in found.missing] == ["X"]
    assert (found.threads, found.rounds, found.batch) == (1, 2, 64)


@pytest.mark.usefixtures("rivals")
def test_latency_is_of_one_sample_and_throughput_of_a_batch_where_it_can_be():
    engine = Engine()
    found = measure(engine, ["a", "b"], LINEAR, LINEAR, INPUTS, rounds=1, seconds=0.01)
    assert engine.batches == {1, 64}  # of five inputs, repeated
    assert [side.throughput is None for side in found.sides] == [False, False, False, True]


@pytest.mark.usefixtures("rivals")
def test_every_op_is_timed_in_order():
    engine = Engine()
    found = measure(engine, ["stem", "head"], LINEAR, LINEAR, INPUTS, rounds=1, seconds=0.01)
    assert list(found.steps) == ["stem", "head"]
    assert found.kernels == {"stem": "popcount"}
    assert engine.steps[:6] == [0, 1, None, 0, 1, None]


def test_without_an_input_nothing_is_timed():
    with pytest.raises(ValueError, match="no input to time the engine with"):
        measure(Engine(), [], LINEAR, LINEAR, INPUTS[:0])
