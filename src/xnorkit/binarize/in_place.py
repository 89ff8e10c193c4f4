"""BinOp's three steps on lists of weights that share a rule: in place, a few calls for all layers.

The same mathematics as `binop`, which has the formulas. What is written keeps its address: DDP's
buckets and CUDA graphs hold it. Lists must not be empty.
"""

import torch
from torch import Tensor

from xnorkit.binarize.binop import (
    WeightRule,
    filter_size,
    gradient_factor,
    has_one_input_channel,
    latent_gradient,
    quantised_weight,
)
from xnorkit.binarize.scale import mean_over
from xnorkit.binarize.sign import inside
from xnorkit.binarize.weight_levels import alpha_axes


@torch.no_grad()
def centre_and_clamp_(weights: list[Tensor], rule: WeightRule) -> None:
    """W ← clamp(W − mean over input channels), each where `rule` says so.

    Args:
        weights: (C_out, C_in, …) each; with C_in = 1 it is not centred.
        rule: its `centre` and `clamp`.
    """
    centred = [w for w in weights if not has_one_input_channel(w)] if rule.centre else []
    if centred:
        torch._foreach_sub_(centred, [w.mean(1, keepdim=True) for w in centred])
    if rule.clamp:
        clamp_(weights)


@torch.no_grad()
def clamp_(weights: list[Tensor]) -> None:
    """W ← clamp(W, −1, 1)."""
    torch._foreach_clamp_min_(weights, -1)
    torch._foreach_clamp_max_(weights, 1)


@torch.no_grad()
def binarize_(weights: list[Tensor], rule: WeightRule) -> list[Tensor]:
    """W ← α·sign(W), or its k-bit form.

    Args:
        weights: latent, centred and clamped, (C_out, C_in, …) each.
        rule: its `alpha`, `bits` and `squash`.

    Returns:
        α of each, broadcastable to it; empty where the rule has none, or more than one bit.
    """
    if not rule.is_sign:
        for weight in weights:
            weight.copy_(quantised_weight(weight, rule))
        return []
    scales = _scales(weights, rule)
    for weight in weights:
        weight.lt_(0)  # torch has no comparison of lists
    _signs_from_negative_(weights)
    if scales:
        torch._foreach_mul_(weights, scales)
    return scales


@torch.no_grad()
def rescale_gradients_(
    weights: list[Tensor],
    gradients: list[Tensor],
    rule: WeightRule,
    scales: list[Tensor] | None = None,
) -> None:
    """The gradient of α·sign(W) → the one that W gets.

    Args:
        weights: latent, centred and clamped, (C_out, C_in, …) each.
        gradients: like `weights`; overwritten.
        rule: its `rule`, `alpha`, `centre_factor`, `scale_by_n`, `bits` and `squash`.
        scales: what `binarize_` gave for these weights; None: compute it.
    """
    if not rule.is_sign:
        for weight, gradient in zip(weights, gradients, strict=True):
            gradient.copy_(latent_gradient(weight, gradient, rule))
        return
    if rule.rule == "straight":
        return
    if scales is None and rule.rule != "ste":
        scales = _scales(weights, rule)
    if rule.rule == "paper":
        torch._foreach_mul_(gradients, _paper_coefficients(weights, rule, scales))
        return
    through = _through_scales(weights, gradients, rule) if rule.rule == "chain" else None
    torch._foreach_mul_(gradients, [inside(w) for w in weights])
    if rule.rule == "chain":
        if scales:
            torch._foreach_mul_(gradients, scales)
        if through:
            torch._foreach_add_(gradients, through)
        torch._foreach_mul_(gradients, _factors(weights, rule))


def _scales(weights: list[Tensor], rule: WeightRule) -> list[Tensor]:
    """α of each; nothing where it is 1."""
    if rule.alpha == "none":
        return []
    return [mean_over(w.abs(), alpha_axes(w, rule.alpha)) for w in weights]


def _factors(weights: list[Tensor], rule: WeightRule) -> list[float]:
    return [gradient_factor(w, rule.centre_factor, rule.scale_by_n) for w in weights]


def _paper_coefficients(
    weights: list[Tensor], rule: WeightRule, scales: list[Tensor] | None
) -> list[Tensor]:
    """(1/n + α·1[|W| < 1]) times the factors, like the weights."""
    below_one = [w.abs().lt_(1) for w in weights]
    if scales:
        torch._foreach_mul_(below_one, scales)
    torch._foreach_add_(below_one, [1 / filter_size(w) for w in weights])
    torch._foreach_mul_(below_one, _factors(weights, rule))
    return below_one


def _through_scales(
    weights: list[Tensor], gradients: list[Tensor], rule: WeightRule
) -> list[Tensor]:
    """sign(W)·mean(sign(W)·g), what flows back through α; nothing where α is 1."""
    if rule.alpha == "none":
        return []
    signs = [torch.lt(w, 0, out=torch.empty_like(w)) for w in weights]
    _signs_from_negative_(signs)
    products = torch._foreach_mul(signs, gradients)
    means = [mean_over(p, alpha_axes(p, rule.alpha)) for p in products]
    torch._foreach_mul_(signs, means)
    return signs


def _signs_from_negative_(masks: list[Tensor]) -> None:
    """1 ← −1 and 0 ← +1: sign(W) of the mask W < 0, so that 0, −0.0 and NaN are +1."""
    torch._foreach_mul_(masks, -2)
    torch._foreach_add_(masks, 1)
