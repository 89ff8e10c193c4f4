"""Several networks in one unit, so that the compiler runs once for all of them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from xnorkit.deploy.engine import Engine
from xnorkit.deploy.generate import source
from xnorkit.deploy.library.binding import open_source
from xnorkit.deploy.program import Program
from xnorkit.deploy.xnor_file import Metadata, producer_versions, to_bytes


class Merged:
    """Two libraries, compiled side by side, of several lowered networks."""

    def __init__(self, lowered, cache_dir):
        self.lowered = lowered
        self._parts = [part for part in (lowered[::2], lowered[1::2]) if part]
        programs, contents = zip(*map(_merged, self._parts), strict=True)
        with ThreadPoolExecutor() as pool:
            units = map(source, programs)
            libraries = [*pool.map(lambda unit: open_source(unit, cache_dir), units)]
        self._engines = [
            [Engine(content, library, isa) for isa in library.supported]
            for content, library in zip(contents, libraries, strict=True)
        ]

    def engines(self, index):
        """What an Engine is for validation, of one network on each path of this CPU."""
        half, place = index % 2, index // 2
        before = [one.program for one in self._parts[half][:place]]
        first_op = sum(len(program.ops) for program in before)
        first_value = sum(len(program.values) for program in before)
        for engine in self._engines[half]:
            yield _Part(engine, self.lowered[index].program, first_op, first_value)


def _merged(lowered):
    """One program that runs all of them in turn, and its model.xnor."""
    values, ops, tensors = [], [], {}
    for number, one in enumerate(lowered):
        start = len(values)
        values += one.program.values
        ops += [
            replace(
                op,
                name=f"{number}.{op.name}",
                inputs=tuple(start + index for index in op.inputs),
                output=start + op.output,
            )
            for op in one.program.ops
        ]
        tensors |= {f"{number}.{name}": value for name, value in one.tensors().items()}
    first, last = lowered[0].program, lowered[-1].program
    program = Program(tuple(values), tuple(ops), first.input_shape, last.output_shape)
    metadata = Metadata(program.to_json(), (), {}, producer_versions())
    return program, to_bytes(metadata, tensors)


class _Part:
    """The ops and values of one network among those of the unit."""

    def __init__(self, engine, program, first_op, first_value):
        self.engine, self.program, self.isa = engine, program, engine.isa
        self.first_op, self.first_value = first_op, first_value

    def __call__(self, x):
        return np.stack([self._one(sample) for sample in x])

    def _one(self, sample):
        channels_last = np.moveaxis(sample, 0, -1)
        self.value(0).view(np.float32)[:] = channels_last.ravel()
        for op in range(len(self.program.ops)):
            self.step(op)
        where = self.program.values[self.program.output].map
        result = self.value(self.program.output).view(np.float32).reshape(where.h, where.w, where.c)
        return result.transpose(2, 0, 1).reshape(self.program.output_shape).copy()

    def step(self, op):
        self.engine.step(self.first_op + op)

    def value(self, index):
        return self.engine.value(self.first_value + index)
