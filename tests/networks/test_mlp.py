import pytest
import torch
from torch import nn

from xnorkit.networks import MLP
from xnorkit.nn import BinaryLinear
from xnorkit.schemes import BWN, XNOR, BinaryNet, Float


@pytest.mark.parametrize("scheme", [Float(), BWN(), XNOR(), BinaryNet()], ids=lambda s: s.name)
@pytest.mark.parametrize("shape", [(1, 40, 11), (7,), (3, 4, 4)])
def test_any_input_shape_gives_logits_and_gradients_everywhere(scheme, shape):
    torch.manual_seed(0)
    network = MLP(scheme, shape, 5, widths=(16, 12, 8), dropout=0.1)
    logits = network(torch.randn(6, *shape))
    assert logits.shape == (6, 5)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_first_and_last_layer_are_float_and_the_inner_ones_binary():
    network = MLP(XNOR(), (1, 4, 4), 5, widths=(16, 12, 8))
    assert type(network.stem) is nn.Linear
    assert type(network.head) is nn.Linear
    inner = [m for m in network.modules() if isinstance(m, BinaryLinear)]
    assert [(m.in_features, m.out_features) for m in inner] == [(16, 12), (12, 8)]


def test_one_width_is_a_network_without_inner_layers():
    assert MLP(XNOR(), (4,), 3, widths=(8,))(torch.randn(2, 4)).shape == (2, 3)


@pytest.mark.parametrize("widths", [(), (8, 0)])
def test_widths_that_cannot_work_are_refused(widths):
    with pytest.raises(ValueError, match="network.widths"):
        MLP(XNOR(), (4,), 3, widths=widths)
