"""Tensors → ±1, scales and gradients: pure functions, no module, no configuration."""

from xnorkit.binarize.binop import (
    BINARYNET_RULE,
    XNOR_RULE,
    WeightRule,
    binarize_weight,
    centre_and_clamp,
    rescale_gradient,
)
from xnorkit.binarize.gradient import binary_gradient
from xnorkit.binarize.kbit import quantize_k, quantize_unit
from xnorkit.binarize.quant_mode import quantize_sign
from xnorkit.binarize.scale import input_scale
from xnorkit.binarize.sign import heaviside
from xnorkit.binarize.ste import (
    ESTIMATORS,
    sign,
    ste_approx,
    ste_clamp_grad,
    ste_clip,
    ste_identity,
    ste_swish,
)
from xnorkit.binarize.stochastic import stochastic_heaviside, stochastic_sign

__all__ = [
    "BINARYNET_RULE",
    "ESTIMATORS",
    "XNOR_RULE",
    "WeightRule",
    "binarize_weight",
    "binary_gradient",
    "centre_and_clamp",
    "heaviside",
    "input_scale",
    "quantize_k",
    "quantize_sign",
    "quantize_unit",
    "rescale_gradient",
    "sign",
    "ste_approx",
    "ste_clamp_grad",
    "ste_clip",
    "ste_identity",
    "ste_swish",
    "stochastic_heaviside",
    "stochastic_sign",
]
