"""What flows while a network is lowered: values with the steps that still wait to be applied.

A `Stream` is a source (a value, or a convolution that is not yet emitted) and the elementwise
modules and max-pools after it. Who takes it says what becomes of them: a sign folds all of them
into one threshold a channel, everything else has them computed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from xnorkit.deploy import fold, steps
from xnorkit.deploy.ops.max_pool import MaxPool
from xnorkit.deploy.ops.op import Map, Op, Value, Window
from xnorkit.deploy.ops.pointwise import Pointwise
from xnorkit.deploy.ops.threshold import Threshold
from xnorkit.deploy.program import Program

if TYPE_CHECKING:
    from xnorkit.deploy.ops.binary_conv2d import BinaryStep

Numbers = Callable[[], dict[str, Tensor]]  # field → tensor, once the network is trained


class Pending(Protocol):
    """A convolution whose output nobody has asked for yet: sums or signs?"""

    def emit_real(self, builder: "Builder") -> int:
        """The sums' value."""
        ...

    def emit_bits(self, builder: "Builder", after: list[nn.Module]) -> int:
        """The value of the signs of what the modules make of the sums."""
        ...


@dataclass(frozen=True)
class Elementwise:
    """A module that maps each element of a channel alike.

    Attributes:
        path: in the network.
        module: in evaluation mode.
    """

    path: str
    module: nn.Module


@dataclass(frozen=True)
class Pooling:
    """A max-pool that has not been emitted."""

    path: str
    window: Window


@dataclass(frozen=True, eq=False)
class Stream:
    """An activation of the network.

    Attributes:
        source: index of a real value, or a convolution that is not yet emitted.
        map: its shape, all that is pending applied.
        dims: axes after the channels that torch's tensor has: 0, 1 or 2.
        source_dims: the same at the source, where the pending modules begin.
        pending: what still has to be applied, in order.
        flat: torch sees the map as one vector (C·H·W).
        order: for a vector that was a map: the torch feature at each of the engine's positions.
    """

    source: int | Pending
    map: Map
    dims: int
    source_dims: int
    pending: tuple[Elementwise | Pooling, ...] = ()
    flat: bool = False
    order: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample in torch."""
        if self.flat:
            return (self.map.reals,)
        return (self.map.c, *(self.map.h, self.map.w)[2 - self.dims :])

    def then(self, path: str, module: nn.Module) -> "Stream":
        """With an elementwise module after it."""
        return replace(self, pending=(*self.pending, Elementwise(path, module)))

    def at(self, source: int | Pending, shape: Map, dims: int) -> "Stream":
        """A new source, nothing pending."""
        return Stream(source, shape, dims, dims)

    def pooled(self, path: str, window: Window) -> "Stream":
        """With a max-pool after it."""
        shape = Map(window.out_h, window.out_w, self.map.c)
        return replace(self, pending=(*self.pending, Pooling(path, window)), map=shape)


class Builder:
    """Collects the ops of a program and, for each, where its numbers come from.

    Attributes:
        values: what flows between ops; 0 is the input.
        ops: in order.
        numbers: op → its tensors.
        binary: the binary convolutions among them.
        checks: op that makes floats of integer sums → `steps.first_departure` of it.
        unordered: names of ops that torch may sum in another order.
        sums: value that holds integer sums → the largest that there can be.
        calls: of each binary layer so far.
    """

    def __init__(self, input_map: Map) -> None:
        self.values: list[Value] = [Value("real", input_map)]
        self.ops: list[Op] = []
        self.numbers: dict[str, Numbers] = {}
        self.binary: list[BinaryStep] = []
        self.checks: dict[str, Callable[[], str | None]] = {}
        self.unordered: set[str] = set()
        self.sums: dict[int, int] = {}
        self.calls: Counter[nn.Module] = Counter()
        self._real: dict[Stream, int] = {}

    def emit(self, kind: type[Op], path: str, inputs: Sequence[int], out: Value,
             numbers: Numbers | None = None, **arguments: Any) -> int:  # fmt: skip
        """Add an op.

        Args:
            kind: its class.
            path: where it comes from; made unique.
            inputs: indices of values.
            out: the value that it writes.
            numbers: gives its tensors.
            arguments: its own.

        Returns:
            The index of the value.
        """
        name = self._unique(path or "network")
        self.values.append(out)
        index = len(self.values) - 1
        self.ops.append(kind(name=name, inputs=tuple(inputs), output=index, **arguments))
        self.numbers[name] = numbers or dict
        return index

    def _unique(self, path: str) -> str:
        names = {op.name for op in self.ops}
        tries = (path, *(f"{path}.{number}" for number in range(2, len(names) + 3)))
        return next(name for name in tries if name not in names)

    def as_bits(self, stream: Stream, path: str) -> int:
        """Sign bits of a stream, for the layer at `path`."""
        modules = [item.module for item in stream.pending if isinstance(item, Elementwise)]
        if isinstance(stream.source, int):
            index = self._threshold(stream, stream.source, modules, f"{path}.sign")
        else:
            index = stream.source.emit_bits(self, modules)
        for position, item in enumerate(stream.pending):
            if isinstance(item, Pooling):
                index = self._pool_bits(stream, position, item, index)
        return index

    def _threshold(self, stream: Stream, value: int, modules: list[nn.Module], path: str) -> int:
        source, order = self.values[value], stream.order

        def numbers() -> dict[str, Tensor]:
            found = fold.real_thresholds(
                nn.Sequential(*modules), source.map.c, stream.source_dims, path
            )
            return {
                "threshold": reorder(found.threshold, order),
                "flip": reorder(found.flip, order),
            }

        out = Value("bits", source.map)
        return self.emit(Threshold, path, [value], out, numbers)

    def _pool_bits(self, stream: Stream, position: int, pool: Pooling, index: int) -> int:
        channels = self.values[index].map.c
        after = [i.module for i in stream.pending[position:] if isinstance(i, Elementwise)]

        def numbers() -> dict[str, Tensor]:
            chain = nn.Sequential(*after)
            return {"any": fold.pool_mask(chain, channels, stream.source_dims, pool.path)}

        out = Value("bits", Map(pool.window.out_h, pool.window.out_w, channels))
        return self.emit(MaxPool, pool.path, [index], out, numbers, window=pool.window)

    def as_real(self, stream: Stream) -> int:
        """The stream's real value, everything pending computed; once for all who take it."""
        if stream not in self._real:
            self._real[stream] = self._compute(stream)
        return self._real[stream]

    def settled(self, stream: Stream) -> Stream:
        """The stream with its sums written, so that several can take it."""
        if isinstance(stream.source, int):
            return stream
        return replace(stream, source=stream.source.emit_real(self))

    def as_vector(self, stream: Stream) -> Stream:
        """A flattened map as a vector, for those that see each of its elements as a channel."""
        index, shape = self.as_real(stream), stream.map
        if shape.h * shape.w == 1:
            return stream.at(index, shape, 0)
        out = Value("real", Map(1, 1, shape.reals))
        index = self.emit(Pointwise, "flatten", [index], out, steps=())
        places = torch.arange(shape.reals).reshape(shape.c, shape.h, shape.w)
        order = places.permute(1, 2, 0).flatten()  # the engine stores [h][w][c]
        return Stream(index, Map(1, 1, shape.reals), 0, 0, order=order)

    def _compute(self, stream: Stream) -> int:
        source = stream.source
        index = source if isinstance(source, int) else source.emit_real(self)
        largest = self.sums.get(index)
        applied: list[nn.Module] = []
        for items, pool in _runs(stream.pending):
            before, index = index, self._pointwise(items, index, stream.order)
            applied += [item.module for item in items]
            if largest is not None and index != before:
                self._note_check(applied, largest, stream.source_dims)
            if pool is not None:
                shape = Map(pool.window.out_h, pool.window.out_w, self.values[index].map.c)
                out = Value("real", shape)
                index = self.emit(MaxPool, pool.path, [index], out, window=pool.window)
        return index

    def _note_check(self, applied: Sequence[nn.Module], largest: int, dims: int) -> None:
        """The last op ends what `applied` makes of integer sums."""
        given = tuple(applied), self.values[-1].map.c, largest, dims
        self.checks[self.ops[-1].name] = lambda: steps.first_departure(*given)

    def _pointwise(self, items: list[Elementwise], index: int, order: Tensor | None) -> int:
        names, numbers = _steps(items, order)
        if not names:
            return index
        out = Value("real", self.values[index].map)
        return self.emit(Pointwise, items[0].path, [index], out, numbers, steps=names)

    def before_last(self, stream: Stream) -> tuple[int, list[Elementwise]]:
        """For an op that does a stream's last modules itself: the value before, and these."""
        if stream in self._real:
            return self._real[stream], []
        *_, (items, _) = _runs(stream.pending)
        before = stream.pending[: len(stream.pending) - len(items)]
        return self.as_real(replace(stream, pending=before)), items

    def before_steps(self, stream: Stream) -> tuple[int, tuple[str, ...], Numbers]:
        """`before_last`, as steps."""
        value, items = self.before_last(stream)
        return value, *_steps(items, stream.order)

    def finish(self, stream: Stream) -> None:
        """Make a stream the program's result: the last op's output."""
        index = self.as_real(stream)
        if not self.ops or self.ops[-1].output != index:
            self.emit(Pointwise, "output", [index], self.values[index], steps=())

    def program(self, input_shape: Sequence[int], output_shape: Sequence[int]) -> Program:
        """What was collected."""
        return Program(tuple(self.values), tuple(self.ops), tuple(input_shape), tuple(output_shape))


def _runs(
    pending: Sequence[Elementwise | Pooling],
) -> Iterator[tuple[list[Elementwise], Pooling | None]]:
    """Elementwise modules in a row, each time with the pool after them; none after the last."""
    items: list[Elementwise] = []
    for item in pending:
        if isinstance(item, Elementwise):
            items.append(item)
        else:
            yield items, item
            items = []
    yield items, None


def _steps(items: Sequence[Elementwise], order: Tensor | None) -> tuple[tuple[str, ...], Numbers]:
    """Names of the steps of modules, and what gives their numbers."""

    def numbers() -> dict[str, Tensor]:
        found = [step for item in items for step in steps.chain_steps([item.module], item.path)]
        return {
            f"{field}{number}": reorder(value, order)
            for number, step in enumerate(found)
            for field, value in step.fields.items()
        }

    return tuple(name for item in items for name in steps.step_names(item.module)), numbers


def reorder(values: Tensor, order: Tensor | None) -> Tensor:
    """One number a channel, from torch's order into the engine's."""
    return values if order is None or values.numel() == 1 else values[order]
