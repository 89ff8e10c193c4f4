"""BWN, Binary-Weight-Network: ±α weights, float activations. Rastegari et al. 2016, section 3.1."""

from torch import nn

from xnorkit.binarize.binop import GradientRule, WeightRule
from xnorkit.binarize.scale import Alpha
from xnorkit.schemes.float import Float
from xnorkit.schemes.scheme import (
    Pool,
    Size,
    binary_conv2d,
    binary_linear,
    chain,
    dropout_layer,
    pool_layer,
)


class BWN(Float):
    """Binary conv on real input ► BatchNorm ► ReLU ► (pool).

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
        self.weight_rule: WeightRule = WeightRule(  # type: ignore[assignment]  # narrower than the protocol's
            alpha=alpha, rule=rule, centre_factor=centre_factor, scale_by_n=scale_by_n
        )
        self._options = {"input_sign": None, "weight_rule": self.weight_rule}

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
        """(Dropout) ► binary-weight conv ► BatchNorm ► ReLU ► (pool)."""
        layer = binary_conv2d(
            in_channels, out_channels, kernel_size, stride, padding, **self._options
        )
        return chain(
            dropout=dropout_layer(dropout),
            layer=layer,
            **self._after(out_channels, 2, residual),
            pool=pool_layer(pool),
        )

    def linear(self, in_features: int, out_features: int, dropout: float = 0.0) -> nn.Module:
        """(Dropout) ► binary-weight linear ► BatchNorm ► ReLU."""
        layer = binary_linear(in_features, out_features, **self._options)
        return chain(dropout=dropout_layer(dropout), layer=layer, **self._after(out_features, 0))
