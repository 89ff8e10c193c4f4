"""ResNet-18 for ImageNet: eight residual blocks of two 3×3 convolutions."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

from torch import Tensor, nn

from xnorkit.nn.stem import Stem, stem_class
from xnorkit.schemes import Scheme

Shortcut = Literal["scheme", "float"]


class ResNet18(nn.Module):
    """Conv stem 7×7 of step 2 ► max-pool ► four stages of two blocks ► average ► linear.

    With ImageNet's 224×224 the maps are 112×112, pooled to 56×56, then 28×28, 14×14 and 7×7. The
    shortcut of a block that halves the map is a 1×1 convolution (type B); the others' is nothing.

    Args:
        scheme: gives the blocks.
        input_shape: (C, H, W), any size.
        num_classes: width of the last layer.
        widths: filters of the four stages.
        shortcut: convolution of a halving block. `scheme`: binary where the others are; `float`:
            real-valued, after an average-pool, as in Bi-Real Net.
        stem: the first convolution: `float`; `int8`, input and weights in 8 bits; `binary`, weights
            of ±1. See `nn.stem`.

    Raises:
        ValueError: an unknown stem or shortcut, another input than an image, not four widths, or
            one below 1.

    Shape:
        (N, C, H, W) → logits (N, num_classes).

    Source: He et al. 2016, table 1; type B in XNOR-Net: Rastegari et al. 2016, section 4.1;
        `float`: Liu et al. 2018, figure 3.
    """

    def __init__(
        self,
        scheme: Scheme,
        input_shape: Sequence[int],
        num_classes: int,
        widths: Sequence[int] = (64, 128, 256, 512),
        shortcut: Shortcut = "scheme",
        stem: Stem = "float",
    ) -> None:
        super().__init__()
        _check(input_shape, widths, shortcut)
        self.stem = stem_class(stem, nn.Conv2d)(
            input_shape[0], widths[0], 7, stride=2, padding=3, bias=False
        )
        self.after_stem = scheme.stem(widths[0], 2, nn.MaxPool2d(3, 2, 1))
        blocks = [_Residual(scheme, widths[0], widths[0]), _Residual(scheme, widths[0], widths[0])]
        for before, after in pairwise(widths):
            way = _halving(scheme, before, after, shortcut)
            blocks += [_Residual(scheme, before, after, way), _Residual(scheme, after, after)]
        self.blocks = nn.Sequential(*blocks)
        self.before_head = scheme.head(widths[-1], 2)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → logits (N, num_classes)."""
        x = self.before_head(self.blocks(self.after_stem(self.stem(x))))
        result: Tensor = self.head(self.flatten(self.average(x)))
        return result


class _Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut; the first halves the map where that is not empty."""

    def __init__(
        self, scheme: Scheme, before: int, after: int, shortcut: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.first = scheme.conv2d(before, after, 3, stride=1 if shortcut is None else 2)
        self.second = scheme.conv2d(after, after, 3, residual=True)
        self.shortcut = nn.Identity() if shortcut is None else shortcut
        self.join = scheme.join()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.join(self.second(self.first(x)) + self.shortcut(x))
        return result


def _halving(scheme: Scheme, before: int, after: int, shortcut: Shortcut) -> nn.Module:
    if shortcut == "scheme":
        return scheme.conv2d(before, after, 1, stride=2, residual=True)
    # An odd map's last row is a mean of what is there.
    average = nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)
    layer = nn.Conv2d(before, after, 1, bias=False)
    return nn.Sequential(average, layer, nn.BatchNorm2d(after))


def _check(input_shape: Sequence[int], widths: Sequence[int], shortcut: str) -> None:
    if len(input_shape) != 3:
        raise ValueError(
            f"input_shape={tuple(input_shape)}: resnet18 takes images (channels, height, width)."
        )
    if len(widths) != 4 or min(widths) < 1:
        raise ValueError(f"network.widths={list(widths)}: give resnet18 four widths, each ≥ 1.")
    if shortcut not in get_args(Shortcut):
        choices = " or ".join(get_args(Shortcut))
        raise ValueError(f"network.shortcut={shortcut!r}: choose {choices}.")
