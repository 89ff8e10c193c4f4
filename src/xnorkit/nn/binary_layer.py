"""What all binary layers share: when to binarise, and the exact form of evaluation.

A binary layer is a torch layer whose forward binarises its latent weight. Three forms:

| when | computes |
| --- | --- |
| training | linear map of sign(x) with α·sign(W), in the graph, by the layer's `WeightRule` |
| training under `BinOp` | linear map of sign(x) with the weight as it stands, α·sign(W) |
| evaluation | round(linear map of sign(x) with sign(W)) · α: integers, exact on every backend |

With more bits than one, codes (`binarize/kbit.py`) stand for the signs, and the scale of a product
of two codes for α.
"""

from abc import abstractmethod
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xnorkit.binarize.binop import XNOR_RULE, WeightRule, binary_weight, latent_codes
from xnorkit.binarize.gradient import with_binary_input_gradient
from xnorkit.binarize.kbit import Range, level_codes, quantize_k, quantize_unit
from xnorkit.binarize.quant_mode import QuantMode, quantize_sign
from xnorkit.binarize.rounding import round_ste
from xnorkit.binarize.ste import ESTIMATORS
from xnorkit.nn.layer_options import (
    MAX_EXACT,
    InputScale,
    check_draws_and_drops,
    check_input,
    check_weight,
)


class BinaryLayer(nn.Module):
    """Mixin over a torch layer; subclasses give the linear map.

    Attributes:
        weight_rule: how the latent weight becomes binary.
        input_sign: name of the estimator that binarises the input, or None: the input stays real
            (BWN).
        input_scale: `none`; `map`: XNOR-Net's K; `tensor`: one mean of |x| a sample; `batch`: one
            of the whole batch; `max`: BinaryNet's max|x| of the whole batch, straight through.
        input_quant_mode: `det`; `stochastic`: in training the input's signs are drawn.
        input_bits: of an input; 1 is its sign.
        input_range: `signed`: inputs become values in [−1, 1]; `unit`: in [0, 1] (DoReFa).
        binary_gradient: whether the gradient is binarised on its way back to the input.
        input_dropout: share of the binarised inputs that training sets to 0, the others growing by
            as much: a dropout in front of the layer would leave sign(0) = +1.
        holds_binary_weight: True while `BinOp` keeps α·sign(W) in `weight`.
    """

    weight: Tensor
    bias: Any  # Tensor or None; torch's own classes disagree on the annotation
    weight_rule: WeightRule
    input_sign: str | None
    input_scale: InputScale
    input_quant_mode: QuantMode
    input_bits: int
    input_range: Range
    binary_gradient: bool
    input_dropout: float
    holds_binary_weight: bool

    def _init_binary(
        self,
        input_sign: str | None,
        weight_rule: WeightRule,
        input_scale: InputScale,
        input_quant_mode: QuantMode,
        input_bits: int,
        input_range: Range,
        binary_gradient: bool,
        input_dropout: float,
    ) -> None:
        check_input(input_sign, input_scale, input_bits, input_range)
        check_draws_and_drops(input_quant_mode, input_dropout, input_sign, input_bits, input_range)
        check_weight(self.weight, weight_rule, input_sign)
        self.weight_rule = weight_rule
        self.input_sign = input_sign
        self.input_scale = input_scale
        self.input_quant_mode = input_quant_mode
        self.input_bits = input_bits
        self.input_range = input_range
        self.binary_gradient = binary_gradient
        self.input_dropout = input_dropout
        self.holds_binary_weight = False

    @abstractmethod
    def linear_map(self, x: Tensor, weight: Tensor, bias: Tensor | None, one: int = 1) -> Tensor:
        """The torch layer's own operation with the weight given; `one`: what 1 is in units of x."""

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
            What the torch layer gives: α·(sign(x) ⊛ sign(W))·K + bias, or its k-bit form.
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

    @property
    def input_levels(self) -> int:
        """M = 2^k − 1: the code of an input of 1; 1 for real ones."""
        return 1 if self.input_sign is None else (1 << self.input_bits) - 1

    def input_codes(self, x: Tensor) -> Tensor:
        """The whole numbers that the layer takes for its input: M times the values; ±1 for signs.

        Args:
            x: any shape, floating point; left as it is where `input_sign` is None.
        """
        if self.input_sign is None:
            return x
        if self._takes_signs:
            return ESTIMATORS[self.input_sign](x)
        return level_codes(x, self.input_bits, self.input_range)

    def input_steps(self, x: Tensor) -> Tensor:
        """u = 0 … M of each input: how many of the values are below the one it becomes."""
        codes = self.input_codes(x)
        return codes if self.input_range == "unit" else (codes + self.input_levels) / 2

    def sum_scale(self) -> Tensor:
        """What the evaluation's sums of products of codes are multiplied by: α for signs.

        Returns:
            (C_out, 1, …), or (1, 1, …) where the rule has one α, in the weight's dtype.
        """
        return self._scale_of_sum(latent_codes(self.weight, self.weight_rule)[1])

    def _scale_of_sum(self, of_code: Tensor) -> Tensor:
        return of_code if self.input_levels == 1 else of_code / self.input_levels

    @property
    def _takes_signs(self) -> bool:
        return self.input_bits == 1 and self.input_range == "signed"

    def _values(self, x: Tensor) -> Tensor:
        if self.input_sign is None:
            return x
        if self._takes_signs:
            drawn = self.input_quant_mode if self.training else "det"
            return quantize_sign(x, drawn, self.input_scale == "max", self.input_sign)
        quantise = quantize_unit if self.input_range == "unit" else quantize_k
        return quantise(x, self.input_bits)

    def _float_map(self, x: Tensor, weight: Tensor) -> Tensor:
        scaled_before = self.input_scale in ("none", "max")  # max: by the values themselves
        values = F.dropout(self._values(x), self.input_dropout, self.training)
        if scaled_before and not self.binary_gradient:
            return self.linear_map(values, weight, self.bias)
        if self.binary_gradient:
            y = with_binary_input_gradient(lambda v, w: self.linear_map(v, w, None), values, weight)
        else:
            y = self.linear_map(values, weight, None)
        if not scaled_before:
            y = y * self.scale_of_input(x)
        return y if self.bias is None else y + self.per_channel(self.bias).to(y.dtype)

    def _exact_map(self, x: Tensor) -> Tensor:
        dtype = torch.promote_types(self.weight.dtype, torch.float32)
        codes, of_code = latent_codes(self.weight, self.weight_rule)
        scale = self.per_channel(self._scale_of_sum(of_code))
        y = self._sums_with(codes, x.to(dtype)) * scale.to(dtype)
        if self.input_scale != "none":
            y = y * self.scale_of_input(x.to(dtype))
        return y if self.bias is None else y + self.per_channel(self.bias).to(dtype)

    def code_sums(self, x: Tensor) -> Tensor:
        """Sums of products of codes: whole numbers, where the input is not real.

        Args:
            x: as of `forward`, float32 or float64.
        """
        return self._sums_with(latent_codes(self.weight, self.weight_rule)[0], x)

    def _sums_with(self, codes: Tensor, x: Tensor) -> Tensor:
        if self.input_sign is None:
            return self.linear_map(x, codes.to(x.dtype), None)
        wide = torch.float64 if self.largest_sum >= MAX_EXACT else x.dtype
        inputs, codes = self.input_codes(x).to(wide), codes.to(wide)
        if self.input_levels == 1:
            y = self.linear_map(inputs, codes, None)
        else:
            y = self.linear_map(inputs, codes, None, self.input_levels)
        # Winograd and FFT backends are up to 3e-5 off the integer that the sum is.
        return round_ste(y).to(x.dtype)

    @property
    def largest_sum(self) -> int:
        """The largest magnitude of a sum of products of codes."""
        levels = self.input_levels * ((1 << self.weight_rule.bits) - 1)
        return prod(self.weight.shape[1:]) * levels

    def extra_repr(self) -> str:
        """The torch layer's arguments, then those of binarisation."""
        own = f"input_sign={self.input_sign}, {self.weight_rule}"
        others = {
            "input_bits": (self.input_bits, 1),
            "input_range": (self.input_range, "signed"),
            "binary_gradient": (self.binary_gradient, False),
            "input_scale": (self.input_scale, "none"),
            "input_quant_mode": (self.input_quant_mode, "det"),
            "input_dropout": (self.input_dropout, 0),
        }
        told = [f", {name}={value}" for name, (value, usual) in others.items() if value != usual]
        return f"{super().extra_repr()}, {own}{''.join(told)}"


def autocasts(device_type: str) -> bool:
    """Whether autocast is on for this kind of device."""
    # Devices that know no autocast (meta) may not even be asked whether it is on.
    known = torch.amp.is_autocast_available(device_type)
    return known and torch.is_autocast_enabled(device_type)


def default_rule(weight_rule: WeightRule | None) -> WeightRule:
    """XNOR-Net's rule where none is given."""
    return XNOR_RULE if weight_rule is None else weight_rule
