import pytest
import torch
from interpreter import Interpreter
from random_networks import settle
from torch import nn
from torch_agreement import assert_agreement

from xnorkit.deploy.lower import lower
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.schemes import BinaryNet


def test_the_block_is_conv_pool_norm_hardtanh():
    kinds = [type(module) for module in BinaryNet().conv2d(3, 4, 3, pool=2)]
    assert kinds == [BinaryConv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.Hardtanh]
    block = BinaryNet().linear(3, 4, dropout=0.1)
    assert [type(module) for module in block] == [BinaryLinear, nn.BatchNorm1d, nn.Hardtanh]
    assert block.layer.input_dropout == 0.1


def test_weights_are_plus_minus_one_without_scale_or_centring():
    layer = BinaryNet().linear(9, 4).layer.eval()
    y = layer(torch.ones(1, 9))
    expected = torch.where(layer.weight < 0, -1.0, 1.0).sum(1)
    assert torch.equal(y[0], expected)
    assert layer.weight_rule.clamp_after_step
    assert layer.weight_rule.rule == "ste"


def test_options_of_the_release_reach_weights_and_activations_apart():
    drawn = BinaryNet(weight_quant_mode="stochastic", activation_quant_mode="det")
    assert drawn.conv2d(3, 4, 3).layer.weight_rule.quant_mode == "stochastic"
    assert drawn.conv2d(3, 4, 3).layer.input_quant_mode == "det"
    drawn = BinaryNet(activation_quant_mode="stochastic")
    assert drawn.linear(3, 4).layer.weight_rule.quant_mode == "det"
    assert drawn.linear(3, 4).layer.input_quant_mode == "stochastic"
    scaled = BinaryNet(weight_allow_scale=True).linear(3, 4).layer
    assert (scaled.weight_rule.alpha, scaled.input_scale) == ("max", "none")
    with pytest.warns(UserWarning, match="whole batch"):
        scaled = BinaryNet(activation_allow_scale=True).linear(3, 4).layer
    assert (scaled.weight_rule.alpha, scaled.input_scale) == ("none", "max")


def network(scheme):
    torch.manual_seed(0)
    blocks = [scheme.stem(2, 2), scheme.conv2d(2, 20, 3), scheme.conv2d(20, 9, 3, pool=2)]
    return settle(nn.Sequential(*blocks, scheme.head(9, 2)), 0)


@pytest.mark.parametrize(
    "options", [{"weight_allow_scale": True}, {"weight_quant_mode": "stochastic"}]
)
def test_scaled_and_drawn_weights_are_folded_to_the_bit(options):
    lowered = lower(network(BinaryNet(**options)), torch.zeros(1, 2, 6, 6))
    assert_agreement(lowered, Interpreter(lowered.program, lowered.tensors()))


def test_scaled_activations_have_no_engine_and_it_says_why():
    with pytest.warns(UserWarning, match="whole batch"):
        scaled = network(BinaryNet(activation_allow_scale=True))
    with pytest.raises(
        Unsupported, match=r"1\.layer.*input_scale='max' is one number of the whole"
    ):
        lower(scaled, torch.zeros(1, 2, 6, 6))
