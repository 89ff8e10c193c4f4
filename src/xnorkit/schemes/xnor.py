"""XNOR-Net: ±1 activations, ±α weights, or k bits of both. Rastegari et al. 2016, section 3.2."""

from typing import Literal, get_args

from torch import nn

from xnorkit.binarize.binop import GradientRule, WeightRule
from xnorkit.binarize.scale import Alpha
from xnorkit.nn.layer_options import InputScale
from xnorkit.schemes.scheme import Asked, BinaryInputBlocks, Pool, batch_norm, chain, pool_layer

PostActivation = Literal["none", "relu"]


class XNOR(BinaryInputBlocks):
    """BatchNorm ► sign ► (dropout) ► binary conv ► (ReLU) ► (pool).

    Args:
        alpha: `filter`, `layer` or `none`: the scale of the binary weights.
        rule: `chain`, `paper` or `ste`: how gradients are rescaled.
        centre_factor: the factor (1 − 1/s) of `chain` and `paper`.
        scale_by_n: the factor n of `chain` and `paper`.
        centre: subtract a filter's mean over input channels before binarising.
        clamp: hold latent weights in [−1, 1].
        input_sign: estimator of the activations' sign gradient.
        input_scale: `none`; `map`: the paper's K; `tensor`: one mean a sample; `batch`: one mean a
            batch, as some first programs have it in linear layers (no engine can).
        post_activation: `none`; `relu` after the binary layer, as in the seed systems.
        padding_value: of the border: 0, 1 or −1.
        bits: of weights and activations, 1 … 8: more than one by q_k instead of sign.
        binary_gradient: gradients are binarised where they are convolved with the weights
            (`xnorkit.binarize.binary_gradient`); those of the weights are not.

    Raises:
        ValueError: an unknown option, or bits out of range.
    """

    name = "xnor"

    def __init__(
        self,
        alpha: Alpha = "filter",
        rule: GradientRule = "chain",
        centre_factor: bool = True,
        scale_by_n: bool = True,
        centre: bool = True,
        clamp: bool = True,
        input_sign: str = "ste_clip",
        input_scale: InputScale = "none",
        post_activation: PostActivation = "none",
        padding_value: int = 0,
        bits: int = 1,
        binary_gradient: bool = False,
    ) -> None:
        if post_activation not in get_args(PostActivation):
            raise ValueError(
                f"post_activation={post_activation!r}: choose none or relu (model.post_activation)."
            )
        if bits not in range(1, 9):
            raise ValueError(f"bits={bits}: choose 1 … 8 (model.bits).")
        self.weight_rule = WeightRule(
            centre=centre, clamp=clamp, alpha=alpha, rule=rule, centre_factor=centre_factor,
            scale_by_n=scale_by_n, bits=bits,
        )  # fmt: skip
        self.post_activation = post_activation
        self._options = {
            "input_sign": input_sign,
            "weight_rule": self.weight_rule,
            "input_scale": input_scale,
            "input_bits": bits,
            "binary_gradient": binary_gradient,
        }
        self._padding_value = padding_value

    def stem(self, channels: int, dims: int, pool: Pool = 1) -> nn.Module:
        """(Pool) ► BatchNorm ► ReLU: pooled first, three quarters of the work are saved."""
        return chain(pool=pool_layer(pool), norm=batch_norm(channels, dims), relu=nn.ReLU())

    def join(self) -> nn.Module:
        """Nothing: the next block begins with BatchNorm ► sign."""
        return nn.Identity()

    def head(self, channels: int, dims: int) -> nn.Module:
        """BatchNorm ► ReLU on the last block's sums."""
        return chain(norm=batch_norm(channels, dims), relu=nn.ReLU())

    def _block(self, layer: nn.Module, around: Asked) -> nn.Module:
        relu = self.post_activation == "relu" and not around.residual
        return chain(
            norm=batch_norm(around.before, around.dims),
            layer=layer,
            relu=nn.ReLU() if relu else None,
            pool=around.pool,
        )
