"""The int8 layers under export, compile, functional transforms and BinOp."""

import pytest
import torch
from int8_cases import KINDS, pair, spread
from torch import nn

from xnorkit.callbacks.binop_targets import find_targets
from xnorkit.nn import BinaryConv2d, Int8Conv2d


@pytest.mark.parametrize("kind", KINDS)
def test_exported_evaluation_is_the_same_bits(kind):
    layer, x = pair(kind)
    spread(layer).eval()
    program = torch.export.export(layer, (x,))
    assert torch.equal(program.module()(x), layer(x))


@pytest.mark.parametrize("mode", [True, False])
def test_a_layer_compiles_into_one_graph(mode):
    torch._dynamo.reset()
    layer, x = pair("conv")
    layer.train(mode)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    y = compiled(x)
    torch.testing.assert_close(y, layer(x))
    y.sum().backward()
    found = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    layer(x).sum().backward()
    for gradient, parameter in zip(found, layer.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def test_functional_gradients_are_those_of_backward():
    layer, x = pair("linear")
    parameters = dict(layer.named_parameters())

    def loss(parameters, x):
        return torch.func.functional_call(layer, parameters, (x,)).square().sum()

    by_parameters, by_x = torch.func.grad(loss, argnums=(0, 1))(parameters, x)
    x = x.clone().requires_grad_()
    layer(x).square().sum().backward()
    torch.testing.assert_close(by_x, x.grad)
    for name, parameter in parameters.items():
        torch.testing.assert_close(by_parameters[name], parameter.grad)


def test_a_jacobian_is_taken_by_vmap():
    layer, x = pair("linear")
    jacobian = torch.func.jacrev(layer)(x[0])
    expected = torch.autograd.functional.jacobian(layer, x[0])
    torch.testing.assert_close(jacobian, expected)
    each = torch.func.vmap(layer)(x)
    torch.testing.assert_close(each, layer(x))


def test_a_layer_on_the_meta_device_tells_its_shape():
    for mode in (True, False):
        layer = Int8Conv2d(1, 6, 3, device="meta").train(mode)
        assert layer(torch.empty(2, 1, 7, 6, device="meta")).shape == (2, 6, 5, 4)


def test_binop_leaves_the_stem_alone():
    network = nn.Sequential(Int8Conv2d(1, 4, 3), BinaryConv2d(4, 4, 3), nn.Conv2d(4, 2, 1))
    assert [t.name for t in find_targets(network, {})] == ["1"]
    plain = nn.Sequential(Int8Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 2, 1))
    assert [t.name for t in find_targets(plain, {})] == ["1"]  # all but first and last
