import pytest
import torch
from torch import nn

from xnorkit.networks import KWSCNN
from xnorkit.nn import BinaryConv2d, Int8Conv2d
from xnorkit.schemes import BWN, XNOR, BinaryNet, Float

ALL = [Float(), BWN(), XNOR(), BinaryNet()]


@pytest.mark.parametrize("scheme", ALL, ids=lambda s: s.name)
@pytest.mark.parametrize("stem", ["float", "int8", "binary"])
@pytest.mark.parametrize("shape", [(1, 40, 101), (1, 40, 51), (1, 10, 7), (1, 1, 1), (2, 64, 32)])
def test_any_mel_by_frame_size_gives_logits_and_gradients_everywhere(scheme, shape, stem):
    torch.manual_seed(0)
    network = KWSCNN(scheme, shape, 12, stem_channels=8, widths=(8, 6), pools=(2, 1), stem=stem)
    logits = network(torch.randn(4, *shape))
    assert logits.shape == (4, 12)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_stem_and_head_are_float_and_the_inside_is_binary():
    network = KWSCNN(XNOR(), (1, 40, 51), 12, widths=(16, 24, 8), pools=(1, 1, 1))
    assert type(network.stem) is nn.Conv2d
    assert type(network.head) is nn.Linear
    inner = [m for m in network.modules() if isinstance(m, BinaryConv2d)]
    assert [(m.in_channels, m.out_channels) for m in inner] == [(64, 16), (16, 24), (24, 8)]


def test_an_int8_stem_has_the_names_shapes_and_first_weights_of_a_float_one():
    networks = {}
    for stem in ("float", "int8"):
        torch.manual_seed(0)
        networks[stem] = KWSCNN(XNOR(), (1, 40, 51), 12, stem=stem)
    assert type(networks["int8"].stem) is Int8Conv2d
    ours, theirs = networks["int8"].state_dict(), networks["float"].state_dict()
    assert ours.keys() - theirs.keys() == {"stem.raw_input_step", "stem.raw_weight_step"}
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_all_schemes_name_their_weights_alike():
    names = [
        {n for n, p in KWSCNN(s, (1, 40, 51), 12).named_parameters() if p.dim() > 1} for s in ALL
    ]
    assert all(n == names[0] for n in names)


def test_stem_arguments_reach_the_stem():
    network = KWSCNN(Float(), (1, 40, 50), 5, 32, (3, 7), (1, 4), stem_pool=1)
    assert network.stem(torch.randn(1, 1, 40, 50)).shape == (1, 32, 40, 13)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"widths": (8, 8), "pools": (1,)}, "one pooling factor a block"),
        ({"widths": (), "pools": ()}, "at least one block"),
        ({"kernel_size": 4}, "kernel_size=4"),
        ({"stem": "int4"}, "network.stem='int4': choose float, int8, binary"),
        ({"pools": (1, 0, 1, 1)}, "all must be"),
        ({"input_shape": (40, 101)}, r"input_shape=\(40, 101\)"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        KWSCNN(**{"scheme": XNOR(), "input_shape": (1, 40, 101), "num_classes": 12, **arguments})
