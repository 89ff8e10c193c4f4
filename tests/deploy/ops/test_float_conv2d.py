"""Float convolutions and linear layers against torch."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from torch import nn


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(3, 8, (5, 3), (2, 1), (2, 0)), (3, 9, 8)),
        (nn.Conv2d(4, 6, 3, dilation=2, groups=2, padding="same", bias=False), (4, 7, 7)),
        (nn.Conv1d(3, 5, 3, padding=1), (3, 9)),
        (nn.Linear(7, 4), (7,)),
        (nn.Sequential(nn.Flatten(), nn.Linear(24, 4)), (2, 3, 4)),
    ],
    ids=["stem", "dilated", "1-D", "linear", "flattened"],
)
def test_the_output_is_torchs_within_rounding(layer, shape):
    wanted, got, program = outputs(nn.Sequential(layer), torch.randn(3, *shape))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    assert program.ops[0].kind == "float_conv2d"
