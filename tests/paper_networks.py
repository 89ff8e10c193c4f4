"""The papers' networks, narrow, on small images, with BatchNorms that have seen some."""

import torch
from torch import nn

from xnorkit.networks import NIN, AlexNet, LeNet5, ResNet18
from xnorkit.schemes import BWN, XNOR, BinaryNet, DoReFa, Float

SCHEMES = {scheme.name: scheme for scheme in (Float(), BWN(), XNOR(), BinaryNet(), DoReFa())}
NARROW = {
    LeNet5: ((1, 28, 28), {"widths": (6, 10, 24)}),
    NIN: ((3, 32, 32), {"widths": (16, 12, 8, 16, 16, 16, 16, 16)}),
    AlexNet: ((3, 67, 67), {"widths": (8, 16, 16, 16, 16, 32, 32)}),
    ResNet18: ((3, 40, 40), {"widths": (8, 16, 24, 32)}),
}


def calibrated(network, shape, samples=8):
    """In evaluation mode, after one batch of noise whose statistics the BatchNorms keep."""
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = None  # the mean over batches, here of one
    with torch.no_grad():
        network.train()(torch.randn(samples, *shape))
    return network.eval()


def narrow(kind, scheme, **options):
    """(calibrated network, shape of its input)."""
    torch.manual_seed(0)
    shape, widths = NARROW[kind]
    return calibrated(kind(scheme, shape, 10, **{**widths, **options}), shape), shape


def shapes_of(network, shape, paths):
    """What the modules at these paths give for one input of zeros, without the batch."""
    seen = {}
    modules = dict(network.named_modules())
    for path in paths:
        modules[path].register_forward_hook(
            lambda _, __, output, path=path: seen.update({path: tuple(output.shape[1:])})
        )
    with torch.no_grad():
        network.eval()(torch.zeros(1, *shape))
    return [seen[path] for path in paths]


def layers(network):
    """Convolutions and linear layers, in order."""
    return [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def parameters_with_biases(network):
    """Of all layers, had each a bias and none a BatchNorm, as papers without one count."""
    return sum(layer.weight.numel() + len(layer.weight) for layer in layers(network))
