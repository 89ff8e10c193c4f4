"""Convolution of ±1 input with ±1 weights: XNOR and popcount."""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from xnorkit.binarize.binop import latent_codes, latent_signs
from xnorkit.deploy import fold
from xnorkit.deploy.channelwise import ChannelBias, ChannelScale
from xnorkit.deploy.ops.input_scale import scaled_by_input
from xnorkit.deploy.ops.layer import Kernel, kernel_of, pack_filters
from xnorkit.deploy.ops.op import Convolution, Specs, Value
from xnorkit.deploy.ops.quantise import BelowLevel

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Stream


@dataclass(frozen=True)
class BinaryConv2d(Convolution):
    """Bits → bits by a threshold of each channel, or → the integer sums as a real map.

    Attributes:
        padding_value: of the border: 0 (its taps vanish), 1 or −1.
    """

    padding_value: int

    kind: ClassVar[str] = "binary_conv2d"
    takes = (("bits",),)
    sums = "int32"

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """Weight, 1 bit each; for bits out threshold and flip."""
        return {"weight": self.packed_weight(values), **self.thresholds(values)}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """BinaryConv2d<in, out_c, window, groups, padding_value, out>."""
        return f"BinaryConv2d<{self.arguments(values)}, {self.padding_value}, {self.end(values)}>"


@dataclass(frozen=True)
class BinaryStep:
    """A binary convolution of the program and the torch layer that it stands for.

    Attributes:
        op: index in the program.
        path: of the layer in the network.
        layer: in evaluation mode.
        call: which of the layer's calls in a forward, from 0.
        kernel: how it stands on its input.
        after: what follows its sums before they become the op's output.
    """

    op: int
    path: str
    layer: nn.Module
    call: int
    kernel: Kernel
    after: nn.Sequential

    @property
    def input_bits(self) -> int:
        """Planes of its input."""
        layer: Any = self.layer
        bits: int = layer.input_bits
        return bits

    def planes(self, x: Tensor) -> Tensor:
        """Bits of the planes of an input's codes, lowest first, True where the sign is −1.

        Args:
            x: what reaches the layer, any shape.

        Returns:
            bool (planes, *x.shape).
        """
        layer: Any = self.layer
        u = layer.input_steps(x).int()
        return torch.stack([(u >> plane) & 1 == 0 for plane in range(self.input_bits)])

    def outputs(self, x: Tensor) -> Tensor:
        """torch's outputs of the op: sums, and what follows them; (N, C, …)."""
        layer: Any = self.layer
        sums: Tensor = layer.code_sums(x)
        if layer.input_range == "unit":
            sums = 2 * sums - layer.per_channel(unit_offset(layer))
        outputs: Tensor = self.after(sums)
        return outputs


@dataclass(frozen=True, eq=False)
class PendingConv:
    """A binary convolution whose output nobody has asked for yet: bits or sums?

    Attributes:
        path: of its layer.
        layer: a BinaryLayer.
        call: which of its calls, from 0.
        kernel: how it stands on its input.
        bits: value of its input's signs.
    """

    path: str
    layer: Any
    call: int
    kernel: Kernel
    bits: int

    def emit_real(self, builder: "Builder") -> int:
        """The sums."""
        out = Value("real", self.kernel.output_map)
        index = self._emit(builder, out, self._weight, [])
        builder.sums[index] = self._largest
        return index

    def emit_bits(self, builder: "Builder", after: list[nn.Module]) -> int:
        """The signs of what the modules make of the sums."""

        def numbers() -> dict[str, Tensor]:
            found = fold.integer_thresholds(
                nn.Sequential(*after),
                self.kernel.out_channels,
                -self._largest,
                self._largest,
                self.kernel.dims,
                self.path,
            )
            return {**self._weight(), "threshold": found.threshold, "flip": found.flip}

        return self._emit(builder, Value("bits", self.kernel.output_map), numbers, after)

    @property
    def _largest(self) -> int:
        """Of the sums; each integer below it can be one, as zero padding leaves taps out."""
        return prod(self.layer.weight.shape[1:])

    def _weight(self) -> dict[str, Tensor]:
        signs, _ = latent_signs(self.layer.weight, self.layer.weight_rule)
        return {"weight": pack_filters(self.kernel.filters(signs))}

    def _emit(self, builder: "Builder", out: Value, numbers: Any, after: list[nn.Module]) -> int:
        place, chain = len(builder.ops), nn.Sequential(*after)
        builder.binary.append(
            BinaryStep(place, self.path, self.layer, self.call, self.kernel, chain)
        )
        return builder.emit(
            BinaryConv2d,
            self.path,
            [self.bits],
            out,
            numbers,
            padding_value=engine_padding(self.layer),
            **self.kernel.arguments,
        )


def lower(builder: "Builder", stream: "Stream", layer: Any, path: str) -> "Stream":
    """BinaryConv1d, BinaryConv2d, BinaryLinear with a binary input."""
    if layer.input_scale != "none":
        stream = builder.settled(stream)  # K needs the real values, too
    kernel = kernel_of(stream, layer, path)
    call = builder.calls[layer]
    builder.calls[layer] += 1
    signs = stream if layer.input_range == "signed" else stream.then(path, BelowLevel(layer, 1))
    pending = PendingConv(path, layer, call, kernel, builder.as_bits(signs, path))
    out = stream.at(pending, kernel.output_map, kernel.dims)
    return scaled(builder, stream, out, layer, kernel, path)


def scaled(
    builder: "Builder", before: "Stream", sums: "Stream", layer: Any, kernel: Kernel, path: str
) -> "Stream":
    """What a binary layer makes of its op's sums: α or the scale of a product, K, bias."""
    scale = layer.sum_scale().detach().float()
    out = sums
    if layer.input_range == "unit":
        out = out.then(path, ChannelBias(unit_offset(layer)))
        scale = scale / 2  # exact, so it may go before torch's rounding
    out = out.then(path, ChannelScale(scale.flatten().expand(kernel.out_channels)))
    if layer.input_scale != "none":
        out = scaled_by_input(builder, before, out, layer, kernel, path)
    return out if layer.bias is None else out.then(path, ChannelBias(layer.bias))


def unit_offset(layer: Any) -> Tensor:
    """(C_out,): twice a sum of codes 0 … M is that of odd codes and this, M·Σ weight codes."""
    codes, _ = latent_codes(layer.weight, layer.weight_rule)
    offset: Tensor = layer.input_levels * codes.detach().float().flatten(1).sum(1)
    return offset


def engine_padding(layer: Any) -> int:
    """The border as the op has it; for inputs of 0 … M it is the lowest or the highest odd code."""
    value: int = getattr(layer, "padding_value", 0)
    bordered = layer.input_range == "unit" and isinstance(layer, nn.modules.conv._ConvNd)
    return 2 * value - 1 if bordered else value
