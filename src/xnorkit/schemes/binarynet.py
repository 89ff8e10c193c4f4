"""BinaryNet: ±1 weights and activations, no scale. Hubara et al. 2016."""

from torch import nn

from xnorkit.binarize.binop import BINARYNET_RULE
from xnorkit.schemes.scheme import (
    batch_norm,
    binary_conv2d,
    binary_linear,
    chain,
    dropout_layer,
    max_pool,
)


class BinaryNet:
    """Binary conv ► (pool) ► BatchNorm ► hard tanh ► sign at the next layer's input.

    Args:
        input_sign: estimator of the activations' sign gradient.
        padding_value: of the border: 0, 1 or −1.

    Raises:
        ValueError: an unknown option.
    """

    name = "binarynet"
    weight_rule = BINARYNET_RULE

    def __init__(self, input_sign: str = "ste_clip", padding_value: int = 0) -> None:
        self._options = {"input_sign": input_sign, "weight_rule": self.weight_rule}
        self._padding_value = padding_value

    def stem(self, channels: int, dims: int, pool: int = 1) -> nn.Module:
        """(Pool) ► BatchNorm ► hard tanh."""
        return chain(pool=max_pool(pool), norm=batch_norm(channels, dims), hardtanh=nn.Hardtanh())

    def conv2d(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, pool: int = 1
    ) -> nn.Module:
        """Sign ► binary conv ► (pool) ► BatchNorm ► hard tanh."""
        layer = binary_conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding_value=self._padding_value,
            **self._options,
        )
        return chain(
            layer=layer,
            pool=max_pool(pool),
            norm=batch_norm(out_channels, 2),
            hardtanh=nn.Hardtanh(),
        )

    def linear(self, in_features: int, out_features: int, dropout: float = 0.0) -> nn.Module:
        """(Dropout) ► sign ► binary linear ► BatchNorm ► hard tanh."""
        layer = binary_linear(in_features, out_features, **self._options)
        return chain(
            dropout=dropout_layer(dropout),
            layer=layer,
            norm=batch_norm(out_features, 0),
            hardtanh=nn.Hardtanh(),
        )

    def head(self, channels: int, dims: int) -> nn.Module:
        """Nothing: the blocks end in hard tanh."""
        return nn.Identity()
