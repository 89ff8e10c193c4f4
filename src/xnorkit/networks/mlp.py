"""A multi-layer perceptron: a real-valued first layer, binary inner layers, a float head."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from xnorkit.nn.stem import Stem, stem_class
from xnorkit.schemes import Scheme


class MLP(nn.Module):
    """Flatten ► linear stem ► one inner block per further width ► linear.

    Args:
        scheme: gives the blocks.
        input_shape: of one sample, any rank.
        num_classes: width of the last layer.
        widths: features after the stem and after each inner block.
        dropout: before each inner layer and before the last.
        stem: the first layer: `float`; `int8`, input and weights in 8 bits; `binary`, weights of
            ±1. See `nn.stem`.

    Raises:
        ValueError: an unknown stem, no width, or one below 1.

    Shape:
        (N, *input_shape) → logits (N, num_classes).
    """

    def __init__(
        self,
        scheme: Scheme,
        input_shape: Sequence[int],
        num_classes: int,
        widths: Sequence[int] = (256, 256, 256),
        dropout: float = 0.0,
        stem: Stem = "float",
    ) -> None:
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(f"network.widths={list(widths)}: give at least one width, each ≥ 1.")
        self.flatten = nn.Flatten()
        self.stem = stem_class(stem, nn.Linear)(prod(input_shape), widths[0], bias=False)
        self.after_stem = scheme.stem(widths[0], 0)
        self.blocks = nn.Sequential(*(scheme.linear(i, o, dropout) for i, o in pairwise(widths)))
        self.before_head = scheme.head(widths[-1], 0) if len(widths) > 1 else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, *input_shape) → logits (N, num_classes)."""
        x = self.before_head(self.blocks(self.after_stem(self.stem(self.flatten(x)))))
        result: Tensor = self.head(self.dropout(x))
        return result
