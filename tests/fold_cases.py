"""Chains of elementwise modules with numbers that are hard to fold, and torch's bits of them."""

from itertools import product

import torch
from hypothesis import strategies as st
from torch import nn

from xnorkit.deploy.channelwise import ChannelBias, ChannelScale

GAMMA = (1.0, -1.0, 0.7, -0.3, 0.0, -0.0, 1e-30, -1e-30, 1e-42, -1e-42, 1e30, -1e30, 3.0, -20.0)
BETA = (0.0, -0.0, 0.5, -0.5, 1e-3, -2.0, 1e-30, -1e-42, 40.0, -1e5)
MEAN = (0.0, 3.0, -11.0, 0.25, 1e-3, 1e6, -1e6, 17.5)
VARIANCE = (1.0, 0.0, 80.0, 1e-8, 1e-40, 1e30, 5.5)
ALPHA = (1.0, 0.0, 0.037, 1e-20, 12.5)
CORE = ("norm", "relu", "hardtanh", "bias", "dropout")
COMPOSITIONS = [names for length in range(5) for names in product(CORE, repeat=length)]


def choose(values, channels, generator):
    """One of the values for each channel."""
    picks = torch.randint(len(values), (channels,), generator=generator)
    return torch.tensor(values)[picks]


def norm(channels, dims, generator, affine=True):
    """BatchNorm in evaluation, of hard numbers."""
    kind = nn.BatchNorm2d if dims == 2 else nn.BatchNorm1d
    module = kind(channels, affine=affine).eval()
    module.running_mean.copy_(choose(MEAN, channels, generator))
    module.running_var.copy_(choose(VARIANCE, channels, generator))
    if affine:
        with torch.no_grad():
            module.weight.copy_(choose(GAMMA, channels, generator))
            module.bias.copy_(choose(BETA, channels, generator))
    return module


MAKERS = {
    "norm": norm,
    "plain_norm": lambda c, dims, g: norm(c, dims, g, affine=False),
    "relu": lambda c, dims, g: nn.ReLU(),
    "relu_inplace": lambda c, dims, g: nn.ReLU(inplace=True),
    "relu6": lambda c, dims, g: nn.ReLU6(),
    "hardtanh": lambda c, dims, g: nn.Hardtanh(),
    "narrow": lambda c, dims, g: nn.Hardtanh(-0.3, 0.1),
    "identity": lambda c, dims, g: nn.Identity(),
    "dropout": lambda c, dims, g: nn.Dropout(0.5).eval(),
    "bias": lambda c, dims, g: ChannelBias(choose(BETA, c, g)),
    "scale": lambda c, dims, g: ChannelScale(choose(ALPHA, c, g)),
}

chains = st.lists(st.sampled_from(sorted(MAKERS)), max_size=4)
seeds = st.integers(0, 2**32)


def make_chain(names, channels, dims, seed):
    """The modules of the names, in evaluation, numbers drawn from the seed."""
    generator = torch.Generator().manual_seed(seed)
    return [MAKERS[name](channels, dims, generator) for name in names]


def torch_outputs(modules, values, dims, layout="map"):
    """What torch gives for values (G, C), in another shape than `fold` uses; (G, C).

    `map`: all values of a channel in one image, so in torch's vector body; `channels_last`: an
    image of 1 x G; `batch`: one value a sample.
    """
    rows, channels = values.shape
    with torch.no_grad():
        if dims == 0 or layout == "batch":
            x = values.clone().reshape(rows, channels, *(1,) * dims)
            return nn.Sequential(*modules)(x).reshape(rows, channels)
        # Contiguous: permuted axes would send BatchNorm another way (see steps.py).
        x = values.T.contiguous().reshape(1, channels, *(1,) * (dims - 1), rows).clone()
        if layout == "channels_last" and dims == 2:
            x = x.contiguous(memory_format=torch.channels_last)
        return nn.Sequential(*modules)(x).reshape(channels, rows).T


def norm_of(gamma, beta=0.0, mean=0.0, variance=1.0, eps=0.0):
    """BatchNorm2d of one channel."""
    module = nn.BatchNorm2d(1, eps=eps).eval()
    with torch.no_grad():
        module.weight.fill_(gamma)
        module.bias.fill_(beta)
    module.running_mean.fill_(mean)
    module.running_var.fill_(variance)
    return module


def grid(low, high, channels):
    """All integers, (G, C)."""
    return torch.arange(low, high + 1).float()[:, None].repeat(1, channels)


def refused_for_nan(error):
    """Hard numbers may overflow; nothing else may go wrong."""
    assert "NaN" in str(error)
