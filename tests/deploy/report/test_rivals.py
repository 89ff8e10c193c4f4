"""All rivals that can be raced are, and one that can't costs nothing but its line."""

import torch
from float_twins import INPUTS, small_twin

from xnorkit.deploy.report import rivals as room
from xnorkit.deploy.report.rivals import MAKERS, rivals
from xnorkit.deploy.report.sides import Missing, Rival


def side(name):
    return Rival(name, "network", lambda x: lambda: x)


def test_rivals_and_missing_ones_are_told_apart(monkeypatch):
    a, b, c = side("a"), side("b"), Missing("c", "not installed")
    monkeypatch.setattr(room, "MAKERS", {"x": lambda *_: [a, c], "y": lambda *_: iter([b])})
    assert rivals(small_twin(), small_twin(), INPUTS) == ([a, b], [c])


def test_a_converter_that_fails_is_a_line_and_no_error(monkeypatch):
    def fails(network, twin, inputs):
        yield side("a")
        raise NotImplementedError("aten::strange has no translation\nand forty lines more")

    monkeypatch.setattr(room, "MAKERS", {"Engine X": fails, "torch": lambda *_: [side("b")]})
    found, [missing] = rivals(small_twin(), small_twin(), INPUTS)
    assert [rival.name for rival in found] == ["a", "b"]
    assert missing.name == "Engine X"
    assert missing.reason == ("failed: NotImplementedError: aten::strange has no translation")


def test_an_error_without_words_is_named_by_its_class(monkeypatch):
    def fails(network, twin, inputs):
        raise MemoryError

    monkeypatch.setattr(room, "MAKERS", {"Engine X": fails})
    assert rivals(small_twin(), small_twin(), INPUTS)[1] == [
        Missing("Engine X", "failed: MemoryError")
    ]


def test_rivals_get_float32_inputs_of_the_cpu(monkeypatch):
    seen = []
    monkeypatch.setattr(room, "MAKERS", {"x": lambda n, t, inputs: seen.append(inputs) or []})
    rivals(small_twin(), small_twin(), INPUTS.double())
    assert seen[0].dtype == torch.float32


def test_torch_comes_first():
    assert next(iter(MAKERS)) == "torch"
