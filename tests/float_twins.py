"""A float network as training leaves it, for tests that export, fold or race one."""

import torch
from torch import nn

INPUTS = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def trained(norm):
    """BatchNorm statistics and parameters as training leaves them."""
    torch.manual_seed(3)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.2, 3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def small_twin():
    """(N, 1, 8, 8) → (N, 3); one of its three BatchNorms follows a pool."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        trained(nn.BatchNorm2d(4)),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3, padding=1),
        nn.MaxPool2d(2),
        trained(nn.BatchNorm2d(5)),
        nn.Flatten(),
        nn.Linear(45, 6),
        trained(nn.BatchNorm1d(6)),
        nn.Linear(6, 3),
    ).eval()
