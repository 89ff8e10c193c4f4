"""Convolution of ±1 input with ±1 weights: XNOR and popcount."""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor, nn

from xnorkit.binarize.binop import latent_signs
from xnorkit.deploy import fold
from xnorkit.deploy.channelwise import ChannelBias, ChannelScale
from xnorkit.deploy.ops.input_scale import scaled_by_input
from xnorkit.deploy.ops.layer import Kernel, kernel_of, pack_filters
from xnorkit.deploy.ops.op import Convolution, Specs, Value

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
            padding_value=getattr(self.layer, "padding_value", 0),
            **self.kernel.arguments,
        )


def lower(builder: "Builder", stream: "Stream", layer: Any, path: str) -> "Stream":
    """BinaryConv1d, BinaryConv2d, BinaryLinear with a binary input."""
    if layer.input_scale != "none":
        stream = builder.settled(stream)  # K needs the real values, too
    kernel = kernel_of(stream, layer, path)
    _, alpha = latent_signs(layer.weight, layer.weight_rule)
    call = builder.calls[layer]
    builder.calls[layer] += 1
    pending = PendingConv(path, layer, call, kernel, builder.as_bits(stream, path))
    out = stream.at(pending, kernel.output_map, kernel.dims)
    out = out.then(path, ChannelScale(alpha.flatten().expand(kernel.out_channels)))
    if layer.input_scale != "none":
        out = scaled_by_input(builder, stream, out, layer, kernel, path)
    return out if layer.bias is None else out.then(path, ChannelBias(layer.bias))
