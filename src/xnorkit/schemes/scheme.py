"""What a network asks of a scheme: four questions, so that each topology is written once.

| question | asked | `xnor`'s answer |
| --- | --- | --- |
| `stem` | after the first layer, which sees real input | (pool) ► BatchNorm ► ReLU |
| `conv2d` | for each inner convolution | BatchNorm ► sign ► binary conv ► (pool) |
| `linear` | for each inner linear layer | BatchNorm ► sign ► binary linear |
| `head` | before the last layer, which is float | BatchNorm ► ReLU |

The layer that holds the weights is always named `layer`, so that a float checkpoint initialises the
binary network of the same topology.
"""

from collections import OrderedDict
from typing import Any, Protocol

from torch import nn

from xnorkit.binarize.binop import WeightRule
from xnorkit.nn import BinaryConv2d, BinaryLinear


class Scheme(Protocol):
    """A binarisation scheme.

    Attributes:
        name: as on the command line.
        weight_rule: of the binary layers, or None where there are none.
    """

    name: str
    weight_rule: WeightRule | None

    def stem(self, channels: int, dims: int, pool: int = 1) -> nn.Module:
        """What follows the first layer.

        Args:
            channels: C of what comes, (N, C) or (N, C, H, W).
            dims: 0 for (N, C), 2 for (N, C, H, W).
            pool: max-pool factor in H and W; 1 is none.
        """
        ...

    def conv2d(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, pool: int = 1
    ) -> nn.Module:
        """An inner block, (N, C_in, H, W) → (N, C_out, H', W'), padded so that stride 1 keeps H."""
        ...

    def linear(self, in_features: int, out_features: int, dropout: float = 0.0) -> nn.Module:
        """An inner block, (N, in_features) → (N, out_features)."""
        ...

    def head(self, channels: int, dims: int) -> nn.Module:
        """What precedes the last, float layer; arguments as `stem`."""
        ...


def batch_norm(channels: int, dims: int) -> nn.Module:
    """BatchNorm for (N, C) or (N, C, H, W)."""
    return nn.BatchNorm2d(channels) if dims == 2 else nn.BatchNorm1d(channels)


def binary_conv2d(
    in_channels: int, out_channels: int, kernel_size: int, stride: int, **options: Any
) -> BinaryConv2d:
    """Without bias, which the BatchNorm around it has; padded so that stride 1 keeps the map."""
    return BinaryConv2d(
        in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False, **options
    )


def binary_linear(in_features: int, out_features: int, **options: Any) -> BinaryLinear:
    """Without bias, which the BatchNorm around it has."""
    return BinaryLinear(in_features, out_features, bias=False, **options)


def chain(**modules: nn.Module | None) -> nn.Sequential:
    """A Sequential of the modules that there are, under the names given."""
    present = ((name, module) for name, module in modules.items() if module is not None)
    return nn.Sequential(OrderedDict(present))


def max_pool(factor: int) -> nn.Module | None:
    """Max-pool by `factor`, or None for 1."""
    # ceil_mode: a map of odd size keeps its last row and column, and one of size 1 survives.
    return nn.MaxPool2d(factor, ceil_mode=True) if factor > 1 else None


def dropout_layer(probability: float) -> nn.Module | None:
    """Dropout, or None for 0."""
    return nn.Dropout(probability) if probability > 0 else None
