"""Average-pool of real values, windowed or global."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from xnorkit.deploy.ops.geometry import pair, pool_window
from xnorkit.deploy.ops.op import Map, Op, Specs, Value, Window
from xnorkit.deploy.ops.pointwise import step_specs
from xnorkit.deploy.unsupported import Unsupported

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Numbers, Stream


@dataclass(frozen=True)
class AveragePool(Op):
    """torch's avg_pool2d, of what steps make of its input.

    Exact: torch adds a window's elements tap row by tap row from 0 and divides once, in every
    memory format; so does an engine. (Adaptive pools are means, whose order torch leaves open.)

    Attributes:
        window: of the pool.
        count_pad: whether the border counts in the divisor.
        pad_bottom: rows of border below; a window of ceil_mode may reach further.
        pad_right: columns of border at the right.
        divisor: instead of the count; 0 is none.
        steps: as `Pointwise` has them.
    """

    window: Window
    count_pad: bool
    pad_bottom: int
    pad_right: int
    divisor: int
    steps: tuple[str, ...]

    kind: ClassVar[str] = "average_pool"

    def shape(self, values: tuple[Value, ...]) -> Map:
        """The window's positions."""
        return Map(self.window.out_h, self.window.out_w, self.input_map(values).c)

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """The fields of all steps."""
        return step_specs(self.steps, self.input_map(values).c)

    def cpp(self, values: tuple[Value, ...]) -> str:
        """AveragePool<map, window, count_pad, pad_bottom, pad_right, divisor, steps…>."""
        count = "true" if self.count_pad else "false"
        rest = ", ".join(
            [count, str(self.pad_bottom), str(self.pad_right), str(self.divisor), *self.steps]
        )
        return f"AveragePool<{self.input_map(values).cpp()}, {self.window.cpp()}, {rest}>"


def lower(builder: "Builder", stream: "Stream", pool: Any, path: str) -> "Stream":
    """torch's AvgPool1d, AvgPool2d."""
    if stream.dims == 0:
        raise Unsupported(path, "a pool of a vector; it needs a map.")
    padding = pair(pool.padding, 0, stream.dims)
    window = pool_window(
        stream.map,
        pair(pool.kernel_size, 1, stream.dims),
        pair(pool.stride, 1, stream.dims),
        padding,
        (1, 1),
        pool.ceil_mode,
    )
    divisor = getattr(pool, "divisor_override", None) or 0
    # Steps of their own: on integer sums they are compared with torch's (`Builder.checks`).
    source = builder.as_real(stream), (), dict
    count_pad = bool(pool.count_include_pad)
    return _emit(builder, stream, source, path, window, count_pad, padding, divisor)


def lower_adaptive(builder: "Builder", stream: "Stream", pool: Any, path: str) -> "Stream":
    """torch's AdaptiveAvgPool1d, AdaptiveAvgPool2d, where all windows are equal."""
    if stream.dims == 0:
        raise Unsupported(path, "a pool of a vector; it needs a map.")
    size = pool.output_size
    wanted = pair(size, 1, stream.dims) if isinstance(size, int) else tuple(size)
    wanted = (1, *wanted) if len(wanted) == 1 else wanted
    shape = stream.map
    out_h, out_w = wanted[0] or shape.h, wanted[1] or shape.w
    if shape.h % out_h or shape.w % out_w:
        raise Unsupported(
            path,
            f"an adaptive pool of {shape.h}x{shape.w} to {out_h}x{out_w}, whose windows differ; "
            "sizes that divide the map are supported.",
        )
    kernel = shape.h // out_h, shape.w // out_w
    window = Window(*kernel, *kernel, 1, 1, 0, 0, out_h, out_w)
    source = builder.before_steps(stream)  # each element is read once
    pooled = _emit(builder, stream, source, path, window, True, (0, 0), 0)
    builder.unordered.add(builder.ops[-1].name)
    return pooled


def _emit(
    builder: "Builder", stream: "Stream", source: tuple[int, tuple[str, ...], "Numbers"],
    path: str, window: Window, count_pad: bool, padding: tuple[int, int], divisor: int,
) -> "Stream":  # fmt: skip
    shape = Map(window.out_h, window.out_w, stream.map.c)
    value, steps, numbers = source
    index = builder.emit(
        AveragePool,
        path,
        [value],
        Value("real", shape),
        numbers,
        window=window,
        count_pad=count_pad,
        pad_bottom=padding[0],
        pad_right=padding[1],
        divisor=divisor,
        steps=steps,
    )
    return stream.at(index, shape, stream.dims)
