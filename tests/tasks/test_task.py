from types import SimpleNamespace

import pytest
import torch
from torch import nn

from xnorkit.tasks import Task
from xnorkit.tasks.schedules import cosine


def test_a_task_without_questions_answered_needs_nothing_of_the_data():
    assert Task.network_arguments(None, ()) == Task.own_arguments(None, ()) == {}
    task = Task(nn.Linear(2, 1))
    assert (task.frontend, task.labels, task.facts(), task.has_engine) == (None, (), {}, False)
    assert task(torch.ones(3, 2)).shape == (3, 1)


def test_only_parameters_that_learn_reach_the_optimiser():
    network = nn.Linear(2, 1)
    network.bias.requires_grad_(False)
    optimizer = Task(network, optimizer=lambda p: torch.optim.SGD(p, 0.1)).configure_optimizers()
    [group] = optimizer.param_groups
    assert group["params"] == [network.weight]


def test_a_task_without_optimizer_says_so():
    with pytest.raises(ValueError, match="this Task was built without an optimizer"):
        Task(nn.Linear(2, 1)).configure_optimizers()


def test_a_schedule_over_steps_without_end_says_what_it_needs():
    task = Task(nn.Linear(2, 1), optimizer=lambda p: torch.optim.SGD(p, 0.1), scheduler=cosine)
    task.trainer = SimpleNamespace(estimated_stepping_batches=float("inf"))
    with pytest.raises(ValueError, match=r"needs an end.*trainer\.max_epochs"):
        task.configure_optimizers()
