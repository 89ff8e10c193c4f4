"""Torch modules with ±1 weights and inputs, and what they cost."""

from xnorkit.nn.binary_layer import BinaryLayer
from xnorkit.nn.conv import BinaryConv1d, BinaryConv2d
from xnorkit.nn.linear import BinaryLinear
from xnorkit.nn.summary import Summary, summarise

__all__ = ["BinaryConv1d", "BinaryConv2d", "BinaryLayer", "BinaryLinear", "Summary", "summarise"]
