"""LeNet-5 for handwritten digits, as Caffe made it usual and XNOR-Net's programs have it."""

from collections.abc import Sequence

from torch import Tensor, nn

from xnorkit.nn.stem import Stem, stem_class
from xnorkit.schemes import Scheme

KERNEL = 5
SMALLEST = 16  # side that two convolutions and two pools leave a whole pixel of


class LeNet5(nn.Module):
    """Conv stem 5×5 ► pool ► inner conv 5×5 ► pool ► inner linear ► linear; no border.

    With MNIST's 28×28: 20 maps of 24×24, pooled to 12×12; 50 of 8×8, pooled to 4×4; 800 ► 500 ► 10.
    An image smaller than 16×16 stands amid a border of zeros, as LeCun's stood in 32×32.

    Args:
        scheme: gives the blocks.
        input_shape: (C, H, W).
        num_classes: width of the last layer.
        widths: filters of both convolutions, features of the inner linear layer.
        stem: the first convolution: `float`; `int8`, input and weights in 8 bits; `binary`, weights
            of ±1. See `nn.stem`.

    Raises:
        ValueError: an unknown stem, another input than an image, not three widths, or one below 1.

    Shape:
        (N, C, H, W) → logits (N, num_classes).

    Source: LeCun et al. 1998; these widths: Caffe's examples/mnist/lenet.prototxt, and LeNet_5.py
        of github.com/jiecaoyu/XNOR-Net-PyTorch, where the second convolution and the first linear
        layer are binary.
    """

    def __init__(
        self,
        scheme: Scheme,
        input_shape: Sequence[int],
        num_classes: int,
        widths: Sequence[int] = (20, 50, 500),
        stem: Stem = "float",
    ) -> None:
        super().__init__()
        _check(input_shape, widths)
        channels, height, width = input_shape
        first, second, features = widths
        border = _border(height), _border(width)
        self.stem = stem_class(stem, nn.Conv2d)(channels, first, KERNEL, padding=border, bias=False)
        self.after_stem = scheme.stem(first, 2, 2)
        self.block = scheme.conv2d(first, second, KERNEL, pool=2, padding=0)
        self.flatten = nn.Flatten()
        self.hidden = scheme.linear(second * _left(height) * _left(width), features)
        self.before_head = scheme.head(features, 0)
        self.head = nn.Linear(features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → logits (N, num_classes)."""
        x = self.flatten(self.block(self.after_stem(self.stem(x))))
        result: Tensor = self.head(self.before_head(self.hidden(x)))
        return result


def _border(side: int) -> int:
    """On either side of a small image."""
    return max(0, -(-(SMALLEST - side) // 2))


def _left(side: int) -> int:
    """Of a side after two convolutions, each with its pool; 16 leaves 1."""
    side += 2 * _border(side)
    for _ in range(2):
        side = -(-(side - KERNEL + 1) // 2)
    return side


def _check(input_shape: Sequence[int], widths: Sequence[int]) -> None:
    if len(input_shape) != 3:
        raise ValueError(
            f"input_shape={tuple(input_shape)}: lenet5 takes images (channels, height, width)."
        )
    if len(widths) != 3 or min(widths) < 1:
        raise ValueError(
            f"network.widths={list(widths)}: give lenet5 three widths, two convolutions' and a "
            "linear layer's, each ≥ 1."
        )
