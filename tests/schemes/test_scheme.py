import pytest
import torch
from torch import nn

from xnorkit.schemes import BWN, XNOR, BinaryNet, DoReFa, Float
from xnorkit.schemes.scheme import batch_norm, chain, dropout_layer, max_pool

ALL = [Float(), BWN(), XNOR(), BinaryNet(), DoReFa()]


@pytest.mark.parametrize("scheme", ALL, ids=lambda s: s.name)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (1, 1), (5, 3)])
def test_every_scheme_answers_the_four_questions_with_the_shapes_asked(scheme, height, width):
    x = torch.randn(2, 3, height, width)
    x = scheme.stem(3, 2, pool=1)(x)
    x = scheme.conv2d(3, 7, 3)(x)
    assert x.shape == (2, 7, height, width)
    x = scheme.conv2d(7, 5, 3, pool=2)(x)
    assert x.shape == (2, 5, -(-height // 2), -(-width // 2))
    x = scheme.head(5, 2)(x).flatten(1)
    x = scheme.linear(x.shape[1], 4, dropout=0.5)(scheme.stem(x.shape[1], 0)(x))
    assert scheme.head(4, 0)(x).shape == (2, 4)


@pytest.mark.parametrize("scheme", ALL, ids=lambda s: s.name)
def test_the_layer_with_the_weights_has_one_name_so_that_a_float_checkpoint_fits(scheme):
    assert scheme.conv2d(3, 7, 3).layer.weight.shape == (7, 3, 3, 3)
    assert scheme.linear(3, 7).layer.weight.shape == (7, 3)


def test_stride_halves_the_map():
    for scheme in ALL:
        assert scheme.conv2d(3, 4, 3, stride=2)(torch.randn(2, 3, 9, 8)).shape == (2, 4, 5, 4)


def test_chain_leaves_out_what_is_none():
    assert list(dict(chain(a=nn.Identity(), b=None, c=nn.ReLU()).named_children())) == ["a", "c"]


def test_max_pool_keeps_the_last_row_of_an_odd_map():
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    assert torch.equal(max_pool(2)(x), torch.tensor([[[[4.0, 5.0], [7.0, 8.0]]]]))
    assert max_pool(1) is None


def test_factories_follow_their_argument():
    assert isinstance(batch_norm(3, 2), nn.BatchNorm2d)
    assert isinstance(batch_norm(3, 0), nn.BatchNorm1d)
    assert dropout_layer(0.0) is None
    assert dropout_layer(0.3).p == 0.3
