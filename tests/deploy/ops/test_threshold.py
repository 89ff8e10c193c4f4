"""Signs of real values, through whatever lies between."""

import numpy as np
import torch
from interpreter import Interpreter, outputs
from random_networks import settle
from torch import nn

from xnorkit.deploy.lower import lower
from xnorkit.nn import BinaryLinear


def test_zeros_count_as_plus_one():
    network = nn.Sequential(BinaryLinear(4, 3, bias=False))
    x = torch.tensor([[0.0, -0.0, 1e-45, -1e-45]])
    wanted, got, _ = outputs(network, x)
    np.testing.assert_array_equal(got, wanted)


def test_the_bits_are_the_signs_after_all_modules():
    torch.manual_seed(0)
    before = nn.Sequential(nn.BatchNorm1d(30), nn.Hardtanh(), nn.BatchNorm1d(30))
    network = settle(nn.Sequential(before, BinaryLinear(30, 3)), 5)
    lowered = lower(network, torch.zeros(1, 30))
    engine = Interpreter(lowered.program, lowered.tensors())
    for x in torch.randn(20, 30):
        engine(x[None].numpy())
        bits = engine.buffers[1].ravel()
        with torch.no_grad():
            np.testing.assert_array_equal(bits, (network[0](x[None])[0] < 0).numpy())
