"""Random states travel through a checkpoint."""

import random

import numpy as np
import torch

from xnorkit.callbacks.exact_resume import ExactResume


def draw():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), [random.random() for _ in range(3)]


def test_the_draws_after_resuming_are_those_that_would_have_come(tmp_path):
    random.gauss(0, 1), np.random.randn()  # both keep half of a pair for the next call
    torch.save(ExactResume().state_dict(), tmp_path / "state.pt")
    expected = draw(), random.gauss(0, 1), np.random.randn()
    draw()
    resumed = ExactResume()
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    resumed.on_train_batch_start(None, None, None, 0)
    assert (draw(), random.gauss(0, 1), np.random.randn()) == expected


def test_the_states_are_set_at_the_first_batch_only():
    resumed = ExactResume()
    resumed.load_state_dict(ExactResume().state_dict())
    resumed.on_train_batch_start(None, None, None, 0)
    before = torch.get_rng_state()
    draw()
    resumed.on_train_batch_start(None, None, None, 1)
    assert not torch.equal(torch.get_rng_state(), before)
