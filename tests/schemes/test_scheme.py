import pytest
import torch
from torch import nn

from xnorkit.schemes import BWN, XNOR, BinaryNet, DoReFa, Float
from xnorkit.schemes.scheme import batch_norm, border_of, chain, dropout_layer, pool_layer

ALL = [Float(), BWN(), XNOR(), BinaryNet(), DoReFa()]


@pytest.mark.parametrize("scheme", ALL, ids=lambda s: s.name)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (1, 1), (5, 3)])
def test_every_scheme_answers_the_questions_with_the_shapes_asked(scheme, height, width):
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
    assert torch.equal(pool_layer(2)(x), torch.tensor([[[[4.0, 5.0], [7.0, 8.0]]]]))
    assert pool_layer(1) is None


def test_a_module_that_pools_is_taken_as_it_is():
    x = torch.randn(2, 3, 9, 9)
    for scheme in ALL:
        pool = nn.AvgPool2d(3, 2, 1)
        block = scheme.conv2d(3, 4, 3, pool=pool)
        assert pool in list(block)
        assert block(x).shape == (2, 4, 5, 5)
        assert pool in list(scheme.stem(3, 2, pool))


def test_a_border_can_be_given_and_else_keeps_the_map():
    assert [border_of(k, None) for k in (1, 3, 5, (3, 7))] == [0, 1, 2, (1, 3)]
    assert border_of(5, 0) == 0
    for scheme in ALL:
        assert scheme.conv2d(3, 4, (6, 5), padding=0)(torch.randn(2, 3, 6, 5)).shape[2:] == (1, 1)


def test_a_residual_block_ends_without_its_nonlinearity_which_the_join_has():
    x = torch.randn(4, 3, 6, 6)
    for scheme in [*ALL, XNOR(post_activation="relu")]:
        kinds = [type(m) for m in scheme.conv2d(3, 4, 3, residual=True)]
        whole = [type(m) for m in scheme.conv2d(3, 4, 3)]
        ends = [type(m) for m in [scheme.join()] if not isinstance(m, nn.Identity)]
        relu = [nn.ReLU] if scheme.name == "xnor" and nn.ReLU in whole else []
        assert whole == [*kinds, *relu, *ends]
        y = scheme.conv2d(3, 3, 3, residual=True).train()(x)
        assert scheme.join()(y + x).shape == x.shape


def test_dropout_of_real_values_stands_before_the_convolution():
    for scheme in (Float(), BWN()):
        block = list(scheme.conv2d(3, 4, 3, dropout=0.25))
        [place] = [i for i, module in enumerate(block) if isinstance(module, nn.Dropout)]
        assert block[place].p == 0.25
        assert block[place + 1].weight.shape == (4, 3, 3, 3)


@pytest.mark.parametrize("scheme", [XNOR(), BinaryNet(), DoReFa()], ids=lambda s: s.name)
def test_dropout_of_binarised_values_is_the_layers(scheme):
    for block in (scheme.conv2d(3, 4, 3, dropout=0.25), scheme.linear(3, 4, dropout=0.25)):
        assert not any(isinstance(module, nn.Dropout) for module in block)
        assert block.layer.input_dropout == 0.25


def test_factories_follow_their_argument():
    assert isinstance(batch_norm(3, 2), nn.BatchNorm2d)
    assert isinstance(batch_norm(3, 0), nn.BatchNorm1d)
    assert dropout_layer(0.0) is None
    assert dropout_layer(0.3).p == 0.3
