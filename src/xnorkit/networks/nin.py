"""Network in Network for CIFAR-10: 1×1 convolutions after each larger one, no linear layer."""

from collections.abc import Sequence

from torch import Tensor, nn

from xnorkit.nn.stem import Stem, stem_class
from xnorkit.schemes import Scheme

LAYERS = 8  # without the last


class NIN(nn.Module):
    """Conv stem 5×5 ► seven inner convolutions in three groups ► float 1×1 conv ► average.

    With CIFAR-10's 32×32 the three groups see maps of 32×32, 16×16 and 8×8: a max-pool 3×3 of step
    2 stands after the first, an average-pool after the second.

    Args:
        scheme: gives the blocks.
        input_shape: (C, H, W), any size.
        num_classes: filters of the last convolution.
        widths: filters of the stem and of the inner convolutions, eight.
        dropout: before the first convolution of the second and third group.
        stem: the first convolution: `float`; `int8`, input and weights in 8 bits; `binary`, weights
            of ±1. See `nn.stem`.

    Raises:
        ValueError: an unknown stem, another input than an image, not eight widths, or one below 1.

    Shape:
        (N, C, H, W) → logits (N, num_classes).

    Source: Lin et al. 2014, its CIFAR-10 network; the kernels, pools and binary layers are those of
        nin.py of github.com/jiecaoyu/XNOR-Net-PyTorch.
    """

    def __init__(
        self,
        scheme: Scheme,
        input_shape: Sequence[int],
        num_classes: int,
        widths: Sequence[int] = (192, 160, 96, 192, 192, 192, 192, 192),
        dropout: float = 0.5,
        stem: Stem = "float",
    ) -> None:
        super().__init__()
        _check(input_shape, widths)
        self.stem = stem_class(stem, nn.Conv2d)(input_shape[0], widths[0], 5, padding=2, bias=False)
        self.after_stem = scheme.stem(widths[0], 2)
        largest, average = nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1)
        self.blocks = nn.Sequential(
            scheme.conv2d(widths[0], widths[1], 1),
            scheme.conv2d(widths[1], widths[2], 1, pool=largest),
            scheme.conv2d(widths[2], widths[3], 5, dropout=dropout),
            scheme.conv2d(widths[3], widths[4], 1),
            scheme.conv2d(widths[4], widths[5], 1, pool=average),
            scheme.conv2d(widths[5], widths[6], 3, dropout=dropout),
            scheme.conv2d(widths[6], widths[7], 1),
        )
        self.before_head = scheme.head(widths[7], 2)
        self.head = nn.Conv2d(widths[7], num_classes, 1)
        self.relu = nn.ReLU()  # of the last layer too: a map of confidence for each class
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → logits (N, num_classes)."""
        x = self.before_head(self.blocks(self.after_stem(self.stem(x))))
        result: Tensor = self.flatten(self.average(self.relu(self.head(x))))
        return result


def _check(input_shape: Sequence[int], widths: Sequence[int]) -> None:
    if len(input_shape) != 3:
        raise ValueError(
            f"input_shape={tuple(input_shape)}: nin takes images (channels, height, width)."
        )
    if len(widths) != LAYERS or min(widths) < 1:
        raise ValueError(f"network.widths={list(widths)}: give nin eight widths, each ≥ 1.")
