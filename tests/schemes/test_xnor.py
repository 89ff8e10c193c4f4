import pytest
import torch
from torch import nn

from xnorkit.binarize import XNOR_RULE
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.schemes import XNOR


def test_the_block_is_norm_sign_conv_pool():
    block = XNOR().conv2d(3, 4, 3, pool=2)
    kinds = [type(module) for module in block]
    assert kinds == [nn.BatchNorm2d, BinaryConv2d, nn.MaxPool2d]
    assert block.layer.input_sign == "ste_clip"
    assert block.layer.weight_rule == XNOR_RULE


def test_relu_stands_after_the_binary_layer_where_asked():
    kinds = [type(module) for module in XNOR(post_activation="relu").conv2d(3, 4, 3, pool=2)]
    assert kinds == [nn.BatchNorm2d, BinaryConv2d, nn.ReLU, nn.MaxPool2d]


def test_dropout_stands_before_the_binary_layer():
    kinds = [type(module) for module in XNOR().linear(3, 4, dropout=0.5)]
    assert kinds == [nn.BatchNorm1d, nn.Dropout, BinaryLinear]


def test_a_block_in_evaluation_is_alpha_times_an_integer():
    torch.manual_seed(1)
    block = XNOR().conv2d(5, 4, 3).eval()
    y = block(torch.randn(2, 5, 6, 6))
    w = (block.layer.weight - block.layer.weight.mean(1, keepdim=True)).clamp(-1, 1)
    alpha = w.abs().mean((1, 2, 3)).reshape(1, -1, 1, 1)
    sums = (y / alpha).round()
    torch.testing.assert_close(sums * alpha, y, rtol=1e-6, atol=0)
    assert sums.abs().max() <= 45


def test_options_reach_the_layer():
    scheme = XNOR(input_sign="ste_approx", input_scale="map", padding_value=-1, alpha="none")
    layer = scheme.conv2d(3, 4, 3).layer
    assert (layer.input_sign, layer.input_scale, layer.padding_value) == ("ste_approx", "map", -1)
    assert layer.weight_rule.alpha == "none"


@pytest.mark.parametrize(
    ("option", "value"), [("post_activation", "gelu"), ("rule", "adam"), ("alpha", "row")]
)
def test_an_unknown_option_is_refused_by_name_and_value(option, value):
    with pytest.raises(ValueError, match=f"{option}='{value}'"):
        XNOR(**{option: value})
