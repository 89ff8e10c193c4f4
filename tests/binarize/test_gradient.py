"""xnorkit.binarize.gradient: ± the largest gradient, 0 where it is 0."""

import pytest
import torch
from torch import nn

from xnorkit.binarize import binary_gradient
from xnorkit.nn import BinaryConv2d, BinaryLinear


def test_the_value_stays_and_the_gradient_is_its_maximum_with_its_sign():
    y = torch.randn(3, 4).requires_grad_()
    g = torch.tensor([[0.5, -0.1, 0.0, -0.0], [-3.0, 2.0, 1e-30, -1e-30], [0.0, 0.0, 0.0, 1.0]])
    kept = g.clone()
    result = binary_gradient(y)
    assert torch.equal(result, y)
    (found,) = torch.autograd.grad(result, y, g)
    assert found.tolist() == [[3, -3, 0, 0], [-3, 3, 3, -3], [0, 0, 0, 3]]
    assert torch.equal(g, kept)


def test_nothing_flows_of_nothing():
    for g in (torch.zeros(2, 3), torch.zeros(0, 3)):
        y = torch.ones_like(g).requires_grad_()
        (found,) = torch.autograd.grad(binary_gradient(y), y, g)
        assert torch.equal(found, g)


@pytest.mark.parametrize("layer", [BinaryConv2d(3, 4, 3, padding=1), BinaryLinear(6, 5)], ids=str)
def test_a_layer_convolves_the_binary_gradient_with_its_weights_and_keeps_the_real_one_for_them(
    layer,
):
    twin = type(layer)(
        *((3, 4, 3) if isinstance(layer, nn.Conv2d) else (6, 5)),
        input_sign="ste_identity",
        **({"padding": 1} if isinstance(layer, nn.Conv2d) else {}),
    )
    twin.load_state_dict(layer.state_dict())
    layer.input_sign, layer.binary_gradient = "ste_identity", True
    x = torch.randn(2, 3, 6, 6)
    g = torch.randn_like(layer(x))
    g[0, 0] = 0
    ours, real, binary = (x.clone().requires_grad_() for _ in range(3))
    y = layer(ours)
    assert torch.equal(y, twin(real))
    y.backward(g)
    twin(real).backward(g)
    for mine, theirs in zip(layer.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)
    twin(binary).backward(g.abs().max() * torch.where(g == 0, 0.0, torch.where(g < 0, -1.0, 1.0)))
    torch.testing.assert_close(ours.grad, binary.grad)
    assert not torch.allclose(ours.grad, real.grad)
