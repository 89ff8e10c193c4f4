import pytest
import torch
from torch import nn

from xnorkit.binarize import XNOR_RULE, quantize_k
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


def test_dropout_stands_between_sign_and_product():
    kinds = [type(module) for module in XNOR().linear(3, 4, dropout=0.5)]
    assert kinds == [nn.BatchNorm1d, BinaryLinear]
    assert XNOR().linear(3, 4, dropout=0.5).layer.input_dropout == 0.5


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
    layer = XNOR(bits=3, binary_gradient=True, centre=False, clamp=False).linear(5, 4).layer
    assert (layer.input_bits, layer.weight_rule.bits, layer.binary_gradient) == (3, 3, True)
    assert (layer.weight_rule.centre, layer.weight_rule.clamp) == (False, False)


@pytest.mark.parametrize(
    ("option", "value"), [("post_activation", "gelu"), ("rule", "adam"), ("alpha", "row")]
)
def test_an_unknown_option_is_refused_by_name_and_value(option, value):
    with pytest.raises(ValueError, match=f"{option}='{value}'"):
        XNOR(**{option: value})


@pytest.mark.parametrize("bits", [0, 9, 2.5])
def test_bits_out_of_range_are_refused_with_the_key(bits):
    with pytest.raises(ValueError, match=rf"bits={bits}: choose 1 … 8 \(model.bits\)"):
        XNOR(bits=bits)


@pytest.mark.parametrize("rule", ["chain", "paper", "ste"])
def test_one_bit_is_the_network_without_bits(rule):
    torch.manual_seed(0)
    one = XNOR(rule=rule, bits=1).conv2d(3, 4, 3)
    other = XNOR(rule=rule).conv2d(3, 4, 3)
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 3, 5, 5)
    y = one(x)
    assert torch.equal(y, other(x))
    y.square().sum().backward()
    other(x).square().sum().backward()
    assert torch.equal(one.layer.weight.grad, other.layer.weight.grad)


def test_more_bits_take_the_papers_q_k_for_sign_on_both_sides():
    torch.manual_seed(0)
    layer = XNOR(bits=3, centre=False).linear(9, 4).layer.eval()
    torch.nn.init.uniform_(layer.weight, -1, 1)
    x = 0.7 * torch.randn(2, 9)
    q = quantize_k(layer.weight.detach().double(), 3)
    alpha = (layer.weight * q).sum(1) / (q * q).sum(1)
    expected = quantize_k(x, 3).double() @ q.T * alpha
    torch.testing.assert_close(layer(x).double(), expected, rtol=1e-5, atol=1e-6)
