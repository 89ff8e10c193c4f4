"""The naive XNOR layers of first programs, written out, are configurations of ours.

y = (sign(x) ⊛ sign(W)) · K · mean|W|: one α a layer; K a map before convolutions, one mean of the
whole batch before linear layers. Gradients are autograd's, sign's that of hard tanh.
"""

import pytest
import torch
import torch.nn.functional as F

from xnorkit.binarize import WeightRule
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.schemes import XNOR

RULE = WeightRule(centre=False, clamp=False, alpha="layer", centre_factor=False, scale_by_n=False)
BATCH = "ignore:input_scale='batch'"


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x < 0, -1.0, 1.0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return torch.where(x.abs() <= 1, gradient, 0)


def naive_conv(x, weight, stride, padding):
    box = x.new_full((1, 1, *weight.shape[2:]), 1 / weight[0, 0].numel())
    k = F.conv2d(x.abs().mean(1, keepdim=True), box, None, stride, padding)
    alpha = weight.abs().mean()
    return F.conv2d(Sign.apply(x), Sign.apply(weight), None, stride, padding) * k * alpha


def naive_linear(x, weight):
    return F.linear(Sign.apply(x), Sign.apply(weight)) * x.abs().mean() * weight.abs().mean()


def compare(layer, naive, x):
    torch.nn.init.normal_(layer.weight, std=0.8)  # some beyond 1
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    weight = layer.weight.detach().clone().requires_grad_()
    y, expected = layer(ours), naive(theirs, weight)
    torch.testing.assert_close(y, expected)
    gradient = torch.randn_like(y)
    y.backward(gradient)
    expected.backward(gradient)
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(layer.weight.grad, weight.grad)
    evaluated = layer.eval()(x.float().double())
    torch.testing.assert_close(evaluated, expected.detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("stride", "padding"), [(1, 1), (2, 0), (2, 2)])
def test_the_convolution_has_alpha_layer_and_input_scale_map(stride, padding):
    layer = BinaryConv2d(
        5, 7, 3, stride, padding, bias=False, weight_rule=RULE, input_scale="map"
    ).double()
    compare(layer, lambda x, w: naive_conv(x, w, stride, padding), torch.randn(3, 5, 8, 9).double())


@pytest.mark.filterwarnings(BATCH)
def test_the_linear_layer_has_alpha_layer_and_input_scale_batch():
    layer = BinaryLinear(20, 6, bias=False, weight_rule=RULE, input_scale="batch").double()
    compare(layer, naive_linear, torch.randn(9, 20).double())


@pytest.mark.filterwarnings(BATCH)
def test_the_scheme_makes_them_from_the_command_lines_keys():
    options = {"centre": False, "clamp": False, "centre_factor": False, "scale_by_n": False}
    linear = XNOR(alpha="layer", input_scale="batch", **options).linear(20, 6).layer.double()
    compare(linear, naive_linear, torch.randn(9, 20).double())
    conv = XNOR(alpha="layer", input_scale="map", **options).conv2d(5, 7, 3).layer.double()
    compare(conv, lambda x, w: naive_conv(x, w, 1, 1), torch.randn(3, 5, 6, 7).double())


@pytest.mark.parametrize(
    "make", [lambda **o: BinaryLinear(6, 4, **o), lambda **o: BinaryConv2d(6, 4, 1, **o)]
)
def test_a_mean_over_the_batch_is_warned_of(make):
    with pytest.warns(UserWarning, match="input_scale='batch' .* samples beside it, and no engine"):
        layer = make(input_scale="batch")
    x = torch.randn(3, 6, *(1,) * (layer.weight.dim() - 2))
    alone, beside = layer.eval()(x[:1]), layer(torch.cat([x[:1], 100 * x[1:]]))[:1]
    assert not torch.allclose(alone, beside)
