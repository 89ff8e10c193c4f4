import torch
from torch import nn

from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.schemes import BinaryNet


def test_the_block_is_conv_pool_norm_hardtanh():
    kinds = [type(module) for module in BinaryNet().conv2d(3, 4, 3, pool=2)]
    assert kinds == [BinaryConv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.Hardtanh]
    kinds = [type(module) for module in BinaryNet().linear(3, 4, dropout=0.1)]
    assert kinds == [nn.Dropout, BinaryLinear, nn.BatchNorm1d, nn.Hardtanh]


def test_weights_are_plus_minus_one_without_scale_or_centring():
    layer = BinaryNet().linear(9, 4).layer.eval()
    y = layer(torch.ones(1, 9))
    expected = torch.where(layer.weight < 0, -1.0, 1.0).sum(1)
    assert torch.equal(y[0], expected)
    assert layer.weight_rule.clamp_after_step
    assert layer.weight_rule.rule == "ste"
