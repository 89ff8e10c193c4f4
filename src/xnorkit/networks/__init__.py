"""Topologies, each written once for all schemes: they ask the scheme for their blocks."""

from xnorkit.networks.compressor import Compressor
from xnorkit.networks.kws_cnn import KWSCNN
from xnorkit.networks.mlp import MLP

__all__ = ["KWSCNN", "MLP", "Compressor"]
