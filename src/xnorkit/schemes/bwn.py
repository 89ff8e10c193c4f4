"""BWN, Binary-Weight-Network: ±α weights, float activations. Rastegari et al. 2016, section 3.1."""

from typing import Any

from torch import nn

from xnorkit.binarize.binop import GradientRule, WeightRule
from xnorkit.binarize.scale import Alpha
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.schemes.float import Float
from xnorkit.schemes.scheme import ConvSizes


class BWN(Float):
    """(Dropout) ► binary conv on real input ► BatchNorm ► ReLU ► (pool).

    Args:
        alpha: `filter`, `layer` or `none`: the scale of the binary weights.
        rule: `chain`, `paper` or `ste`: how gradients are rescaled.
        centre_factor: the factor (1 − 1/s) of `chain` and `paper`.
        scale_by_n: the factor n of `chain` and `paper`.

    Raises:
        ValueError: an unknown `alpha` or `rule`.
    """

    name = "bwn"

    def __init__(
        self,
        alpha: Alpha = "filter",
        rule: GradientRule = "chain",
        centre_factor: bool = True,
        scale_by_n: bool = True,
    ) -> None:
        self.weight_rule = WeightRule(
            alpha=alpha, rule=rule, centre_factor=centre_factor, scale_by_n=scale_by_n
        )
        self._options: dict[str, Any] = {"input_sign": None, "weight_rule": self.weight_rule}

    def _conv2d(self, sizes: ConvSizes, dropout: float) -> nn.Module:
        return BinaryConv2d(*sizes, bias=False, **self._options)

    def _linear(self, sizes: tuple[int, int], dropout: float) -> nn.Module:
        return BinaryLinear(*sizes, bias=False, **self._options)
