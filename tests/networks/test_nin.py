import pytest
import torch
from paper_networks import SCHEMES, layers, narrow, parameters_with_biases, shapes_of
from torch import nn

from xnorkit.networks import NIN
from xnorkit.nn import BinaryConv2d, Int8Conv2d
from xnorkit.schemes import XNOR, Float

CIFAR = (3, 32, 32)


def test_parameters_are_the_published_ones():
    # github.com/osmr/imgclsmob, table of CIFAR-10 models: NIN, 966,986.
    assert parameters_with_biases(NIN(Float(), CIFAR, 10)) == 966_986


@pytest.mark.parametrize("scheme", ["float", "xnor"])
def test_maps_and_kernels_are_those_of_the_reference_program(scheme):
    network = NIN(SCHEMES[scheme], CIFAR, 10)
    paths = ["stem", *(f"blocks.{i}" for i in range(7)), "head", "flatten"]
    assert shapes_of(network, CIFAR, paths) == [
        (192, 32, 32), (160, 32, 32), (96, 16, 16), (192, 16, 16), (192, 16, 16), (192, 8, 8),
        (192, 8, 8), (192, 8, 8), (10, 8, 8), (10,),
    ]  # fmt: skip
    assert [m.kernel_size[0] for m in layers(network)] == [5, 1, 1, 5, 1, 1, 3, 1, 1]


def test_first_and_last_convolution_are_float_and_the_inside_is_binary():
    kinds = [type(m) for m in layers(NIN(XNOR(), CIFAR, 10))]
    assert kinds == [nn.Conv2d, *[BinaryConv2d] * 7, nn.Conv2d]


def test_dropout_stands_before_the_second_and_the_third_group():
    network = NIN(XNOR(), CIFAR, 10, dropout=0.4)
    assert [b.layer.input_dropout for b in network.blocks] == [0, 0, 0.4, 0, 0, 0.4, 0]


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 8), (3, 1, 5)])
def test_any_size_gives_logits_and_gradients_everywhere(scheme, shape):
    torch.manual_seed(0)
    network = NIN(scheme, shape, 10, widths=(8, 6, 4, 8, 8, 8, 8, 8), stem="int8")
    assert type(network.stem) is Int8Conv2d
    logits = network(torch.randn(4, *shape))
    assert logits.shape == (4, 10)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_all_schemes_name_their_weights_alike():
    names = [
        {n for n, p in narrow(NIN, s)[0].named_parameters() if p.dim() > 1}
        for s in SCHEMES.values()
    ]
    assert all(n == names[0] for n in names)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"widths": (8, 8)}, r"network.widths=\[8, 8\]: give nin eight widths"),
        ({"widths": (8, 0, 8, 8, 8, 8, 8, 8)}, "each ≥ 1"),
        ({"stem": "int4"}, "network.stem='int4': choose float, int8, binary"),
        ({"input_shape": (32, 32)}, r"input_shape=\(32, 32\): nin takes images"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        NIN(**{"scheme": XNOR(), "input_shape": CIFAR, "num_classes": 10, **arguments})
