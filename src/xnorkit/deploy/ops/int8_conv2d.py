"""Convolution of an input quantised to 8 bits with int8 weights, summed in int32: exact."""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from xnorkit.deploy.channelwise import ChannelBias, ChannelScale
from xnorkit.deploy.ops.layer import convolved, kernel_of
from xnorkit.deploy.ops.op import Convolution, Specs, Value

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Stream


@dataclass(frozen=True)
class Int8Conv2d(Convolution):
    """Real map → int32 sums as floats, or their signs; the scales are a Pointwise's or in these."""

    kind: ClassVar[str] = "int8_conv2d"

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """Weight (C_out, kh, kw, C_in/groups), input's step (1); for bits threshold and flip."""
        shape = (self.out_channels, *self.filter_shape(values))
        return {"weight": ("int8", shape), "step": ("float32", (1,)), **self.thresholds(values)}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """Int8Conv2d<in, out_c, window, groups, out>."""
        return f"Int8Conv2d<{self.arguments(values)}, {self.end(values)}>"


def lower(builder: "Builder", stream: "Stream", layer: Any, path: str) -> "Stream":
    """Int8Conv1d, Int8Conv2d, Int8Linear of xnorkit.nn."""
    kernel = kernel_of(stream, layer, path)
    step = torch.tensor([float(layer.input_step())], dtype=torch.float32)

    def numbers() -> dict[str, Tensor]:
        weight, _ = layer.quantised_weight()
        return {"weight": kernel.filters(weight).to(torch.int8), "step": step}

    largest = 127 * 127 * prod(layer.weight.shape[1:])
    out = convolved(builder, stream, Int8Conv2d, kernel, path, numbers, largest)
    _, steps = layer.quantised_weight()
    out = out.then(path, ChannelScale(step * steps.detach().flatten().float()))
    return out if layer.bias is None else out.then(path, ChannelBias(layer.bias))
