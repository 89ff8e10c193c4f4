import pytest
import torch
import torch.nn.functional as F
from torch import nn

from xnorkit.nn import BinaryConv2d
from xnorkit.schemes import BWN


def test_the_block_is_binary_conv_norm_relu_pool():
    block = BWN().conv2d(3, 4, 3, pool=2)
    kinds = [type(module) for module in block]
    assert kinds == [BinaryConv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d]


def test_input_stays_real_and_weights_become_alpha_times_sign():
    torch.manual_seed(0)
    layer = BWN().conv2d(3, 4, 3).layer.eval()
    x = torch.randn(2, 3, 6, 6)
    w = layer.weight - layer.weight.mean(1, keepdim=True)
    w = w.clamp(-1, 1)
    binary = w.abs().mean((1, 2, 3), keepdim=True) * torch.where(w < 0, -1.0, 1.0)
    torch.testing.assert_close(layer(x), F.conv2d(x, binary, padding=1), rtol=1e-5, atol=1e-6)


def test_options_reach_the_rule():
    scheme = BWN(alpha="layer", rule="paper", centre_factor=False, scale_by_n=False)
    rule = scheme.linear(3, 4).layer.weight_rule
    assert (rule.alpha, rule.rule, rule.centre_factor, rule.scale_by_n) == (
        "layer",
        "paper",
        False,
        False,
    )
    with pytest.raises(ValueError, match="alpha='mean'"):
        BWN(alpha="mean")
