"""The float twin: the same topology without binarisation, as the yardstick."""

from torch import nn

from xnorkit.schemes.scheme import batch_norm, chain, dropout_layer, max_pool


class Float:
    """Conv ► BatchNorm ► ReLU ► (pool), all float32."""

    name = "float"
    weight_rule = None

    def stem(self, channels: int, dims: int, pool: int = 1) -> nn.Module:
        """(Pool) ► BatchNorm ► ReLU: pooled first, three quarters of the work are saved."""
        return chain(pool=max_pool(pool), norm=batch_norm(channels, dims), relu=nn.ReLU())

    def conv2d(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, pool: int = 1
    ) -> nn.Module:
        """Conv ► BatchNorm ► ReLU ► (pool)."""
        layer = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False
        )
        return chain(layer=layer, **self._after(out_channels, 2), pool=max_pool(pool))

    def linear(self, in_features: int, out_features: int, dropout: float = 0.0) -> nn.Module:
        """(Dropout) ► linear ► BatchNorm ► ReLU."""
        layer = nn.Linear(in_features, out_features, bias=False)
        return chain(dropout=dropout_layer(dropout), layer=layer, **self._after(out_features, 0))

    def head(self, channels: int, dims: int) -> nn.Module:
        """Nothing: the blocks end in ReLU."""
        return nn.Identity()

    @staticmethod
    def _after(channels: int, dims: int) -> dict[str, nn.Module]:
        return {"norm": batch_norm(channels, dims), "relu": nn.ReLU()}
