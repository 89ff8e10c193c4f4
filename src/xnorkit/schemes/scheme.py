"""What a network asks of a scheme: five questions, so that each topology is written once.

| question | asked | `xnor`'s answer |
| --- | --- | --- |
| `stem` | after the first layer, which sees real input | (pool) ► BatchNorm ► ReLU |
| `conv2d` | for each inner convolution | BatchNorm ► sign ► binary conv ► (pool) |
| `linear` | for each inner linear layer | BatchNorm ► sign ► binary linear |
| `join` | after the sum of a block and its shortcut | nothing |
| `head` | before the last layer, which is float | BatchNorm ► ReLU |

The layer that holds the weights is always named `layer`, so that a float checkpoint initialises the
binary network of the same topology.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from xnorkit.binarize.binop import WeightRule
from xnorkit.nn import BinaryConv2d, BinaryLinear

Size = int | tuple[int, int]  # of a kernel
ConvSizes = tuple[int, int, Size, int, Size]  # channels in, out, kernel, stride, border
Pool = int | nn.Module  # max-pool factor, 1 is none; or what pools


class Scheme(Protocol):
    """A binarisation scheme.

    Attributes:
        name: as on the command line.
        weight_rule: of the binary layers, or None where there are none.
    """

    name: str
    weight_rule: WeightRule | None

    def stem(self, channels: int, dims: int, pool: Pool = 1) -> nn.Module:
        """What follows the first layer.

        Args:
            channels: C of what comes, (N, C) or (N, C, H, W).
            dims: 0 for (N, C), 2 for (N, C, H, W).
            pool: max-pool factor in H and W, 1 is none; or a module that pools.
        """
        ...

    def conv2d(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: int = 1,
        pool: Pool = 1,
        *,
        padding: int | None = None,
        dropout: float = 0.0,
        residual: bool = False,
    ) -> nn.Module:
        """An inner block, (N, C_in, H, W) → (N, C_out, H', W').

        Args:
            in_channels: C_in.
            out_channels: C_out.
            kernel_size: of the convolution.
            stride: of the convolution.
            pool: as `stem`.
            padding: of the convolution; None: so that stride 1 keeps H and W (odd kernels).
            dropout: before the convolution; of binarised input, after the sign.
            residual: a shortcut will be added to the block's end, so no nonlinearity stands there:
                that is `join`'s.
        """
        ...

    def linear(self, in_features: int, out_features: int, dropout: float = 0.0) -> nn.Module:
        """An inner block, (N, in_features) → (N, out_features)."""
        ...

    def join(self) -> nn.Module:
        """What follows the sum of a residual block and its shortcut."""
        ...

    def head(self, channels: int, dims: int) -> nn.Module:
        """What precedes the last, float layer; arguments as `stem`."""
        ...


@dataclass(frozen=True)
class Asked:
    """What stands around a block's layer: C in front of it and behind, and as in `Scheme`."""

    before: int
    after: int
    dims: int
    dropout: float
    pool: nn.Module | None = None
    residual: bool = False


class Blocks(ABC):
    """Both inner blocks, of a scheme's layers and the order in which it has things around them."""

    def conv2d(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: int = 1,
        pool: Pool = 1,
        *,
        padding: int | None = None,
        dropout: float = 0.0,
        residual: bool = False,
    ) -> nn.Module:
        """See `Scheme`; the order is that of the class."""
        border = border_of(kernel_size, padding)
        layer = self._conv2d((in_channels, out_channels, kernel_size, stride, border), dropout)
        around = Asked(in_channels, out_channels, 2, dropout, pool_layer(pool), residual)
        return self._block(layer, around)

    def linear(self, in_features: int, out_features: int, dropout: float = 0.0) -> nn.Module:
        """See `Scheme`; the order is that of the class, without a pool."""
        layer = self._linear((in_features, out_features), dropout)
        return self._block(layer, Asked(in_features, out_features, 0, dropout))

    @abstractmethod
    def _conv2d(self, sizes: ConvSizes, dropout: float) -> nn.Module:
        """Without bias, which the BatchNorm around it has."""

    @abstractmethod
    def _linear(self, sizes: tuple[int, int], dropout: float) -> nn.Module:
        """Likewise."""

    @abstractmethod
    def _block(self, layer: nn.Module, around: Asked) -> nn.Module:
        """The layer, under this name, and what stands around it."""


class BinaryInputBlocks(Blocks):
    """Blocks of binary layers whose input is binary too: dropout is theirs, behind the sign."""

    _options: dict[str, Any]
    _padding_value = 0

    def _conv2d(self, sizes: ConvSizes, dropout: float) -> nn.Module:
        return BinaryConv2d(
            *sizes,
            bias=False,
            padding_value=self._padding_value,
            input_dropout=dropout,
            **self._options,
        )

    def _linear(self, sizes: tuple[int, int], dropout: float) -> nn.Module:
        return BinaryLinear(*sizes, bias=False, input_dropout=dropout, **self._options)


def batch_norm(channels: int, dims: int) -> nn.Module:
    """BatchNorm for (N, C) or (N, C, H, W)."""
    return nn.BatchNorm2d(channels) if dims == 2 else nn.BatchNorm1d(channels)


def border_of(kernel_size: Size, padding: int | None) -> Size:
    """The padding; where it is None, the one with which stride 1 keeps the map."""
    if padding is not None:
        return padding
    if isinstance(kernel_size, int):
        return kernel_size // 2
    return kernel_size[0] // 2, kernel_size[1] // 2


def chain(**modules: nn.Module | None) -> nn.Sequential:
    """A Sequential of the modules that there are, under the names given."""
    present = ((name, module) for name, module in modules.items() if module is not None)
    return nn.Sequential(OrderedDict(present))


def pool_layer(pool: Pool) -> nn.Module | None:
    """Max-pool by a factor, None for 1; a module that pools is that module."""
    if isinstance(pool, nn.Module):
        return pool
    # ceil_mode: a map of odd size keeps its last row and column, and one of size 1 survives.
    return nn.MaxPool2d(pool, ceil_mode=True) if pool > 1 else None


def dropout_layer(probability: float) -> nn.Module | None:
    """Dropout, or None for 0."""
    return nn.Dropout(probability) if probability > 0 else None
