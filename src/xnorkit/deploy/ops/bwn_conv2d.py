"""Convolution of real input with ±1 weights (BWN)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from xnorkit.binarize.binop import latent_signs
from xnorkit.deploy.channelwise import ChannelBias, ChannelScale
from xnorkit.deploy.ops.layer import convolved, kernel_of, pack_filters
from xnorkit.deploy.ops.op import Convolution, Specs, Value
from xnorkit.deploy.unsupported import Unsupported

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Stream


@dataclass(frozen=True)
class BwnConv2d(Convolution):
    """Real map → sums of ±x, or their signs; α and bias are a Pointwise's or the thresholds'."""

    kind: ClassVar[str] = "bwn_conv2d"

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """Weight, 1 bit each; for bits out threshold and flip."""
        return {"weight": self.packed_weight(values), **self.thresholds(values)}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """BwnConv2d<in, out_c, window, groups, out>."""
        return f"BwnConv2d<{self.arguments(values)}, {self.end(values)}>"


def lower(builder: "Builder", stream: "Stream", layer: Any, path: str) -> "Stream":
    """A binary layer with a real input."""
    if getattr(layer, "padding_value", 0) != 0:
        raise Unsupported(
            path, f"padding_value={layer.padding_value} with a real input; 0 is supported."
        )
    if layer.weight_rule.bits > 1:
        raise Unsupported(
            path, f"weights of {layer.weight_rule.bits} bits with a real input; 1 bit is supported."
        )
    kernel = kernel_of(stream, layer, path)

    def numbers() -> dict[str, Tensor]:
        signs, _ = latent_signs(layer.weight, layer.weight_rule)
        return {"weight": pack_filters(kernel.filters(signs))}

    out = convolved(builder, stream, BwnConv2d, kernel, path, numbers)
    _, alpha = latent_signs(layer.weight, layer.weight_rule)
    out = out.then(path, ChannelScale(alpha.flatten().expand(kernel.out_channels)))
    return out if layer.bias is None else out.then(path, ChannelBias(layer.bias))
