import torch
from torch import nn

from xnorkit.nn import BinaryLayer
from xnorkit.schemes import Float


def test_the_block_is_conv_norm_relu_pool():
    block = Float().conv2d(3, 4, 3, pool=2)
    kinds = [type(module) for module in block]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d]


def test_nothing_in_it_is_binary():
    scheme = Float()
    block = nn.Sequential(scheme.conv2d(3, 4, 3), scheme.linear(4, 4), scheme.stem(3, 2))
    assert not any(isinstance(module, BinaryLayer) for module in block.modules())
    assert scheme.weight_rule is None
    assert torch.equal(scheme.head(3, 2)(torch.ones(2)), torch.ones(2))
