import pytest
import torch
import torch.nn.functional as F
from torch import nn

from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.schemes import DoReFa


def test_the_block_is_conv_norm_pool_clip():
    kinds = [type(module) for module in DoReFa().conv2d(3, 4, 3, pool=2)]
    assert kinds == [BinaryConv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.Hardtanh]
    kinds = [type(module) for module in DoReFa().linear(3, 4, dropout=0.1)]
    assert kinds == [BinaryLinear, nn.BatchNorm1d, nn.Hardtanh]
    assert DoReFa().linear(3, 4, dropout=0.1).layer.input_dropout == 0.1
    clip = DoReFa().linear(3, 4).clip
    assert (clip.min_val, clip.max_val) == (0, 1)


@pytest.mark.parametrize("mode", [True, False])
def test_one_bit_is_the_sign_times_the_layers_mean_on_zeros_and_ones_above_a_half(mode):
    torch.manual_seed(0)
    layer = DoReFa(weight_bits=1, activation_bits=1).conv2d(3, 4, 3).layer.train(mode)
    x = torch.tensor([-1.0, 0.0, 0.3, 0.5, 0.6, 1.0, 4.0])[torch.randint(7, (2, 3, 5, 6))]
    w = torch.where(layer.weight < 0, -1.0, 1.0) * layer.weight.abs().mean()
    expected = F.conv2d((x > 0.5).float(), w, padding=1)
    torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(2, 3), (4, 1), (1, 4), (8, 8)])
def test_more_bits_are_the_papers_formulas(weight_bits, activation_bits, mode):
    torch.manual_seed(1)
    layer = DoReFa(weight_bits, activation_bits).conv2d(3, 4, 3).layer.train(mode)
    x = torch.randn(2, 3, 5, 6)
    m, n = 2**weight_bits - 1, 2**activation_bits - 1
    t = torch.tanh(layer.weight)
    w = 2 * (m * (t / (2 * t.abs().max()) + 0.5)).round() / m - 1
    if weight_bits == 1:
        w = torch.where(layer.weight < 0, -1.0, 1.0) * layer.weight.abs().mean()
    expected = F.conv2d((n * x.clamp(0, 1)).round() / n, w, padding=1)
    torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("option", ["weight_bits", "activation_bits"])
@pytest.mark.parametrize("bits", [0, 9, 1.5])
def test_bits_out_of_range_are_refused_by_name(option, bits):
    with pytest.raises(ValueError, match=rf"{option}={bits}: choose 1 … 8 \(model.{option}\)"):
        DoReFa(**{option: bits})


def test_the_gradient_can_be_binary():
    assert DoReFa(binary_gradient=True).linear(3, 4).layer.binary_gradient
    assert not DoReFa().conv2d(3, 4, 3).layer.binary_gradient
