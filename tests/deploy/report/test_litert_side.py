"""LiteRT computes the float twin; where it isn't installed it is said how to get it."""

from importlib.util import find_spec

import pytest
from float_twins import INPUTS, small_twin

from xnorkit.deploy.report import litert_side
from xnorkit.deploy.report.sides import Missing, check


def test_what_is_not_there_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setattr(litert_side, "find_spec", lambda name: None)
    twin = small_twin()
    assert list(litert_side.litert_sides(twin, twin, INPUTS)) == [
        Missing("LiteRT float32", "not installed: pip install litert-torch")
    ]


@pytest.mark.slow
@pytest.mark.skipif(
    any(find_spec(name) is None for name in litert_side.PACKAGES), reason="litert-torch is missing"
)
def test_litert_answers_as_the_twin_one_sample_at_a_time():
    twin = small_twin()
    [side] = litert_side.litert_sides(twin, twin, INPUTS)
    assert not side.batched
    found = check(side, twin, INPUTS)
    assert found.faithful
    assert found.agreement == 1
