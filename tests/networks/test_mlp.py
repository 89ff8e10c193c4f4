import pytest
import torch
from torch import nn

from xnorkit.networks import MLP
from xnorkit.nn import BinaryLinear, Int8Linear
from xnorkit.schemes import BWN, XNOR, BinaryNet, Float


@pytest.mark.parametrize("scheme", [Float(), BWN(), XNOR(), BinaryNet()], ids=lambda s: s.name)
@pytest.mark.parametrize("stem", ["float", "int8", "binary"])
@pytest.mark.parametrize("shape", [(1, 40, 11), (7,), (3, 4, 4)])
def test_any_input_shape_gives_logits_and_gradients_everywhere(scheme, shape, stem):
    torch.manual_seed(0)
    network = MLP(scheme, shape, 5, widths=(16, 12, 8), dropout=0.1, stem=stem)
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


def test_an_int8_stem_has_the_names_shapes_and_first_weights_of_a_float_one():
    networks = {}
    for stem in ("float", "int8"):
        torch.manual_seed(0)
        networks[stem] = MLP(XNOR(), (1, 4, 4), 5, widths=(16, 12), stem=stem)
    assert type(networks["int8"].stem) is Int8Linear
    ours, theirs = networks["int8"].state_dict(), networks["float"].state_dict()
    assert ours.keys() - theirs.keys() == {"stem.raw_input_step", "stem.raw_weight_step"}
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_an_unknown_stem_is_refused():
    with pytest.raises(ValueError, match="network.stem=None: choose float, int8, binary"):
        MLP(XNOR(), (4,), 3, stem=None)


def test_one_width_is_a_network_without_inner_layers():
    assert MLP(XNOR(), (4,), 3, widths=(8,))(torch.randn(2, 4)).shape == (2, 3)


@pytest.mark.parametrize("widths", [(), (8, 0)])
def test_widths_that_cannot_work_are_refused(widths):
    with pytest.raises(ValueError, match="network.widths"):
        MLP(XNOR(), (4,), 3, widths=widths)
