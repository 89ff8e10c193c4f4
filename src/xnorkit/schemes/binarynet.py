"""BinaryNet: ±1 weights and activations, no scale. Hubara et al. 2016."""

from dataclasses import replace

from torch import nn

from xnorkit.binarize.binop import BINARYNET_RULE, WeightRule
from xnorkit.binarize.quant_mode import QuantMode
from xnorkit.schemes.scheme import Asked, BinaryInputBlocks, Pool, batch_norm, chain, pool_layer


class BinaryNet(BinaryInputBlocks):
    """Sign ► (dropout) ► binary conv ► (pool) ► BatchNorm ► hard tanh.

    Args:
        input_sign: estimator of the activations' sign gradient.
        padding_value: of the border: 0, 1 or −1.
        weight_quant_mode: `det`; `stochastic`: in training a weight is drawn, +1 with probability
            clip((W + 1)/2, 0, 1). Evaluation always takes signs.
        weight_allow_scale: weights are ±max|W| of their layer.
        activation_quant_mode: as of weights, in front of each binary layer.
        activation_allow_scale: activations are ±max|x| of their batch; no engine can give that.

    Raises:
        ValueError: an unknown option.

    Source: the options are those of the authors' PyTorch release (`Binarize`).
    """

    name = "binarynet"

    def __init__(
        self,
        input_sign: str = "ste_clip",
        padding_value: int = 0,
        weight_quant_mode: QuantMode = "det",
        weight_allow_scale: bool = False,
        activation_quant_mode: QuantMode = "det",
        activation_allow_scale: bool = False,
    ) -> None:
        self.weight_rule: WeightRule = replace(
            BINARYNET_RULE,
            quant_mode=weight_quant_mode,
            alpha="max" if weight_allow_scale else "none",
        )
        self._options = {
            "input_sign": input_sign,
            "weight_rule": self.weight_rule,
            "input_quant_mode": activation_quant_mode,
            "input_scale": "max" if activation_allow_scale else "none",
        }
        self._padding_value = padding_value

    def stem(self, channels: int, dims: int, pool: Pool = 1) -> nn.Module:
        """(Pool) ► BatchNorm ► hard tanh."""
        return chain(pool=pool_layer(pool), norm=batch_norm(channels, dims), hardtanh=nn.Hardtanh())

    def join(self) -> nn.Module:
        """Hard tanh."""
        return nn.Hardtanh()

    def head(self, channels: int, dims: int) -> nn.Module:
        """Nothing: the blocks end in hard tanh."""
        return nn.Identity()

    def _block(self, layer: nn.Module, around: Asked) -> nn.Module:
        return chain(
            layer=layer,
            pool=around.pool,
            norm=batch_norm(around.after, around.dims),
            hardtanh=None if around.residual else nn.Hardtanh(),
        )
