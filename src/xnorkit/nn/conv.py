"""BinaryConv1d, BinaryConv2d: torch's convolutions with ±1 weights and inputs."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from xnorkit.binarize.binop import WeightRule
from xnorkit.binarize.kbit import Range
from xnorkit.binarize.quant_mode import QuantMode, largest_magnitude
from xnorkit.binarize.scale import input_scale as scale_map
from xnorkit.nn.binary_layer import BinaryLayer, default_rule
from xnorkit.nn.layer_options import InputScale

PADDING_VALUES = (0, 1, -1)
Size = int | tuple[int, ...]  # one number, or one an axis


class _BinaryConv(BinaryLayer):
    """What the convolutions share: their arguments, the border, and K."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    padding_mode: Any
    padding_value: int
    _reversed_padding_repeated_twice: list[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: Any = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        input_sign: str | None = "ste_clip",
        weight_rule: WeightRule | None = None,
        padding_value: int = 0,
        input_scale: InputScale = "none",
        input_quant_mode: QuantMode = "det",
        input_bits: int = 1,
        input_range: Range = "signed",
        binary_gradient: bool = False,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip
        self._init_binary(
            input_sign, default_rule(weight_rule), input_scale, input_quant_mode, input_bits,
            input_range, binary_gradient, input_dropout,
        )  # fmt: skip
        self._init_border(padding_value)

    def _init_border(self, padding_value: int) -> None:
        if padding_value not in PADDING_VALUES:
            raise ValueError(
                f"padding_value={padding_value}: a packed border can be 0, 1 or -1. "
                "Set padding_value to one of them."
            )
        if padding_value != 0 and self.padding_mode != "zeros":
            raise ValueError(
                f"padding_value={padding_value} with padding_mode={self.padding_mode!r}: the "
                "border comes from one of the two. Use padding_mode='zeros' or padding_value=0."
            )
        if padding_value < 0 and self.input_range == "unit":
            raise ValueError(
                f"padding_value={padding_value} with input_range='unit': its values are in [0, 1]. "
                "Set padding_value to 0 or 1."
            )
        if padding_value != 0 and self.input_scale == "max":
            raise ValueError(
                f"padding_value={padding_value} with input_scale='max': beside ±max|x| a border of "
                "±1 has no meaning. Use padding_value=0."
            )
        self.padding_value = padding_value

    def linear_map(self, x: Tensor, weight: Tensor, bias: Tensor | None, one: int = 1) -> Tensor:
        """x (N, C_in, …) or (C_in, …) → (N, C_out, …) or (C_out, …)."""
        convolve: Any = F.conv1d if weight.dim() == 3 else F.conv2d
        padding: Any = self.padding
        if self.padding_mode != "zeros" or self.padding_value != 0:
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            value = one * self.padding_value if mode == "constant" else None
            x = F.pad(x, self._reversed_padding_repeated_twice, mode, value)
            padding = 0
        result: Tensor = convolve(x, weight, bias, self.stride, padding, self.dilation, self.groups)
        return result

    def scale_of_input(self, x: Tensor) -> Tensor:
        """K of `map`: (N, 1, …); of `tensor`: one number a sample; of `batch`, `max`: one."""
        if self.input_scale == "max":
            return largest_magnitude(x)
        if self.input_scale == "batch":
            return x.abs().mean()
        batched = x if x.dim() == len(self.kernel_size) + 2 else x.unsqueeze(0)
        if self.input_scale == "tensor":
            axes = tuple(range(1, batched.dim()))
            scale = batched.abs().mean(axes, keepdim=True)
        else:
            scale = self._scale_map(batched)
        return scale if batched is x else scale.squeeze(0)

    def _scale_map(self, x: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            x = F.pad(x, self._reversed_padding_repeated_twice, self.padding_mode)
            padding = 0
        return scale_map(x, self.kernel_size, self.stride, padding, self.dilation)

    def extra_repr(self) -> str:
        """As torch's, with the border's value where it is not 0."""
        border = "" if self.padding_value == 0 else f", padding_value={self.padding_value}"
        return super().extra_repr() + border


class BinaryConv1d(_BinaryConv, nn.Conv1d):
    """y = α·(sign(x) ⊛ sign(W))·K + bias; parameters and state_dict keys of `nn.Conv1d`.

    Args:
        in_channels: as torch's; so are the arguments up to `dtype`.
        out_channels: number of filters.
        kernel_size: taps.
        stride: step.
        padding: width of the border, `same` or `valid`.
        dilation: distance of the taps.
        groups: blocks of channels that don't mix.
        bias: add a float bias.
        padding_mode: `zeros` (then `padding_value` says the value), `reflect`, `replicate`,
            `circular`.
        device: of the parameters.
        dtype: of the parameters, floating point.
        input_sign: estimator of the input's sign, or None for a real input (BWN).
        weight_rule: how latent weights become binary; None is XNOR-Net's.
        padding_value: of the border: 0 (its taps vanish), 1 or −1 (faster).
        input_scale: `none`; `map`: K, one number a pixel; `tensor`: one a sample; `batch`: one for
            the batch, as some first programs have it; `max`: max|x| of the batch (BinaryNet's
            `allow_scale`), in training the values that the filters see.
        input_quant_mode: `det`; `stochastic`: in training an input is +1 with probability
            clip((x + 1)/2, 0, 1), or x over the scale `max`.
        input_bits: 1: the input's sign; 2 … 8: q_k of it.
        input_range: `signed`: the input becomes values in [−1, 1]; `unit`: in [0, 1] (DoReFa), with
            one bit 1 where x > ½.
        binary_gradient: in training the gradient g that reaches the convolution is replaced by
            max|g|·sign(g) where it is convolved with the weights, for the layer before.
        input_dropout: share of the binarised inputs that training sets to 0.

    Raises:
        ValueError: an unknown option, or one that can't be combined.
    """


class BinaryConv2d(_BinaryConv, nn.Conv2d):
    """y = α·(sign(x) ⊛ sign(W))·K + bias; parameters and state_dict keys of `nn.Conv2d`.

    Arguments and errors as `BinaryConv1d`, sizes as an int or a pair.
    """
