"""Topologies, each written once for all schemes: they ask the scheme for their blocks."""

from xnorkit.networks.alexnet import AlexNet
from xnorkit.networks.compressor import Compressor
from xnorkit.networks.kws_cnn import KWSCNN
from xnorkit.networks.lenet5 import LeNet5
from xnorkit.networks.mlp import MLP
from xnorkit.networks.nin import NIN
from xnorkit.networks.resnet18 import ResNet18

__all__ = ["KWSCNN", "MLP", "NIN", "AlexNet", "Compressor", "LeNet5", "ResNet18"]
