"""AlexNet for ImageNet, as one tower with BatchNorm: the network of XNOR-Net's main table."""

from collections.abc import Sequence

from torch import Tensor, nn

from xnorkit.nn.stem import Stem, stem_class
from xnorkit.schemes import Scheme

LAYERS = 7  # without the last
SMALLEST = 63  # side of which three pools leave a pixel


class AlexNet(nn.Module):
    """Conv stem 11×11 of step 4 ► four inner convolutions ► two of 4096 features ► linear.

    With ImageNet's 224×224 the maps are 55×55, and 27×27, 13×13 and 6×6 after the three
    max-pools, 3×3 of step 2. The first layer of 4096 features is a convolution over the whole map,
    so that a BatchNorm before it has one pair of numbers a channel, as the authors have it.

    Args:
        scheme: gives the blocks.
        input_shape: (C, H, W), at least 63 on a side.
        num_classes: width of the last layer.
        widths: filters of the five convolutions, features of the two layers after them.
        dropout: before the second layer of 4096 features and before the last.
        stem: the first convolution: `float`; `int8`, input and weights in 8 bits; `binary`, weights
            of ±1. See `nn.stem`.

    Raises:
        ValueError: an unknown stem, a smaller image, not seven widths, or one below 1.

    Shape:
        (N, C, H, W) → logits (N, num_classes).

    Source: Krizhevsky et al. 2012; one tower without groups, BatchNorm for local response
        normalisation: models/alexnetxnor.lua of github.com/allenai/XNOR-Net (Rastegari et al.
        2016, section 4.1). Dropout: its PyTorch form, github.com/jiecaoyu/XNOR-Net-PyTorch.
    """

    def __init__(
        self,
        scheme: Scheme,
        input_shape: Sequence[int],
        num_classes: int,
        widths: Sequence[int] = (96, 256, 384, 384, 256, 4096, 4096),
        dropout: float = 0.5,
        stem: Stem = "float",
    ) -> None:
        super().__init__()
        _check(input_shape, widths)
        channels, height, width = input_shape
        self.stem = stem_class(stem, nn.Conv2d)(
            channels, widths[0], 11, stride=4, padding=2, bias=False
        )
        self.after_stem = scheme.stem(widths[0], 2, _pool())
        whole = _left(height), _left(width)
        self.blocks = nn.Sequential(
            scheme.conv2d(widths[0], widths[1], 5, pool=_pool()),
            scheme.conv2d(widths[1], widths[2], 3),
            scheme.conv2d(widths[2], widths[3], 3),
            scheme.conv2d(widths[3], widths[4], 3, pool=_pool()),
            scheme.conv2d(widths[4], widths[5], whole, padding=0),
            scheme.conv2d(widths[5], widths[6], 1, dropout=dropout),
        )
        self.before_head = scheme.head(widths[6], 2)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[6], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → logits (N, num_classes)."""
        x = self.before_head(self.blocks(self.after_stem(self.stem(x))))
        result: Tensor = self.head(self.dropout(self.flatten(x)))
        return result


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, 2)


def _left(side: int) -> int:
    """Of a side after the stem and three pools; 224 leaves 6."""
    side = (side + 2 * 2 - 11) // 4 + 1
    for _ in range(3):
        side = (side - 3) // 2 + 1
    return side


def _check(input_shape: Sequence[int], widths: Sequence[int]) -> None:
    if len(input_shape) != 3 or min(input_shape[1:]) < SMALLEST:
        raise ValueError(
            f"input_shape={tuple(input_shape)}: alexnet takes images (channels, height, width) of "
            f"at least {SMALLEST}x{SMALLEST}, 224x224 in the paper. Set the size of the images, "
            "data.size where the data set has it."
        )
    if len(widths) != LAYERS or min(widths) < 1:
        raise ValueError(f"network.widths={list(widths)}: give alexnet seven widths, each ≥ 1.")
