"""Max-pool of real values, and of sign bits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from xnorkit.deploy.ops.geometry import pair, pool_window
from xnorkit.deploy.ops.op import Map, Op, Specs, Value, Window
from xnorkit.deploy.unsupported import Unsupported

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Stream


@dataclass(frozen=True)
class MaxPool(Op):
    """The largest value under a window; the border is never it.

    Attributes:
        window: of the pool.
    """

    window: Window

    kind: ClassVar[str] = "max_pool"
    takes = (("real", "bits"),)
    gives = ("real", "bits")

    def shape(self, values: tuple[Value, ...]) -> Map:
        """The window's positions."""
        return Map(self.window.out_h, self.window.out_w, self.input_map(values).c)

    def fits(self, values: tuple[Value, ...]) -> bool:
        """So, and bits come of bits."""
        return super().fits(values) and values[self.inputs[0]].kind == values[self.output].kind

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """For bits `any`: 0 where a channel's bits are joined by AND, 1 where by OR."""
        if values[self.output].kind == "real":
            return {}
        return {"any": ("uint8", (self.input_map(values).c,))}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """MaxPool or MaxPoolBits<map, window>."""
        name = "MaxPool" if values[self.output].kind == "real" else "MaxPoolBits"
        return f"{name}<{self.input_map(values).cpp()}, {self.window.cpp()}>"


def lower(builder: "Builder", stream: "Stream", pool: Any, path: str) -> "Stream":
    """torch's MaxPool1d, MaxPool2d."""
    if stream.dims == 0:
        raise Unsupported(path, "a pool of a vector; it needs a map.")
    if pool.return_indices:
        raise Unsupported(path, "return_indices=True; the engine keeps no indices.")
    window = pool_window(
        stream.map,
        pair(pool.kernel_size, 1, stream.dims),
        pair(pool.stride, 1, stream.dims),
        pair(pool.padding, 0, stream.dims),
        pair(pool.dilation, 1, stream.dims),
        pool.ceil_mode,
    )
    return stream.pooled(path, window)
