"""Convolution of real input with float32 weights; its bias is a Pointwise's."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from xnorkit.deploy.channelwise import ChannelBias
from xnorkit.deploy.ops.layer import convolved, kernel_of
from xnorkit.deploy.ops.op import Convolution, Specs, Value

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Stream


@dataclass(frozen=True)
class FloatConv2d(Convolution):
    """Real map → the sums alone, or their signs by a threshold of each channel."""

    kind: ClassVar[str] = "float_conv2d"

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """Weight (C_out, kh, kw, C_in/groups); for bits out threshold and flip."""
        shape = (self.out_channels, *self.filter_shape(values))
        return {"weight": ("float32", shape), **self.thresholds(values)}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """FloatConv2d<in, out_c, window, groups, out>."""
        return f"FloatConv2d<{self.arguments(values)}, {self.end(values)}>"


def lower(builder: "Builder", stream: "Stream", layer: Any, path: str) -> "Stream":
    """torch's Conv1d, Conv2d, Linear."""
    kernel = kernel_of(stream, layer, path)

    def numbers() -> dict[str, Tensor]:
        return {"weight": kernel.filters(layer.weight)}

    out = convolved(builder, stream, FloatConv2d, kernel, path, numbers)
    return out if layer.bias is None else out.then(path, ChannelBias(layer.bias))
