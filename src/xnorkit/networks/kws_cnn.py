"""A small CNN for keyword spotting: a real-valued stem, binary 3×3 blocks, a float head."""

from collections.abc import Sequence

from torch import Tensor, nn

from xnorkit.nn.stem import Stem, stem_class
from xnorkit.schemes import Scheme


class KWSCNN(nn.Module):
    """Conv stem ► one inner block per width ► global average ► linear.

    Args:
        scheme: gives the blocks.
        input_shape: (1, mels, frames), any size that survives stem and pools.
        num_classes: width of the last layer.
        stem_channels: filters of the first, real-valued convolution.
        stem_kernel: its size over (mels, frames).
        stem_stride: its step over (mels, frames).
        stem_pool: max-pool factor after the stem; 1 is none.
        widths: filters of each inner block; their number is the depth.
        pools: max-pool factor after each inner block, as many as widths.
        kernel_size: of the inner blocks, odd.
        dropout: before the last layer.
        stem: the first convolution: `float`; `int8`, input and weights in 8 bits; `binary`, weights
            of ±1. See `nn.stem`.

    Raises:
        ValueError: an unknown stem, lists of different lengths, an even kernel, or sizes below 1.

    Shape:
        (N, 1, mels, frames) → logits (N, num_classes).
    """

    def __init__(
        self,
        scheme: Scheme,
        input_shape: Sequence[int],
        num_classes: int,
        stem_channels: int = 64,
        stem_kernel: Sequence[int] = (5, 5),
        stem_stride: Sequence[int] = (2, 2),
        stem_pool: int = 2,
        widths: Sequence[int] = (64, 64, 64, 64),
        pools: Sequence[int] = (1, 2, 1, 1),
        kernel_size: int = 3,
        dropout: float = 0.0,
        stem: Stem = "float",
    ) -> None:
        super().__init__()
        _check(input_shape, widths, pools, kernel_size)
        kernel, stride = tuple(stem_kernel), tuple(stem_stride)
        self.stem = stem_class(stem, nn.Conv2d)(
            input_shape[0],
            stem_channels,
            (kernel[0], kernel[1]),
            (stride[0], stride[1]),
            (kernel[0] // 2, kernel[1] // 2),
            bias=False,
        )
        self.after_stem = scheme.stem(stem_channels, 2, stem_pool)
        inputs = (stem_channels, *widths[:-1])
        self.blocks = nn.Sequential(
            *(
                scheme.conv2d(c_in, c_out, kernel_size, pool=pool)
                for c_in, c_out, pool in zip(inputs, widths, pools, strict=True)
            )
        )
        self.before_head = scheme.head(widths[-1], 2)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, mels, frames) → logits (N, num_classes)."""
        x = self.before_head(self.blocks(self.after_stem(self.stem(x))))
        result: Tensor = self.head(self.dropout(self.flatten(self.average(x))))
        return result


def _check(
    input_shape: Sequence[int], widths: Sequence[int], pools: Sequence[int], kernel_size: int
) -> None:
    if len(input_shape) != 3:
        raise ValueError(
            f"input_shape={tuple(input_shape)}: kws_cnn takes (channels, mels, frames)."
        )
    if len(widths) != len(pools) or not widths:
        raise ValueError(
            f"network.widths has {len(widths)} entries and network.pools {len(pools)}: "
            "give one pooling factor a block, at least one block."
        )
    if kernel_size % 2 == 0:
        raise ValueError(f"network.kernel_size={kernel_size}: an odd size keeps the map's size.")
    if min(*widths, *pools, kernel_size) < 1:
        raise ValueError(f"network.widths={list(widths)}, pools={list(pools)}: all must be ≥ 1.")
