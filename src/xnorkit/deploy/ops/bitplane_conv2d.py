"""Convolution of codes of several bits: binary ones of each pair of planes, added by weight.

An odd code of k bits is Σ 2^j·s_j with signs s_j, so the sum over products of two such codes is
Σ 2^(i+j)·(binary convolution of input plane j with weight plane i). Codes u = 0 … M of `unit`
inputs are (M + odd code)/2: their sum is half of M·Σ weights plus that of the odd codes, whose
border is then that of the lowest code, not 0.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from xnorkit.binarize.binop import latent_codes
from xnorkit.deploy.ops.binary_conv2d import BinaryStep, engine_padding, scaled
from xnorkit.deploy.ops.layer import Kernel, kernel_of, pack_filters
from xnorkit.deploy.ops.op import MAX_PLANES, Convolution, Map, Specs, Value, require_planes
from xnorkit.deploy.ops.quantise import planes_of
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn.layer_options import MAX_EXACT

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Stream


@dataclass(frozen=True)
class BitplaneConv2d(Convolution):
    """Bit planes → sums of products of odd codes, as a real map.

    Attributes:
        padding_value: of the border: 0 (its taps vanish), 1 or −1 (in each plane).
        input_bits: planes of the input.
        weight_bits: planes of a weight.
    """

    padding_value: int
    input_bits: int
    weight_bits: int

    kind: ClassVar[str] = "bitplane_conv2d"
    takes = (("bits",),)
    gives = ("real",)

    def __post_init__(self) -> None:
        require_planes(input_bits=self.input_bits, weight_bits=self.weight_bits)

    def input_map(self, values: tuple[Value, ...]) -> Map:
        """Of one plane."""
        whole = super().input_map(values)
        return Map(whole.h // self.input_bits, whole.w, whole.c)

    def fits(self, values: tuple[Value, ...]) -> bool:
        """So, and its planes are of one height."""
        return super().input_map(values).h % self.input_bits == 0 and super().fits(values)

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """Weight, a filter of 1 bit for each plane: of a group plane by plane, lowest first."""
        kind, (filters, size) = self.packed_weight(values)
        return {"weight": (kind, (self.weight_bits * filters, size))}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """BitplaneConv2d<plane, out_c, window, groups, padding_value, input and weight bits>."""
        bits = f"{self.input_bits}, {self.weight_bits}"
        return f"BitplaneConv2d<{self.arguments(values)}, {self.padding_value}, {bits}>"


def lower(builder: "Builder", stream: "Stream", layer: Any, path: str) -> "Stream":
    """BinaryConv1d, BinaryConv2d, BinaryLinear of more bits than one."""
    _require_possible(layer, path)
    if layer.input_scale != "none":
        stream = builder.settled(stream)  # K needs the real values, too
    kernel = kernel_of(stream, layer, path)
    planes = planes_of(builder, stream, layer, path)
    call = builder.calls[layer]
    builder.calls[layer] += 1
    builder.binary.append(BinaryStep(len(builder.ops), path, layer, call, kernel, nn.Sequential()))
    index = builder.emit(
        BitplaneConv2d,
        path,
        [planes],
        Value("real", kernel.output_map),
        lambda: {"weight": pack_filters(plane_filters(layer, kernel))},
        padding_value=engine_padding(layer),
        input_bits=layer.input_bits,
        weight_bits=layer.weight_rule.bits,
        **kernel.arguments,
    )
    builder.sums[index] = layer.largest_sum
    out = stream.at(index, kernel.output_map, kernel.dims)
    return scaled(builder, stream, out, layer, kernel, path)


def _require_possible(layer: Any, path: str) -> None:
    for what, bits in (("weights", layer.weight_rule.bits), ("inputs", layer.input_bits)):
        if bits > MAX_PLANES:
            raise Unsupported(path, f"{what} of {bits} bits; an engine has up to {MAX_PLANES}.")
    if layer.largest_sum >= MAX_EXACT:
        raise Unsupported(
            path, f"sums up to {layer.largest_sum}, of which float32 can't hold each one; fewer "
            "bits or inputs a filter make them smaller."
        )  # fmt: skip


def plane_filters(layer: Any, kernel: Kernel) -> Tensor:
    """Signs of the planes of a layer's weights: (planes·C_out, kh, kw, C_in/groups).

    In each group first all filters of its lowest plane, then those of the next.
    """
    codes, _ = latent_codes(layer.weight, layer.weight_rule)
    bits = layer.weight_rule.bits
    u = (kernel.filters(codes).long() + (1 << bits) - 1) // 2
    groups = u.reshape(kernel.groups, -1, *u.shape[1:])
    planes = [(groups >> plane) & 1 for plane in range(bits)]
    return (2 * torch.cat(planes, 1) - 1).reshape(-1, *u.shape[1:]).float()
