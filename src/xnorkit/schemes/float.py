"""The float twin: the same topology without binarisation, as the yardstick."""

from torch import nn

from xnorkit.binarize.binop import WeightRule
from xnorkit.schemes.scheme import (
    Asked,
    Blocks,
    ConvSizes,
    Pool,
    batch_norm,
    chain,
    dropout_layer,
    pool_layer,
)


class Float(Blocks):
    """(Dropout) ► conv ► BatchNorm ► ReLU ► (pool), all float32."""

    name = "float"
    weight_rule: WeightRule | None = None

    def stem(self, channels: int, dims: int, pool: Pool = 1) -> nn.Module:
        """(Pool) ► BatchNorm ► ReLU: pooled first, three quarters of the work are saved."""
        return chain(pool=pool_layer(pool), norm=batch_norm(channels, dims), relu=nn.ReLU())

    def join(self) -> nn.Module:
        """ReLU."""
        return nn.ReLU()

    def head(self, channels: int, dims: int) -> nn.Module:
        """Nothing: the blocks end in ReLU."""
        return nn.Identity()

    def _conv2d(self, sizes: ConvSizes, dropout: float) -> nn.Module:
        return nn.Conv2d(*sizes, bias=False)

    def _linear(self, sizes: tuple[int, int], dropout: float) -> nn.Module:
        return nn.Linear(*sizes, bias=False)

    def _block(self, layer: nn.Module, around: Asked) -> nn.Module:
        return chain(
            dropout=dropout_layer(around.dropout),
            layer=layer,
            norm=batch_norm(around.after, around.dims),
            relu=None if around.residual else nn.ReLU(),
            pool=around.pool,
        )
