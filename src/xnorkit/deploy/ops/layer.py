"""What the rules of convolutions and linear layers share: the window, and the filters' layout."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from xnorkit.deploy import fold
from xnorkit.deploy.ops.geometry import convolution_window, pair
from xnorkit.deploy.ops.op import Convolution, Kind, Map, Value, Window
from xnorkit.deploy.unsupported import Unsupported

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Numbers, Stream

Rule = Callable[["Builder", "Stream", Any, str], "Stream"]


@dataclass(frozen=True)
class Kernel:
    """How a layer stands on its input.

    Attributes:
        window: of its kernel.
        groups: blocks of channels that don't mix.
        out_channels: filters.
        dims: axes after the channels of its output in torch.
        input_map: what it stands on.
        order: of its input, where that was a map.
    """

    window: Window
    groups: int
    out_channels: int
    dims: int
    input_map: Map
    order: Tensor | None

    @property
    def output_map(self) -> Map:
        """Of its output."""
        return Map(self.window.out_h, self.window.out_w, self.out_channels)

    @property
    def arguments(self) -> dict[str, Any]:
        """Of every `Convolution` op."""
        return {"out_channels": self.out_channels, "groups": self.groups, "window": self.window}

    def filters(self, weight: Tensor) -> Tensor:
        """torch's weight → (C_out, kh, kw, C_in/groups)."""
        weight = weight.detach().float()
        if weight.dim() == 4:
            return weight.permute(0, 2, 3, 1).contiguous()
        if weight.dim() == 3:
            return weight.permute(0, 2, 1).unsqueeze(1).contiguous()
        if self.order is not None:
            return weight[:, self.order][:, None, None]
        h, w, c = self.input_map.h, self.input_map.w, self.input_map.c
        return weight.reshape(-1, c, h, w).permute(0, 2, 3, 1).contiguous()


def kernel_of(stream: "Stream", module: Any, path: str) -> Kernel:
    """The kernel of a convolution or linear layer over a stream.

    Raises:
        Unsupported: a border that is neither zeros nor a constant, or another input than it takes.
    """
    if isinstance(module, nn.Linear):
        return _linear(stream, module, path)
    dims = 1 if isinstance(module, nn.Conv1d) else 2
    if stream.flat or stream.dims != dims:
        takes = "(C, L)" if dims == 1 else "(C, H, W)"
        raise Unsupported(path, f"an input of shape {stream.shape}; it takes {takes}.")
    if module.padding_mode != "zeros":
        raise Unsupported(path, f"padding_mode={module.padding_mode!r}; zeros is supported.")
    left, right, *rows = module._reversed_padding_repeated_twice  # torch knows `same` here only
    top, bottom = rows or (0, 0)
    window = convolution_window(
        stream.map,
        pair(module.kernel_size, 1, dims),
        pair(module.stride, 1, dims),
        pair(module.dilation, 1, dims),
        (top, bottom, left, right),
    )
    return Kernel(window, module.groups, module.out_channels, dims, stream.map, None)


def _linear(stream: "Stream", module: nn.Linear, path: str) -> Kernel:
    if stream.dims != 0 and not stream.flat:
        raise Unsupported(path, "a linear layer over the last axis of a map; flatten it before.")
    window = Window.whole(stream.map)
    return Kernel(window, 1, module.out_features, 0, stream.map, stream.order)


@dataclass(frozen=True, eq=False)
class PendingReal:
    """A convolution of real input whose output nobody has asked for yet: sums or signs?

    Attributes:
        kind: of its op.
        path: of its layer.
        kernel: how it stands on its input.
        numbers: gives its weights.
        value: its input.
        largest: of its sums, where they are integers.
    """

    kind: type[Convolution]
    path: str
    kernel: Kernel
    numbers: "Numbers"
    value: int
    largest: int | None

    def emit_real(self, builder: "Builder") -> int:
        """The sums."""
        index = self._emit(builder, "real", self.numbers)
        if self.largest is not None:
            builder.sums[index] = self.largest
        return index

    def emit_bits(self, builder: "Builder", after: list[nn.Module]) -> int:
        """The signs of what the modules make of the sums."""

        def numbers() -> dict[str, Tensor]:
            found = fold.real_thresholds(
                nn.Sequential(*after), self.kernel.out_channels, self.kernel.dims, self.path
            )
            return {**self.numbers(), "threshold": found.threshold, "flip": found.flip}

        return self._emit(builder, "bits", numbers)

    def _emit(self, builder: "Builder", out: Kind, numbers: "Numbers") -> int:
        value = Value(out, self.kernel.output_map)
        arguments = self.kernel.arguments
        return builder.emit(self.kind, self.path, [self.value], value, numbers, **arguments)


def convolved(
    builder: "Builder", stream: "Stream", kind: type[Convolution], kernel: Kernel, path: str,
    numbers: "Numbers", largest: int | None = None,
) -> "Stream":  # fmt: skip
    """A stream after an op of this kind on real values."""
    pending = PendingReal(kind, path, kernel, numbers, builder.as_real(stream), largest)
    return stream.at(pending, kernel.output_map, kernel.dims)


def pack_filters(weight: Tensor) -> Tensor:
    """Signs of filters in the file's layout.

    Args:
        weight: (C_out, kh, kw, C_in/groups), −1 or not.

    Returns:
        uint8 (C_out, bytes): bit i of a filter at bit i % 8 of byte i // 8, 1 = negative.
    """
    bits = (weight.flatten(1) < 0).to(torch.uint8)
    padded = nn.functional.pad(bits, (0, -bits.shape[1] % 8)).reshape(bits.shape[0], -1, 8)
    places = 2 ** torch.arange(8, dtype=torch.uint8)
    return (padded * places).sum(-1, dtype=torch.uint8)
