"""Schedules against their closed forms."""

import math
import re

import pytest
import torch

from xnorkit.tasks.schedules import cosine, step


def rates(schedule, total, **options):
    """The learning rate of each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = schedule(optimizer, total_steps=total, **options)
    found = []
    for _ in range(total + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_cosine_is_half_a_period_from_the_full_rate_to_the_final_one():
    found = rates(cosine, 10, final=0.1)
    expected = [2 * (0.1 + 0.9 * (1 + math.cos(math.pi * i / 10)) / 2) for i in range(11)]
    assert found == pytest.approx(expected)


def test_warm_up_rises_in_equal_steps_and_never_starts_at_zero():
    found = rates(cosine, 100, warmup=0.04)
    assert found[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert found[100] == pytest.approx(0)


def test_step_multiplies_at_each_milestone():
    found = rates(step, 10, milestones=[0.5, 0.8], gamma=0.1)
    assert found == pytest.approx([2.0] * 5 + [0.2] * 3 + [0.02] * 3)


def test_after_the_last_step_the_rate_stays():
    assert rates(cosine, 1)[-1] == pytest.approx(0)
    assert rates(step, 3) == [2.0] * 4


@pytest.mark.parametrize(
    ("schedule", "options", "named"),
    [
        (cosine, {"warmup": 1.0}, "scheduler.warmup=1.0"),
        (cosine, {"warmup": -0.1}, "scheduler.warmup=-0.1"),
        (cosine, {"final": 2.0}, "scheduler.final=2.0"),
        (step, {"milestones": [0.5, 3]}, "scheduler.milestones=[3]"),
        (step, {"gamma": 0.0}, "scheduler.gamma=0.0"),
    ],
)
def test_values_out_of_range_are_named(schedule, options, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        rates(schedule, 10, **options)


def test_a_training_without_an_end_is_refused():
    with pytest.raises(ValueError, match="needs an end"):
        rates(cosine, -1)
