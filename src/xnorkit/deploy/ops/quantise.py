"""Real values → the bit planes of codes, each channel with its thresholds.

A code's u = 0 … 2^k − 1 (`binarize/kbit.py`) is how many of 2^k − 1 thresholds a value has reached.
Plane j holds bit j of u, as a sign: bit 0 of u is −1, so that the odd code 2u − (2^k − 1) is the
sum of 2^j·(sign in plane j).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from xnorkit.deploy import fold
from xnorkit.deploy.ops.op import Map, Op, Specs, Value, require_planes

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Stream


@dataclass(frozen=True)
class Quantise(Op):
    """Plane j of a value: bit = (how many thresholds it is below) differs; 1 is −1.

    Attributes:
        bits: of a code; the output has that many planes, one below the other.
    """

    bits: int

    kind: ClassVar[str] = "quantise"
    gives = ("bits",)

    def __post_init__(self) -> None:
        require_planes(bits=self.bits)

    def shape(self, values: tuple[Value, ...]) -> Map:
        """The planes as rows of one map."""
        where = self.input_map(values)
        return Map(self.bits * where.h, where.w, where.c)

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """Thresholds of u ≥ 1, u ≥ 2, … in each channel, and whether u falls as values rise."""
        channels = self.input_map(values).c
        return {
            "threshold": ("float32", (2**self.bits - 1, channels)),
            "flip": ("uint8", (channels,)),
        }

    def cpp(self, values: tuple[Value, ...]) -> str:
        """Quantise<map, bits>."""
        return f"Quantise<{self.input_map(values).cpp()}, {self.bits}>"


class BelowLevel(nn.Module):
    """Negative exactly where a layer takes its input for a code of u < level."""

    def __init__(self, layer: Any, level: int) -> None:
        super().__init__()
        self._u_of, self._level = layer.input_steps, level

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) → the same shape."""
        u: Tensor = self._u_of(x)
        return u - (self._level - 0.5)


def planes_of(builder: "Builder", stream: "Stream", layer: Any, path: str) -> int:
    """The value of the bit planes of what a layer takes its input for."""
    value, items = builder.before_last(stream)
    source, bits, order = builder.values[value].map, layer.input_bits, stream.order

    def numbers() -> dict[str, Tensor]:
        modules = [item.module for item in items]
        found = [
            fold.real_thresholds(
                nn.Sequential(*modules, BelowLevel(layer, level)),
                source.c,
                stream.source_dims,
                f"{path}.input",
            )
            for level in range(1, layer.input_levels + 1)
        ]
        threshold, flip = common_direction(found)
        if order is not None:
            threshold, flip = threshold[:, order], flip[order]
        return {"threshold": threshold, "flip": flip}

    out = Value("bits", Map(bits * source.h, source.w, source.c))
    return builder.emit(Quantise, f"{path}.input", [value], out, numbers, bits=bits)


def common_direction(found: list[fold.Thresholds]) -> tuple[Tensor, Tensor]:
    """(levels, C) thresholds and (C,) flips: a channel rises or falls at all of its levels.

    A level that a channel never switches at has no direction of its own: its sign's ±inf is turned
    where the channel falls.
    """
    threshold = torch.stack([level.threshold for level in found])
    flips = torch.stack([level.flip for level in found])
    flip = flips.amax(0)
    constant = threshold.isinf()
    return torch.where(constant & (flips != flip), -threshold, threshold), flip
