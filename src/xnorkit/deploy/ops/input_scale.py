"""XNOR-Net's K: the mean magnitude of the real input, a number a pixel or a sample."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from xnorkit.deploy.ops.layer import Kernel
from xnorkit.deploy.ops.op import Map, Op, Specs, Value, Window

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Stream


@dataclass(frozen=True)
class InputScale(Op):
    """Real map → K, one channel.

    Attributes:
        window: of the layer whose input it is.
        whole: one number a sample.
    """

    window: Window
    whole: bool

    kind: ClassVar[str] = "input_scale"

    def shape(self, values: tuple[Value, ...]) -> Map:
        """One channel."""
        return Map(1, 1, 1) if self.whole else Map(self.window.out_h, self.window.out_w, 1)

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """None."""
        return {}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """InputScale<map, window, whole>."""
        whole = "true" if self.whole else "false"
        return f"InputScale<{self.input_map(values).cpp()}, {self.window.cpp()}, {whole}>"


@dataclass(frozen=True)
class Multiply(Op):
    """A real map times K.

    Attributes:
        whole: K is one number a sample.
    """

    whole: bool

    kind: ClassVar[str] = "multiply"
    takes = (("real",), ("real",))

    def fits(self, values: tuple[Value, ...]) -> bool:
        """So, and K is one number a pixel, or one."""
        where, scale = (values[index].map for index in self.inputs)
        return super().fits(values) and scale == (
            Map(1, 1, 1) if self.whole else Map(where.h, where.w, 1)
        )

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """None."""
        return {}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """Multiply<map, whole>."""
        whole = "true" if self.whole else "false"
        return f"Multiply<{self.input_map(values).cpp()}, {whole}>"


def scaled_by_input(
    builder: "Builder", before: "Stream", after: "Stream", layer: Any, kernel: Kernel, path: str
) -> "Stream":
    """A binary layer's output (its α applied) times K of its real input."""
    whole = layer.input_scale == "tensor" or isinstance(layer, nn.Linear)
    where = Map(1, 1, 1) if whole else Map(kernel.window.out_h, kernel.window.out_w, 1)
    scale = builder.emit(
        InputScale,
        f"{path}.input_scale",
        [builder.as_real(before)],
        Value("real", where),
        window=kernel.window,
        whole=whole,
    )
    sums = builder.as_real(after)
    out = Value("real", kernel.output_map)
    index = builder.emit(Multiply, f"{path}.scaled", [sums, scale], out, whole=whole)
    return after.at(index, kernel.output_map, kernel.dims)
