import pytest
import torch
from paper_networks import SCHEMES, layers, narrow, parameters_with_biases, shapes_of
from torch import nn

from xnorkit.networks import AlexNet
from xnorkit.nn import BinaryConv2d
from xnorkit.schemes import XNOR, Float

IMAGENET = (3, 224, 224)


@pytest.fixture
def no_memory():
    """62 million parameters that are shapes only."""
    with torch.device("meta"):
        yield


def test_parameters_are_the_published_ones(no_memory):
    # 62,378,344: of one tower without groups; 60 million in Krizhevsky et al. 2012, whose second,
    # fourth and fifth convolution have two groups: 60,965,224, as Caffe's bvlc_alexnet counts.
    network = AlexNet(Float(), IMAGENET, 1000)
    assert parameters_with_biases(network) == 62_378_344
    grouped = [layer.weight.numel() for layer in layers(network)]
    saved = sum(grouped[place] // 2 for place in (1, 3, 4))
    assert parameters_with_biases(network) - saved == 60_965_224


def test_the_layers_of_4096_features_have_batch_norm_before_them(no_memory):
    # models/alexnetxnor.lua: SpatialBatchNormalization(256), then (4096), and one before the last.
    blocks = AlexNet(XNOR(), IMAGENET, 1000).blocks
    assert [blocks[i].norm.num_features for i in (4, 5)] == [256, 4096]
    assert [tuple(blocks[i].layer.weight.shape) for i in (4, 5)] == [
        (4096, 256, 6, 6), (4096, 4096, 1, 1)
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["float", "xnor"])
def test_maps_are_those_of_the_authors_program(scheme, no_memory):
    network = AlexNet(SCHEMES[scheme], IMAGENET, 1000)
    paths = ["stem", "after_stem", *(f"blocks.{i}" for i in range(6)), "head"]
    assert shapes_of(network, IMAGENET, paths) == [
        (96, 55, 55), (96, 27, 27), (256, 13, 13), (384, 13, 13), (384, 13, 13), (256, 6, 6),
        (4096, 1, 1), (4096, 1, 1), (1000,),
    ]  # fmt: skip


def test_first_and_last_layer_are_float_and_the_inside_is_binary(no_memory):
    kinds = [type(m) for m in layers(AlexNet(XNOR(), IMAGENET, 1000))]
    assert kinds == [nn.Conv2d, *[BinaryConv2d] * 6, nn.Linear]


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("shape", [(3, 63, 80), (1, 67, 63)])
def test_any_size_gives_logits_and_gradients_everywhere(scheme, shape):
    torch.manual_seed(0)
    network = AlexNet(scheme, shape, 5, widths=(4, 6, 6, 6, 6, 12, 12), stem="int8")
    logits = network(torch.randn(4, *shape))
    assert logits.shape == (4, 5)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_all_schemes_name_their_weights_alike():
    names = [
        {n for n, p in narrow(AlexNet, s)[0].named_parameters() if p.dim() > 1}
        for s in SCHEMES.values()
    ]
    assert all(n == names[0] for n in names)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"widths": (8, 8)}, r"network.widths=\[8, 8\]: give alexnet seven widths"),
        ({"widths": (8, 0, 8, 8, 8, 8, 8)}, "each ≥ 1"),
        ({"stem": "int4"}, "network.stem='int4': choose float, int8, binary"),
        ({"input_shape": (3, 62, 224)}, r"\(3, 62, 224\): .* at least 63x63"),
        ({"input_shape": (224, 224)}, "alexnet takes images"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(arguments, sentence, no_memory):
    with pytest.raises(ValueError, match=sentence):
        AlexNet(**{"scheme": XNOR(), "input_shape": IMAGENET, "num_classes": 10, **arguments})
