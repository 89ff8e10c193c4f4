import pytest
import torch
from interpreter import Interpreter
from random_networks import settle
from torch import nn
from torch_agreement import assert_agreement

from xnorkit.deploy.lower import lower
from xnorkit.networks import KWSCNN, MLP
from xnorkit.nn import Int8Conv1d, Int8Conv2d, Int8Linear
from xnorkit.nn.stem import stem_class
from xnorkit.schemes import BinaryNet

STEMS = [
    (nn.Linear, (6, 5), (3, 6)),
    (nn.Conv1d, (4, 5, 3), (3, 4, 9)),
    (nn.Conv2d, (2, 5, 3), (3, 2, 7, 8)),
]


def test_a_stem_is_torchs_layer_or_its_form_in_8_bits():
    assert stem_class("float", nn.Conv2d) is nn.Conv2d
    assert stem_class("int8", nn.Conv2d) is Int8Conv2d
    assert stem_class("int8", nn.Conv1d) is Int8Conv1d
    assert stem_class("int8", nn.Linear) is Int8Linear


@pytest.mark.parametrize(("layer", "sizes", "shape"), STEMS)
def test_a_binary_stem_has_weights_of_one_over_its_real_input(layer, sizes, shape):
    torch.manual_seed(0)
    stem = stem_class("binary", layer)(*sizes, bias=False).eval()
    plain = layer(*sizes, bias=False).double()
    x = torch.randn(shape)
    with torch.no_grad():
        plain.weight.copy_(torch.where(stem.weight < 0, -1.0, 1.0))
        assert torch.allclose(stem(x).double(), plain(x.double()), atol=1e-5)


def test_a_binary_stem_passes_its_gradient_through_the_sign_where_weights_are_within_one():
    torch.manual_seed(0)
    stem = stem_class("binary", nn.Linear)(6, 5, bias=False)
    x = torch.randn(4, 6)
    signs = torch.where(stem.weight < 0, -1.0, 1.0).detach().requires_grad_()
    stem(x).square().sum().backward()
    (x @ signs.T).square().sum().backward()
    assert torch.allclose(stem.weight.grad, signs.grad, rtol=1e-5)


@pytest.mark.parametrize("topology", [KWSCNN, MLP])
def test_an_engine_takes_a_binary_stem(topology):
    torch.manual_seed(0)
    sizes = {"widths": (16, 12)} if topology is MLP else {"widths": (8, 8), "pools": (1, 1)}
    network = settle(topology(BinaryNet(), (1, 9, 9), 3, stem="binary", **sizes), 2)
    lowered = lower(network, torch.zeros(1, 1, 9, 9))
    assert lowered.program.ops[0].kind == "bwn_conv2d"
    assert_agreement(lowered, Interpreter(lowered.program, lowered.tensors()))


def test_an_unknown_stem_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"network.stem='int4': choose float, int8, binary\."):
        stem_class("int4", nn.Linear)
