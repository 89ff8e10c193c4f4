"""Binary layers whose weights are bits, for plain PyTorch: what a layer computes in evaluation.

They are the layers that they were made of, in another class: hooks, geometry, bias and K stay, the
latent weight is gone. `pack_` makes them.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from xnorkit.binarize.binop import latent_codes
from xnorkit.nn.binary_layer import BinaryLayer, autocasts
from xnorkit.nn.conv import BinaryConv1d, BinaryConv2d
from xnorkit.nn.linear import BinaryLinear
from xnorkit.ops.convolution import xnor_conv2d
from xnorkit.ops.kernels import OpError
from xnorkit.ops.matmul import xnor_linear
from xnorkit.ops.signs import pack_bits, unpack_bits


class PackedLayer(BinaryLayer):
    """Mixin over a binary layer with ±1 weights; it computes evaluation's form, in training too.

    Attributes:
        weight: buffer, uint8 (C_out, bytes): `pack_bits` of each filter's (taps, channels).
        alpha: buffer, (C_out, 1, …) or (1, 1, …): the factor of a sum, in the dtype of the output.
    """

    alpha: Tensor

    def pack_weight_(self) -> None:
        """Bits for the latent weight; called once, by `pack_`."""
        codes, _ = latent_codes(self.weight.detach(), self.weight_rule)
        alpha = self.sum_scale().detach()
        del self.weight
        self.register_buffer("weight", pack_bits(_taps_first(codes)))
        self.register_buffer("alpha", alpha.clone())
        if self.bias is not None:
            self.bias.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """α·(sign(x) ⊛ signs)·K + bias, equal to the layer's evaluation to the last bit.

        Args:
            x: what the layer takes, on the CPU.
        """
        if not autocasts(x.device.type):
            return self._packed_map(x).to(self.alpha.dtype)
        with torch.autocast(x.device.type, enabled=False):
            return self._packed_map(x)

    def per_channel(self, values: Tensor) -> Tensor:
        """One number a channel → broadcastable to the output."""
        return values.reshape(-1, *(1,) * (self.alpha.dim() - 2))

    def sum_scale(self) -> Tensor:
        """α; of the latent weight as long as there is one."""
        return self.alpha if hasattr(self, "alpha") else super().sum_scale()

    def code_sums(self, x: Tensor) -> Tensor:
        """Sums of products of signs, or of the real input with signs (BWN)."""
        if self.input_sign is None:
            return self.linear_map(x, self.signs().to(x.dtype), None)
        return self.packed_map(x, None, None).to(x.dtype)

    def _packed_map(self, x: Tensor) -> Tensor:
        dtype = torch.promote_types(self.alpha.dtype, torch.float32)
        plain = self.input_sign is not None and self.input_scale == "none"
        if plain and dtype == torch.float32:  # in one pass, with the same two roundings
            bias = None if self.bias is None else self.bias.to(dtype)
            return self.packed_map(x.to(dtype), self.alpha.flatten().to(dtype), bias)
        return self._exact_map(x)

    def _exact_map(self, x: Tensor) -> Tensor:
        dtype = torch.promote_types(self.alpha.dtype, torch.float32)
        y = self.code_sums(x.to(dtype)) * self.per_channel(self.alpha).to(dtype)
        if self.input_scale != "none":
            y = y * self.scale_of_input(x.to(dtype))
        return y if self.bias is None else y + self.per_channel(self.bias).to(dtype)

    def packed_map(self, x: Tensor, scale: Tensor | None, bias: Tensor | None) -> Tensor:
        """The operator of this layer, float32."""
        raise NotImplementedError

    def signs(self) -> Tensor:
        """±1 in the shape that the latent weight had, float32."""
        raise NotImplementedError


class PackedLinear(PackedLayer, BinaryLinear):
    """`BinaryLinear` with packed weights; see `PackedLayer`."""

    def packed_map(self, x: Tensor, scale: Tensor | None, bias: Tensor | None) -> Tensor:
        """x (…, in_features) → (…, out_features)."""
        _require_size("features", x, -1, self.in_features)
        return xnor_linear(x, self.weight, scale, bias)

    def signs(self) -> Tensor:
        """(out_features, in_features)."""
        return unpack_bits(self.weight, self.in_features)


class _PackedConv(PackedLayer):
    in_channels: int
    kernel_size: Any
    stride: Any
    dilation: Any
    groups: int
    padding_mode: Any
    padding_value: int
    _reversed_padding_repeated_twice: list[int]

    def signs(self) -> Tensor:
        """(C_out, C_in/groups, …)."""
        shape = (*self.kernel_size, self.in_channels // self.groups)
        signs = unpack_bits(self.weight, torch.Size(shape).numel()).reshape(-1, *shape)
        return signs.movedim(-1, 1).contiguous()

    def _bordered(self, x: Tensor) -> tuple[Tensor, list[int]]:
        """x, and what of the border the operator shall add: left, right[, top, bottom]."""
        _require_size("channels", x, -1 - len(self.kernel_size), self.in_channels)
        borders = self._reversed_padding_repeated_twice
        if self.padding_mode == "zeros":
            return x, borders
        return F.pad(x, borders, self.padding_mode), [0] * len(borders)


class PackedConv1d(_PackedConv, BinaryConv1d):
    """`BinaryConv1d` with packed weights; see `PackedLayer`."""

    def packed_map(self, x: Tensor, scale: Tensor | None, bias: Tensor | None) -> Tensor:
        """x (N, C_in, L) or (C_in, L), as a map of one row."""
        x, (left, right) = self._bordered(x)
        y = xnor_conv2d(
            x.unsqueeze(-2), self.weight, (1, *self.kernel_size), scale, bias, (1, *self.stride),
            (0, 0, left, right), (1, *self.dilation), self.groups,
            padding_value=self.padding_value,
        )  # fmt: skip
        return y.squeeze(-2)


class PackedConv2d(_PackedConv, BinaryConv2d):
    """`BinaryConv2d` with packed weights; see `PackedLayer`."""

    def packed_map(self, x: Tensor, scale: Tensor | None, bias: Tensor | None) -> Tensor:
        """x (N, C_in, H, W) or (C_in, H, W)."""
        x, (left, right, top, bottom) = self._bordered(x)
        return xnor_conv2d(
            x, self.weight, self.kernel_size, scale, bias, self.stride,
            (top, bottom, left, right), self.dilation, self.groups,
            padding_value=self.padding_value,
        )  # fmt: skip


PACKED: dict[type, type[PackedLayer]] = {
    BinaryConv1d: PackedConv1d,
    BinaryConv2d: PackedConv2d,
    BinaryLinear: PackedLinear,
}


def _require_size(what: str, x: Tensor, axis: int, size: int) -> None:
    """Refuse an input whose bits would take as many bytes, but which is another layer's."""
    if x.dim() < -axis or x.shape[axis] != size:
        raise OpError(f"x of shape {tuple(x.shape)}: this layer takes {size} {what}. Give as many.")


def _taps_first(weight: Tensor) -> Tensor:
    """(C_out, C_in, …) → (C_out, taps·C_in), as `model.xnor` has it."""
    return weight.movedim(1, -1).flatten(1)
