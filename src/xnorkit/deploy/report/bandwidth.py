"""Layers that take a vector → how fast they read their weights, beside a plain read loop.

With one sample such a layer reads each weight once, so memory limits it, not arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from xnorkit.deploy.program import Program
from xnorkit.deploy.report import latency

_FEWEST_BYTES = 2**20  # of weights: fewer are read in less time than a call from Python takes


@dataclass(frozen=True)
class Traffic:
    """Weights that are read once a sample.

    Attributes:
        read_rate: bytes per second of a plain read loop (numpy's OR of 64-bit words) at its
            fastest, measured behind the ops, whose times are medians.
        read_bytes: through which it went: as many as these ops read together, so that the same
            caches serve both.
        weights: op → bytes of its weights.
    """

    read_rate: float
    read_bytes: int
    weights: dict[str, int]

    def rate(self, op: str, microseconds: float) -> float:
        """Bytes per second of an op that takes so long."""
        return self.weights[op] / microseconds * 1e6

    def share(self, op: str, microseconds: float) -> float:
        """That over the plain read loop's."""
        return self.rate(op, microseconds) / self.read_rate


def large_weights(program: Program) -> dict[str, int]:
    """Op → bytes of its weights in model.xnor, of ops that read them once and have a MiB."""
    found = {}
    for op in program.ops:
        spec = op.tensors(program.values).get("weight")
        where = program.values[op.output].map
        if spec is not None and where.h == where.w == 1:
            nbytes = np.dtype(spec[0]).itemsize * int(np.prod(spec[1], dtype=np.int64))
            if nbytes >= _FEWEST_BYTES:
                found[op.name] = nbytes
    return found


def traffic_of(weights: Mapping[str, int]) -> Traffic | None:
    """Measure the plain read loop; None where there is nothing to compare with it."""
    if not weights:
        return None
    words = np.ones(sum(weights.values()) // 8, np.uint64)
    read = np.bitwise_or.reduce
    call = latency.fastest(partial(read, words[:1]))  # taken off, as off the ops' times
    taken = latency.fastest(partial(read, words)) - call
    return Traffic(words.nbytes / taken * 1e6, words.nbytes, dict(weights))
