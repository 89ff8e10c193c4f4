"""Torch modules with ±1 weights and inputs, the int8 stem before them, and what they cost."""

from xnorkit.nn.binary_layer import BinaryLayer
from xnorkit.nn.conv import BinaryConv1d, BinaryConv2d
from xnorkit.nn.int8_stem import Int8Conv1d, Int8Conv2d, Int8Layer, Int8Linear
from xnorkit.nn.linear import BinaryLinear
from xnorkit.nn.summary import Summary, summarise

__all__ = [
    "BinaryConv1d",
    "BinaryConv2d",
    "BinaryLayer",
    "BinaryLinear",
    "Int8Conv1d",
    "Int8Conv2d",
    "Int8Layer",
    "Int8Linear",
    "Summary",
    "summarise",
]
