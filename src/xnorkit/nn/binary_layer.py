"""What all binary layers share: when to binarise, and the exact form of evaluation.

A binary layer is a torch layer whose forward binarises its latent weight. Three forms:

| when | computes |
| --- | --- |
| training | linear map of sign(x) with α·sign(W), in the graph, by the layer's `WeightRule` |
| training under `BinOp` | linear map of sign(x) with the weight as it stands, α·sign(W) |
| evaluation | round(linear map of sign(x) with sign(W)) · α: integers, exact on every backend |
"""

import warnings
from abc import abstractmethod
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from xnorkit.binarize.binop import (
    XNOR_RULE,
    WeightRule,
    binary_weight,
    has_one_input_channel,
    latent_signs,
)
from xnorkit.binarize.rounding import round_ste
from xnorkit.binarize.ste import ESTIMATORS

InputScale = Literal["none", "map", "tensor"]

MAX_EXACT = 2**24  # beyond it float32 can't hold every integer


class BinaryLayer(nn.Module):
    """Mixin over a torch layer; subclasses give the linear map.

    Attributes:
        weight_rule: how the latent weight becomes binary.
        input_sign: name of the estimator that binarises the input, or None: the input stays real
            (BWN).
        input_scale: `none`; `map`: XNOR-Net's K; `tensor`: one mean of |x| a sample.
        holds_binary_weight: True while `BinOp` keeps α·sign(W) in `weight`.
    """

    weight: Tensor
    bias: Any  # Tensor or None; torch's own classes disagree on the annotation
    weight_rule: WeightRule
    input_sign: str | None
    input_scale: InputScale
    holds_binary_weight: bool

    def _init_binary(
        self, input_sign: str | None, weight_rule: WeightRule, input_scale: InputScale
    ) -> None:
        if input_sign is not None and input_sign not in ESTIMATORS:
            raise ValueError(
                f"input_sign={input_sign!r}: choose one of {', '.join(ESTIMATORS)}, "
                "or None for a real input."
            )
        if not isinstance(weight_rule, WeightRule):
            raise TypeError(
                f"weight_rule={weight_rule!r}: give a xnorkit.binarize.WeightRule, or None for "
                "XNOR-Net's."
            )
        if input_scale not in get_args(InputScale):
            raise ValueError(
                f"input_scale={input_scale!r}: choose one of {', '.join(get_args(InputScale))}."
            )
        if input_scale != "none" and input_sign is None:
            raise ValueError(
                f"input_scale={input_scale!r} with input_sign=None: a real input has no scale to "
                "restore. Use input_scale='none'."
            )
        if input_sign is not None and self.weight.numel():
            terms = self.weight[0].numel()
            if terms >= MAX_EXACT:
                raise ValueError(
                    f"{terms} inputs a filter: sums of {MAX_EXACT} and more terms are not exact in "
                    "float32. Use groups or a smaller kernel."
                )
        if weight_rule.centre and self.weight.numel() and has_one_input_channel(self.weight):
            warnings.warn(
                f"weight of shape {tuple(self.weight.shape)}: with one input channel a filter "
                "centred over channels would be all 0. It is not centred; "
                "WeightRule(centre=False) says so.",
                stacklevel=3,
            )
        self.weight_rule = weight_rule
        self.input_sign = input_sign
        self.input_scale = input_scale
        self.holds_binary_weight = False

    @abstractmethod
    def linear_map(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The torch layer's own operation with the weight given."""

    @abstractmethod
    def scale_of_input(self, x: Tensor) -> Tensor:
        """K, broadcastable to the output, of the real input."""

    def per_channel(self, values: Tensor) -> Tensor:
        """α as (C_out, 1, …) → broadcastable to the output (N, C_out, …)."""
        return values.reshape(-1, *(1,) * (self.weight.dim() - 2))

    def forward(self, x: Tensor) -> Tensor:
        """Binary linear map.

        Args:
            x: what the torch layer takes, real or already ±1.

        Returns:
            What the torch layer gives: α·(sign(x) ⊛ sign(W))·K + bias.
        """
        if self.holds_binary_weight:
            return self._float_map(x, self.weight)
        if self.training:
            return self._float_map(x, binary_weight(self.weight, self.weight_rule))
        if not autocasts(x.device.type):
            return self._exact_map(x).to(self.weight.dtype)
        # Autocast would hold the sums in 16 bits, and bfloat16 counts only to 256.
        with torch.autocast(x.device.type, enabled=False):
            return self._exact_map(x)

    def _signs(self, x: Tensor) -> Tensor:
        return x if self.input_sign is None else ESTIMATORS[self.input_sign](x)

    def _float_map(self, x: Tensor, weight: Tensor) -> Tensor:
        if self.input_scale == "none":
            return self.linear_map(self._signs(x), weight, self.bias)
        y = self.linear_map(self._signs(x), weight, None) * self.scale_of_input(x)
        return y if self.bias is None else y + self.per_channel(self.bias).to(y.dtype)

    def _exact_map(self, x: Tensor) -> Tensor:
        dtype = torch.promote_types(self.weight.dtype, torch.float32)
        weight, alpha = latent_signs(self.weight, self.weight_rule)
        y = self.linear_map(self._signs(x).to(dtype), weight.to(dtype), None)
        if self.input_sign is not None:
            # Winograd and FFT backends are up to 3e-5 off the integer that the sum is.
            y = round_ste(y)
        y = y * self.per_channel(alpha).to(dtype)
        if self.input_scale != "none":
            y = y * self.scale_of_input(x.to(dtype))
        return y if self.bias is None else y + self.per_channel(self.bias).to(dtype)

    def extra_repr(self) -> str:
        """The torch layer's arguments, then those of binarisation."""
        own = f"input_sign={self.input_sign}, {self.weight_rule}"
        scale = "" if self.input_scale == "none" else f", input_scale={self.input_scale}"
        return f"{super().extra_repr()}, {own}{scale}"


def autocasts(device_type: str) -> bool:
    """Whether autocast is on for this kind of device."""
    # Devices that know no autocast (meta) may not even be asked whether it is on.
    known = torch.amp.is_autocast_available(device_type)
    return known and torch.is_autocast_enabled(device_type)


def default_rule(weight_rule: WeightRule | None) -> WeightRule:
    """XNOR-Net's rule where none is given."""
    return XNOR_RULE if weight_rule is None else weight_rule
