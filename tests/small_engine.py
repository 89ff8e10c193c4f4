"""A small trained-looking network, its program and the bytes of its model.xnor."""

from dataclasses import dataclass

import torch
from random_networks import settle
from torch import nn

from xnorkit.deploy.generate import source
from xnorkit.deploy.lower import Lowered, lower
from xnorkit.deploy.xnor_file import Metadata, producer_versions, to_bytes
from xnorkit.nn import BinaryConv2d

LABELS = ("yes", "no", "four")
FEATURES = {"sample_rate": 16000, "window": "hann"}


@dataclass(frozen=True)
class Small:
    """A network, lowered, and its file."""

    network: nn.Module
    lowered: Lowered
    content: bytes

    @property
    def source(self):
        return source(self.lowered.program)


def small(seed=0, labels=LABELS):
    """Signs of two channels, a binary convolution, its sums as they are: exact, quick to compile.

    (N, 2, 3, 4) → (N, 3, 2, 2): more than one channel and place on both sides, so that a wrong
    order of channels can't hide.
    """
    torch.manual_seed(seed)
    network = settle(nn.Sequential(BinaryConv2d(2, 3, (2, 3)), nn.BatchNorm2d(3)), seed)
    lowered = lower(network, torch.zeros(1, 2, 3, 4))
    metadata = Metadata(lowered.program.to_json(), labels, FEATURES, producer_versions())
    return Small(network, lowered, to_bytes(metadata, lowered.tensors()))
