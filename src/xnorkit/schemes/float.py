"""The float twin: the same topology without binarisation, as the yardstick."""

from torch import nn

from xnorkit.schemes.scheme import (
    Pool,
    Size,
    batch_norm,
    border_of,
    chain,
    dropout_layer,
    pool_layer,
)


class Float:
    """Conv ► BatchNorm ► ReLU ► (pool), all float32."""

    name = "float"
    weight_rule = None

    def stem(self, channels: int, dims: int, pool: Pool = 1) -> nn.Module:
        """(Pool) ► BatchNorm ► ReLU: pooled first, three quarters of the work are saved."""
        return chain(pool=pool_layer(pool), norm=batch_norm(channels, dims), relu=nn.ReLU())

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
        """(Dropout) ► conv ► BatchNorm ► ReLU ► (pool)."""
        border = border_of(kernel_size, padding)
        layer = nn.Conv2d(in_channels, out_channels, kernel_size, stride, border, bias=False)
        return chain(
            dropout=dropout_layer(dropout),
            layer=layer,
            **self._after(out_channels, 2, residual),
            pool=pool_layer(pool),
        )

    def linear(self, in_features: int, out_features: int, dropout: float = 0.0) -> nn.Module:
        """(Dropout) ► linear ► BatchNorm ► ReLU."""
        layer = nn.Linear(in_features, out_features, bias=False)
        return chain(dropout=dropout_layer(dropout), layer=layer, **self._after(out_features, 0))

    def join(self) -> nn.Module:
        """ReLU."""
        return nn.ReLU()

    def head(self, channels: int, dims: int) -> nn.Module:
        """Nothing: the blocks end in ReLU."""
        return nn.Identity()

    @staticmethod
    def _after(channels: int, dims: int, residual: bool = False) -> dict[str, nn.Module]:
        norm = {"norm": batch_norm(channels, dims)}
        return norm if residual else {**norm, "relu": nn.ReLU()}
