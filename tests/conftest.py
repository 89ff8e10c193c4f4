"""Every test starts from the same random numbers, so that a red one can be run again."""

import pytest
import torch
from hypothesis import settings

# No deadline: a busy machine is not a fault. Derandomised: CI and the desk see the same examples.
settings.register_profile("xnorkit", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("xnorkit")


@pytest.fixture(autouse=True)
def _fixed_seed():
    torch.manual_seed(0)
