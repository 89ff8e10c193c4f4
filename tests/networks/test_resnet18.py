import pytest
import torch
import torch.nn.functional as F
from paper_networks import NARROW, SCHEMES, calibrated, layers, narrow, shapes_of
from torch import nn

from xnorkit.networks import ResNet18
from xnorkit.nn import BinaryConv2d, summarise
from xnorkit.schemes import XNOR, Float

IMAGENET = (3, 224, 224)
PARAMETERS = 11_689_512  # torchvision.models.resnet18, num_params; 1.81 GFLOPS there are MACs


@pytest.mark.parametrize("shortcut", ["scheme", "float"])
def test_parameters_and_operations_are_the_published_ones(shortcut):
    with torch.device("meta"):
        network = ResNet18(Float(), IMAGENET, 1000, shortcut=shortcut)
        counted = summarise(network, torch.zeros(1, *IMAGENET)).total
    assert counted.parameters == PARAMETERS
    assert round(counted.float_macs / 1e9, 2) == 1.81


@pytest.mark.parametrize("scheme", ["float", "xnor"])
def test_maps_are_those_of_the_papers_table(scheme):
    with torch.device("meta"):
        network = ResNet18(SCHEMES[scheme], IMAGENET, 1000)
        paths = ["stem", "after_stem", *(f"blocks.{i}" for i in range(8)), "average", "head"]
        sizes = shapes_of(network, IMAGENET, paths)
    assert sizes == [
        (64, 112, 112), (64, 56, 56), *[(64, 56, 56)] * 2, *[(128, 28, 28)] * 2,
        *[(256, 14, 14)] * 2, *[(512, 7, 7)] * 2, (512, 1, 1), (1000,),
    ]  # fmt: skip


def written_out(network, x):
    """He et al.'s network in plain functions, with the parameters of our float one."""

    def norm(x, module):
        return F.batch_norm(x, module.running_mean, module.running_var, module.weight, module.bias)

    x = F.conv2d(x, network.stem.weight, stride=2, padding=3)
    x = F.max_pool2d(F.relu(norm(x, network.after_stem.norm)), 3, 2, 1)
    for place, block in enumerate(network.blocks):
        stride = 2 if place in (2, 4, 6) else 1
        y = F.conv2d(x, block.first.layer.weight, stride=stride, padding=1)
        y = F.relu(norm(y, block.first.norm))
        y = norm(F.conv2d(y, block.second.layer.weight, padding=1), block.second.norm)
        if stride == 2:
            x = F.conv2d(x, block.shortcut.layer.weight, stride=2)
            x = norm(x, block.shortcut.norm)
        x = F.relu(y + x)
    return F.linear(x.mean((2, 3)), network.head.weight, network.head.bias)


def test_the_float_network_is_the_papers():
    network, shape = narrow(ResNet18, Float())
    x = torch.randn(3, *shape)
    torch.testing.assert_close(network(x), written_out(network, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shortcut", "binary"), [("scheme", 19), ("float", 16)])
def test_first_and_last_layer_are_float_and_shortcuts_as_asked(shortcut, binary):
    network, _ = narrow(ResNet18, XNOR(), shortcut=shortcut)
    kinds = [type(m) for m in layers(network)]
    assert (kinds[0], kinds[-1]) == (nn.Conv2d, nn.Linear)
    assert kinds.count(BinaryConv2d) == binary
    assert len(kinds) == 21
    halving = [b.shortcut for b in network.blocks if not isinstance(b.shortcut, nn.Identity)]
    assert [network.blocks[i].shortcut for i in (2, 4, 6)] == halving


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("shortcut", ["scheme", "float"])
@pytest.mark.parametrize("shape", [(3, 40, 33), (1, 8, 8)])
def test_any_size_gives_logits_and_gradients_everywhere(scheme, shape, shortcut):
    torch.manual_seed(0)
    network = ResNet18(scheme, shape, 5, widths=(4, 6, 8, 8), shortcut=shortcut, stem="int8")
    logits = network(torch.randn(4, *shape))
    assert logits.shape == (4, 5)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_all_schemes_name_their_weights_alike():
    shape, widths = NARROW[ResNet18]
    names = [
        {n for n, p in ResNet18(s, shape, 5, **widths).named_parameters() if p.dim() > 1}
        for s in SCHEMES.values()
    ]
    assert all(n == names[0] for n in names)


def test_an_identity_shortcut_carries_what_comes():
    network = calibrated(ResNet18(XNOR(), (3, 40, 40), 5, widths=(4, 6, 8, 8)), (3, 40, 40))
    block = network.blocks[0]
    x = torch.randn(2, 4, 10, 10)
    assert torch.equal(block(x), block.second(block.first(x)) + x)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"widths": (8, 8)}, r"network.widths=\[8, 8\]: give resnet18 four widths"),
        ({"widths": (8, 0, 8, 8)}, "each ≥ 1"),
        ({"stem": "int4"}, "network.stem='int4': choose float, int8, binary"),
        ({"shortcut": "none"}, "network.shortcut='none': choose scheme or float"),
        ({"input_shape": (224, 224)}, r"input_shape=\(224, 224\): resnet18 takes images"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence), torch.device("meta"):
        ResNet18(**{"scheme": XNOR(), "input_shape": IMAGENET, "num_classes": 10, **arguments})
