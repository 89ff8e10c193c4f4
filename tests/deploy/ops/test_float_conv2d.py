"""Float convolutions and linear layers against torch."""

import numpy as np
import pytest
import torch
from interpreter import outputs
from torch import nn

from xnorkit.nn import BinaryConv2d


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


@pytest.mark.parametrize("groups", [1, 3])
def test_a_sign_after_it_is_folded_into_it(groups):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 9, 3, padding=1, groups=groups), nn.MaxPool2d(2), nn.BatchNorm2d(9),
        BinaryConv2d(9, 5, 1),
    )  # fmt: skip
    for module in network:
        if isinstance(module, nn.Conv2d):
            module.weight.data.copy_(torch.randint(-4, 5, module.weight.shape))  # exact sums
    x = torch.randint(-4, 5, (3, 3, 6, 6)).float()
    wanted, got, program = outputs(network, x)
    assert [op.kind for op in program.ops][:3] == ["float_conv2d", "max_pool", "binary_conv2d"]
    np.testing.assert_array_equal(got, wanted)


def test_real_values_that_others_take_too_are_written_once():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.binary = nn.Conv2d(1, 4, 3, padding=1), BinaryConv2d(4, 4, 1)

        def forward(self, x):
            x = self.stem(x)
            return self.binary(x) + x

    wanted, got, program = outputs(Branches(), torch.randn(2, 1, 5, 5))
    assert [op.kind for op in program.ops].count("float_conv2d") == 1
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_a_layer_that_scales_by_its_input_has_it_written_once():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), BinaryConv2d(4, 4, 3, input_scale="map"))
    wanted, got, program = outputs(network, torch.randn(2, 1, 7, 7))
    kinds = [op.kind for op in program.ops]
    assert kinds.count("float_conv2d") == kinds.count("threshold") == 1
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
