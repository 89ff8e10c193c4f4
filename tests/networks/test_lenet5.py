import pytest
import torch
from paper_networks import SCHEMES, layers, narrow, parameters_with_biases, shapes_of
from torch import nn

from xnorkit.networks import LeNet5
from xnorkit.nn import BinaryConv2d, BinaryLinear, Int8Conv2d, summarise
from xnorkit.schemes import XNOR, Float


def test_parameters_and_operations_are_the_published_ones():
    # Han et al. 2015, table 3: 431K weights, 4586K operations, two a multiply-accumulate. With
    # biases 431,080: Caffe's examples/mnist/lenet.prototxt, counted.
    network = LeNet5(Float(), (1, 28, 28), 10)
    assert parameters_with_biases(network) == 431_080
    counted = summarise(network, torch.zeros(1, 1, 28, 28)).total
    assert 2 * (counted.float_macs + counted.binary_macs) == 4_586_000


@pytest.mark.parametrize("scheme", ["float", "xnor"])
def test_maps_are_those_of_lenet_prototxt(scheme):
    network = LeNet5(SCHEMES[scheme], (1, 28, 28), 10)
    paths = ["stem", "after_stem", "block.layer", "block", "flatten", "hidden", "head"]
    assert shapes_of(network, (1, 28, 28), paths) == [
        (20, 24, 24), (20, 12, 12), (50, 8, 8), (50, 4, 4), (800,), (500,), (10,)
    ]  # fmt: skip


def test_the_binary_layers_are_those_of_the_reference_program():
    network = LeNet5(XNOR(), (1, 28, 28), 10)
    assert [type(m) for m in layers(network)] == [nn.Conv2d, BinaryConv2d, BinaryLinear, nn.Linear]


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("stem", ["float", "int8"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 20), (1, 8, 8), (1, 1, 17)])
def test_any_size_gives_logits_and_gradients_everywhere(scheme, shape, stem):
    torch.manual_seed(0)
    network = LeNet5(scheme, shape, 5, widths=(6, 10, 12), stem=stem)
    assert type(network.stem) is (nn.Conv2d if stem == "float" else Int8Conv2d)
    logits = network(torch.randn(4, *shape))
    assert logits.shape == (4, 5)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_a_small_image_stands_amid_zeros():
    torch.manual_seed(0)
    small = LeNet5(Float(), (1, 8, 8), 10).eval()
    large = LeNet5(Float(), (1, 16, 16), 10).eval()
    large.load_state_dict(small.state_dict())
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(large(nn.functional.pad(x, (4, 4, 4, 4))), small(x))


def test_all_schemes_name_their_weights_alike():
    names = [
        {n for n, p in narrow(LeNet5, s)[0].named_parameters() if p.dim() > 1}
        for s in SCHEMES.values()
    ]
    assert all(n == names[0] for n in names)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"widths": (8, 8)}, r"network.widths=\[8, 8\]: give lenet5 three widths"),
        ({"widths": (8, 0, 8)}, "each ≥ 1"),
        ({"stem": "int4"}, "network.stem='int4': choose float, int8, binary"),
        ({"input_shape": (28, 28)}, r"input_shape=\(28, 28\): lenet5 takes images"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        LeNet5(**{"scheme": XNOR(), "input_shape": (1, 28, 28), "num_classes": 10, **arguments})
