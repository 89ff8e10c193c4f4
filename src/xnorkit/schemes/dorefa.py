"""DoReFa-Net: weights and activations of 1 to 8 bits each. Zhou et al. 2016."""

from torch import nn

from xnorkit.binarize.binop import WeightRule
from xnorkit.schemes.scheme import Asked, BinaryInputBlocks, Pool, batch_norm, chain, pool_layer


class DoReFa(BinaryInputBlocks):
    """Quantise ► (dropout) ► quantised conv ► BatchNorm ► (pool) ► clip to [0, 1].

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

    def join(self) -> nn.Module:
        """Clip."""
        return _clip()

    def head(self, channels: int, dims: int) -> nn.Module:
        """Nothing: the blocks end in the clip."""
        return nn.Identity()

    def _block(self, layer: nn.Module, around: Asked) -> nn.Module:
        return chain(
            layer=layer,
            norm=batch_norm(around.after, around.dims),
            pool=around.pool,
            clip=None if around.residual else _clip(),
        )


def _clip() -> nn.Module:
    return nn.Hardtanh(0, 1)
