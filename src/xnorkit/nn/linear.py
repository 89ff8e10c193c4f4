"""BinaryLinear: torch's Linear with ±1 weights and inputs."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from xnorkit.binarize.binop import WeightRule
from xnorkit.binarize.kbit import Range
from xnorkit.binarize.quant_mode import QuantMode, largest_magnitude
from xnorkit.nn.binary_layer import BinaryLayer, default_rule
from xnorkit.nn.layer_options import InputScale


class BinaryLinear(BinaryLayer, nn.Linear):
    """y = α·(sign(x)·sign(W)ᵀ)·K + bias; same parameters and state_dict keys as `nn.Linear`.

    Args:
        in_features: K, the length of the dot product.
        out_features: number of filters.
        bias: add a float bias.
        device: of the parameters.
        dtype: of the parameters, floating point.
        input_sign: estimator of the input's sign, or None for a real input (BWN).
        weight_rule: how latent weights become binary; None is XNOR-Net's.
        input_scale: `none`; `map` and `tensor` are the same here: one mean of |x| a row; `batch`:
            one for the batch, as some first programs have it; `max`: as of `BinaryConv1d`.
        input_quant_mode: as of `BinaryConv1d`; so are those below.
        input_bits: see there.
        input_range: `signed` or `unit`.
        binary_gradient: as there, the product's.
        input_dropout: see there.

    Raises:
        ValueError: an unknown option, or one that can't be combined.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        input_sign: str | None = "ste_clip",
        weight_rule: WeightRule | None = None,
        input_scale: InputScale = "none",
        input_quant_mode: QuantMode = "det",
        input_bits: int = 1,
        input_range: Range = "signed",
        binary_gradient: bool = False,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__(in_features, out_features, bias, device, dtype)
        self._init_binary(
            input_sign, default_rule(weight_rule), input_scale, input_quant_mode, input_bits,
            input_range, binary_gradient, input_dropout,
        )  # fmt: skip

    def linear_map(self, x: Tensor, weight: Tensor, bias: Tensor | None, one: int = 1) -> Tensor:
        """x (…, in_features) → (…, out_features)."""
        return F.linear(x, weight, bias)

    def scale_of_input(self, x: Tensor) -> Tensor:
        """Mean of |x| over features, (…, 1); of `batch`, `max`: over all, one number."""
        if self.input_scale == "max":
            return largest_magnitude(x)
        if self.input_scale == "batch":
            return x.abs().mean()
        return x.abs().mean(-1, keepdim=True)
