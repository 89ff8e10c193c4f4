"""DoReFa-Net: weights and activations of 1 to 8 bits each. Zhou et al. 2016."""

from torch import nn

from xnorkit.binarize.binop import WeightRule
from xnorkit.schemes.scheme import (
    Pool,
    Size,
    batch_norm,
    binary_conv2d,
    binary_linear,
    chain,
    pool_layer,
)


class DoReFa:
    """Quantised conv ► BatchNorm ► (pool) ► clip to [0, 1]; quantised at the next layer's input.

    A weight of one bit is sign(W)·mean|W|, one mean a layer; of k bits
    q_k(tanh(W)/max|tanh(W)|). Gradients go straight through the rounding and one bit's sign.

    Args:
        weight_bits: 1 … 8.
        activation_bits: 1 … 8, of values in [0, 1]; with one bit they are 0 and 1, 1 above ½.
        binary_gradient: gradients are binarised where they are convolved with the weights
            (`xnorkit.binarize.binary_gradient`); those of the weights are not.

    Raises:
        ValueError: bits out of range.
    """

    name = "dorefa"

    def __init__(
        self, weight_bits: int = 1, activation_bits: int = 2, binary_gradient: bool = False
    ) -> None:
        for option, bits in (("weight_bits", weight_bits), ("activation_bits", activation_bits)):
            if bits not in range(1, 9):
                raise ValueError(f"{option}={bits}: choose 1 … 8 (model.{option}).")
        one = weight_bits == 1
        self.weight_rule = WeightRule(
            centre=False,
            clamp=False,
            alpha="layer" if one else "none",
            rule="straight",
            bits=weight_bits,
            squash=not one,
        )
        self._options = {
            "weight_rule": self.weight_rule,
            "input_bits": activation_bits,
            "input_range": "unit",
            "binary_gradient": binary_gradient,
        }

    def stem(self, channels: int, dims: int, pool: Pool = 1) -> nn.Module:
        """(Pool) ► BatchNorm ► clip."""
        return chain(pool=pool_layer(pool), norm=batch_norm(channels, dims), clip=_clip())

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
        """Quantise ► (dropout) ► quantised conv ► BatchNorm ► (pool) ► clip."""
        layer = binary_conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            input_dropout=dropout,
            **self._options,
        )
        return chain(
            layer=layer,
            norm=batch_norm(out_channels, 2),
            pool=pool_layer(pool),
            clip=None if residual else _clip(),
        )

    def linear(self, in_features: int, out_features: int, dropout: float = 0.0) -> nn.Module:
        """Quantise ► (dropout) ► quantised linear ► BatchNorm ► clip."""
        layer = binary_linear(in_features, out_features, input_dropout=dropout, **self._options)
        return chain(
            layer=layer,
            norm=batch_norm(out_features, 0),
            clip=_clip(),
        )

    def join(self) -> nn.Module:
        """Clip."""
        return _clip()

    def head(self, channels: int, dims: int) -> nn.Module:
        """Nothing: the blocks end in the clip."""
        return nn.Identity()


def _clip() -> nn.Module:
    return nn.Hardtanh(0, 1)
