"""What happens to latent weights: centre, clamp, binarise; and what their gradient becomes.

Notation: W latent weight, n elements a filter, s = W.shape[1], α the scale, g the gradient with
respect to the binary weight α·sign(W) that stood in W's place. Formulas: docs/mathematics.md.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from xnorkit.binarize.function import applied
from xnorkit.binarize.kbit import require_bits
from xnorkit.binarize.quant_mode import QuantMode, quantize_sign, require_quant_mode
from xnorkit.binarize.scale import Alpha, mean_over, require_alpha
from xnorkit.binarize.sign import inside
from xnorkit.binarize.weight_levels import alpha_axes, squash_gradient, squashed, weight_codes

GradientRule = Literal["chain", "paper", "ste", "straight"]

MAX_LAYER_BITS = 8  # of weights and inputs; beyond, int8 does the same


def _require_rule(rule: str) -> None:
    if rule not in get_args(GradientRule):
        raise ValueError(f"rule={rule!r}: choose one of {', '.join(get_args(GradientRule))}.")


@dataclass(frozen=True)
class WeightRule:
    """How a layer's latent weights become binary, and how its gradient comes back; plain data.

    Attributes:
        centre: subtract the mean over input channels first (XNOR-Net); not where there is one.
        clamp: latent weights are held in [−1, 1].
        alpha: `filter`, `layer`, `max` or `none`: the scale of the binary weights.
        rule: `chain`, `paper`, `ste` or `straight`: how the gradient is rescaled
            (`rescale_gradient`).
        centre_factor: the factor (1 − 1/s) of `chain` and `paper`.
        scale_by_n: the factor n of `chain` and `paper`; it mostly undoes weight decay, and Adam
            nearly cancels it.
        clamp_after_step: clamp to [−1, 1] after each optimiser step as well (BinaryNet).
        bits: of a weight, 1 … 8: sign, or q_k of the weights in [−1, 1].
        squash: tanh(W)/max|tanh(W)| before q_k (DoReFa), not persistent as centring is.
        quant_mode: `det`; `stochastic`: in training +1 with probability clip((W/α + 1)/2, 0, 1).

    Raises:
        ValueError: an unknown `alpha`, `rule` or `quant_mode`, `bits` out of range, or values that
            can't be combined.
    """

    centre: bool = True
    clamp: bool = True
    alpha: Alpha = "filter"
    rule: GradientRule = "chain"
    centre_factor: bool = True
    scale_by_n: bool = True
    clamp_after_step: bool = False
    bits: int = 1
    squash: bool = False
    quant_mode: QuantMode = "det"

    def __post_init__(self) -> None:
        require_alpha(self.alpha)
        _require_rule(self.rule)
        require_bits(self.bits, "a weight has", MAX_LAYER_BITS)
        require_quant_mode(self.quant_mode)
        self._refuse_pairs()

    def _refuse_pairs(self) -> None:
        if self.alpha == "max" and (self.rule == "chain" or self.bits > 1):
            raise ValueError(
                f"alpha='max' with rule={self.rule!r}, bits={self.bits}: the largest magnitude is "
                "BinaryNet's scale of one bit, which no gradient goes through. Use rule='ste'."
            )
        if self.quant_mode == "stochastic" and (self.bits > 1 or self.alpha not in ("none", "max")):
            raise ValueError(
                f"quant_mode='stochastic' with alpha={self.alpha!r}, bits={self.bits}: a draw is "
                "±1 by a weight in [-1, 1], or ±max|W|. Use alpha='none' or 'max' and one bit."
            )

    @property
    def is_sign(self) -> bool:
        """Whether weights are sign(W) times a mean magnitude or 1, and nothing else."""
        plain = self.quant_mode == "det" and self.alpha != "max"
        return plain and self.bits == 1 and not self.squash


XNOR_RULE = WeightRule()
BINARYNET_RULE = WeightRule(centre=False, alpha="none", rule="ste", clamp_after_step=True)


def filter_size(weight: Tensor) -> int:
    """n, the elements of a filter; 1 where it has none, so that 1/n is a number."""
    return max(1, prod(weight.shape[1:]))


def has_one_input_channel(weight: Tensor) -> bool:
    """True where centring would make every weight 0 (depthwise layers): s = 1."""
    return weight.dim() < 2 or weight.shape[1] <= 1


def centre_and_clamp(weight: Tensor, centre: bool = True, clamp: bool = True) -> Tensor:
    """W minus its mean over input channels, clamped to [−1, 1].

    Args:
        weight: (C_out, C_in, …), floating point; with C_in = 1 it is not centred.
        centre: subtract the mean.
        clamp: clamp.

    Returns:
        A new tensor like `weight`.

    Source: Rastegari et al. 2016, the authors' release (`meancenterConvParms`).
    """
    centred = weight.clone()
    if centre and not has_one_input_channel(weight):
        centred -= weight.mean(1, keepdim=True)
    return centred.clamp_(-1, 1) if clamp else centred


def binarize_weight(weight: Tensor, alpha: Alpha = "filter") -> tuple[Tensor, Tensor]:
    """The L2-optimal pair (B, α) with W ≈ α·B; differentiable by the true chain rule.

    Args:
        weight: (C_out, C_in, …), floating point.
        alpha: `filter`, `layer` or `none`.

    Returns:
        B in ±1 like `weight` (gradient of `ste_clip`), and α, broadcastable to it.

    Raises:
        ValueError: an unknown `alpha`.

    Source: Rastegari et al. 2016, eqs. 4 and 6.
    """
    return weight_codes(weight, 1, alpha)


def rescale_gradient(
    weight: Tensor,
    gradient: Tensor,
    rule: GradientRule = "chain",
    centre_factor: bool = True,
    scale_by_n: bool = True,
    alpha: Alpha = "filter",
    bits: int = 1,
) -> Tensor:
    """The gradient that the latent weight gets, from the one of the binary weight.

    `chain`: (α·mask·g + sign(W)·Σ_filter(sign(W)·g)/n)·(1 − 1/s)·n
    `paper`: g·(1/n + α·1[|W| < 1])·(1 − 1/s), times n
    `ste`:   g·mask, without factors
    `straight`: g
    with mask = 1[|W| ≤ 1]. Linear in g, so a scaled gradient is fine. Where s = 1 the factor
    (1 − 1/s) is left out. With more bits the code c stands for sign(W): c·Σ(c·g)/Σc².

    Args:
        weight: latent W (centred, clamped), (C_out, C_in, …).
        gradient: g, like `weight`.
        rule: one of the three.
        centre_factor: keep (1 − 1/s).
        scale_by_n: keep n.
        alpha: the scale that the binary weight had; with `layer` the sum and n of `chain`'s second
            term run over the layer, with `none` that term is gone and α = 1.
        bits: that it had; α is then 2^k − 1 times a code's scale.

    Returns:
        A new tensor like `gradient`.

    Raises:
        ValueError: an unknown `rule` or `alpha`.

    Source: `chain`: XNOR-Net-PyTorch `updateBinaryGradWeight`; `paper`: Rastegari et al. 2016, the
    authors' Lua release.
    """
    _require_rule(rule)
    require_alpha(alpha)
    if rule == "straight":
        return gradient.clone()
    if rule == "ste":
        return (gradient * inside(weight)).to(gradient.dtype)
    codes, scale = weight_codes(weight.detach(), bits, alpha)
    scale = scale * ((1 << bits) - 1)
    if rule == "chain":
        rescaled = scale * inside(weight) * gradient
        if alpha != "none":
            rescaled = rescaled + _through_scale(codes, gradient, alpha, bits)
    else:
        rescaled = gradient * (1 / filter_size(weight) + scale * weight.detach().abs().lt_(1))
    factor = gradient_factor(weight, centre_factor, scale_by_n)
    return (rescaled * factor).to(gradient.dtype)


def gradient_factor(weight: Tensor, centre_factor: bool, scale_by_n: bool) -> float:
    """(1 − 1/s)·n, each factor where it is asked for; the first left out where s = 1."""
    factor = float(filter_size(weight)) if scale_by_n else 1.0
    if centre_factor and not has_one_input_channel(weight):
        factor *= 1 - 1 / weight.shape[1]
    return factor


def _through_scale(codes: Tensor, gradient: Tensor, alpha: Alpha, bits: int) -> Tensor:
    """c·Σ(c·g)/Σc²: what flows back through α; Σc² = n with one bit."""
    axes = alpha_axes(codes, alpha)
    mean = mean_over(codes * gradient, axes)
    return codes * (mean if bits == 1 else mean / mean_over(codes * codes, axes))


def quantised_weight(latent: Tensor, rule: WeightRule) -> Tensor:
    """α·sign(W), or its k-bit form, of a weight that is centred and clamped; without a gradient.

    In `quant_mode` `stochastic` a draw: this is what training computes with.
    """
    fixed = latent.detach()
    if rule.quant_mode == "stochastic":
        return quantize_sign(fixed, "stochastic", allow_scale=rule.alpha == "max")
    codes, scale = weight_codes(squashed(fixed) if rule.squash else fixed, rule.bits, rule.alpha)
    return scale * codes


def latent_gradient(latent: Tensor, gradient: Tensor, rule: WeightRule) -> Tensor:
    """The gradient of a centred and clamped weight from that of `quantised_weight` of it."""
    weight = squashed(latent.detach()) if rule.squash else latent
    rescaled = rescale_gradient(
        weight, gradient, rule.rule, rule.centre_factor, rule.scale_by_n, rule.alpha, rule.bits
    )
    return squash_gradient(latent, rescaled) if rule.squash else rescaled


class _InGraph(torch.autograd.Function):
    generate_vmap_rule = True  # and `setup_context`: torch.func (vmap, grad) asks for both

    @staticmethod
    def forward(weight: Tensor, rule: WeightRule) -> Tensor:
        return quantised_weight(centre_and_clamp(weight, rule.centre, rule.clamp), rule)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, WeightRule], output: Tensor) -> None:
        weight, ctx.rule = inputs
        ctx.save_for_backward(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        rule: WeightRule = ctx.rule
        latent = centre_and_clamp(ctx.saved_tensors[0], rule.centre, rule.clamp)
        return latent_gradient(latent, gradient, rule), None


def binary_weight(weight: Tensor, rule: WeightRule) -> Tensor:
    """What the rule makes of W, α·sign(W) or its k-bit form, in the graph with its gradient.

    Args:
        weight: latent, (C_out, C_in, …), floating point.
        rule: what to do.

    Returns:
        A tensor like `weight`; for weights already centred and clamped its gradient is the one
        that `BinOp` gives.
    """
    return applied(_InGraph, weight, rule)


def latent_signs(weight: Tensor, rule: WeightRule) -> tuple[Tensor, Tensor]:
    """(sign, α) of the weight after centring and clamping: what the packed engine holds.

    Args:
        weight: latent, (C_out, C_in, …), floating point.
        rule: what to do.

    Returns:
        ±1 like `weight`, and α broadcastable to it.
    """
    return binarize_weight(centre_and_clamp(weight, rule.centre, rule.clamp), rule.alpha)


def latent_codes(weight: Tensor, rule: WeightRule) -> tuple[Tensor, Tensor]:
    """(code, scale of a code) of the weight by its rule; with one bit `latent_signs`.

    Args:
        weight: latent, (C_out, C_in, …), floating point.
        rule: what to do.

    Returns:
        Odd numbers −(2^k − 1) … 2^k − 1 like `weight`, and the scale, broadcastable to it.
    """
    latent = centre_and_clamp(weight, rule.centre, rule.clamp)
    return weight_codes(squashed(latent) if rule.squash else latent, rule.bits, rule.alpha)
