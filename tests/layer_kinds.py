"""The three binary layers, small, and an input for each: what the tests of nn run over."""

import torch
from torch import nn

from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLinear

KINDS = ["conv1d", "conv2d", "linear"]
CLASSES = {"conv1d": BinaryConv1d, "conv2d": BinaryConv2d, "linear": BinaryLinear}
TORCH = {"conv1d": nn.Conv1d, "conv2d": nn.Conv2d, "linear": nn.Linear}
ARGUMENTS = {"conv1d": (4, 6, 3), "conv2d": (4, 6, 3), "linear": (40, 6)}
INPUTS = {"conv1d": (2, 4, 9), "conv2d": (2, 4, 7, 6), "linear": (5, 40)}


def make(kind, **options):
    return CLASSES[kind](*ARGUMENTS[kind], **options)


def example(kind, dtype=torch.float32):
    return torch.randn(INPUTS[kind]).to(dtype)
