"""One binary linear layer, batch 1, beside ONNX Runtime's and torch's: how fast are weights read?

    python benchmarks/bench_linear.py [SECONDS]        default 1.2 a size, path and race

Packed bits in and out, thresholds found from a BatchNorm; the others multiply the same matrices:
ONNX Runtime in int8 (QLinearMatMul alone, uint8 in and out) and in float32, torch in float32. Every
output bit of ours is compared with torch first, int8 with torch within one step.

Twice: warm, the same layer again and again, its weights where they stay in the caches; and cold,
many copies in turn, together larger than all caches. One thread, medians of the ratios within a
round, quartiles in brackets; GB/s are of the weights, 1, 8 or 32 bits each.
"""

import sys
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import nn

from xnorkit.deploy import pipeline
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.report.latency import Race, race
from xnorkit.deploy.validate import validate
from xnorkit.machine import cpu_name
from xnorkit.nn import BinaryLinear

SIZES = (1024, 2048, 4096, 6144)  # inputs, and as many outputs
COLD = (6144,)
Call = Callable[[], object]
Side = Callable[[], Call]  # a copy of its own, with weights of its own


def binary(size: int) -> nn.Module:
    """Two binary layers, so that the first has packed output; its BatchNorm as after training."""
    made = nn.Sequential(
        BinaryLinear(size, size, bias=False),
        nn.BatchNorm1d(size),
        BinaryLinear(size, 1, bias=False),
    )
    nn.init.normal_(made[1].running_mean, std=size**0.5)
    nn.init.normal_(made[1].weight)
    return made.eval()


def ours(size: int) -> dict[str, Side]:
    """The first binary layer on each path, proven."""
    x = torch.randn(4, size)
    planned = pipeline.plan(binary(size), x)
    model = planned.model()
    first = Engine(model)
    op = [op.name for op in planned.lowered.program.ops].index("0")
    sides: dict[str, Side] = {}
    for isa in first.library.supported:
        engine = Engine(model, first.library, isa)
        assert validate(planned.lowered, engine, x).layers[0].wrong_alone == 0
        sides[isa] = lambda isa=isa: partial(Engine(model, first.library, isa).step, op)
    return sides


def session(node: object, x: np.ndarray, constants: dict[str, np.ndarray], out: int) -> Call:
    """A node on one thread, x (1, size) being given."""
    element = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        [node],
        "linear",
        [helper.make_tensor_value_info("x", element, x.shape)],
        [helper.make_tensor_value_info("y", element, (1, out))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    made = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: made.run(None, {"x": x})[0]


def int8_side(size: int, rng: np.random.Generator) -> Side:
    """QLinearMatMul of ONNX Runtime, checked against torch."""
    weight = rng.integers(-127, 128, (size, size), np.int8)
    x = rng.integers(0, 256, (1, size), np.uint8)
    scale = np.float32(1 / (40 * 73 * np.sqrt(size)))  # the sums' deviation is a third of uint8
    constants = {
        "xs": np.float32(1), "xz": np.uint8(128), "w": weight, "ws": np.float32(1),
        "wz": np.int8(0), "ys": 1 / scale, "yz": np.uint8(128),
    }  # fmt: skip
    constants = {name: np.asarray(value) for name, value in constants.items()}
    node = helper.make_node("QLinearMatMul", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"])
    make = partial(session, node, x, constants, size)
    sums = (torch.from_numpy(x).double() - 128) @ torch.from_numpy(weight).double()
    wanted = np.clip(np.rint(sums.numpy() * scale) + 128, 0, 255)
    assert np.abs(make()() - wanted).max() <= 1, "ONNX Runtime's int8 product is another one"
    return make


def float_sides(size: int) -> dict[str, Side]:
    """ONNX Runtime and torch in float32, the first checked against the second."""
    x = torch.randn(1, size)
    weight = torch.randn(size, size)

    def onnx() -> Call:
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        return session(node, x.numpy(), {"w": weight.numpy()}, size)

    def eager() -> Call:
        layer = nn.Linear(size, size, bias=False)
        layer.weight = nn.Parameter(weight.T.contiguous())
        return lambda: layer(x)

    np.testing.assert_allclose(onnx()(), (x @ weight).numpy(), atol=1e-2)
    return {"ONNX Runtime float32": onnx, "torch float32": eager}


def in_turn(make: Side, copies: int) -> Call:
    """Calls its copies one after the other."""
    calls = cycle([make() for _ in range(copies)])

    def call() -> object:
        return next(calls)()

    return call


def cache_bytes() -> int:
    """Of the last cache, as Linux says; 64 MB where it does not."""
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    kilobytes = [int(path.read_text().strip().rstrip("K")) for path in sizes]
    return 1024 * max(kilobytes, default=65536)


def show(title: str, size: int, result: Race) -> None:
    """A line a side; ours first."""
    print(f"{size}x{size}, {title}")
    own = next(iter(result.timings))
    for name, timing in result.timings.items():
        ratio = None if name == own else result.ratio(name, to=own)
        against = f"{ratio.median:6.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio else ""
        rate = weight_bytes(name, size) / timing.p50 / 1e3
        print(f"    {name:22} {timing.p50:9.1f} us {rate:7.1f} GB/s  {against}", flush=True)


def weight_bytes(side: str, size: int) -> int:
    """Of one copy."""
    return size * size * {"float32": 32, "int8": 8}.get(side.rsplit(maxsplit=1)[-1], 1) // 8


def main() -> None:
    """Prove, then race, each size on each path, warm; the largest cold too."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.2
    caches = cache_bytes()
    print(f"{cpu_name()}, one thread, batch 1, last cache {caches >> 20} MB; multiples of ours")
    rng = np.random.default_rng(0)

    def cold(name: str, side: Side) -> Call:
        return in_turn(side, 2 + 5 * caches // (4 * weight_bytes(name, size)))

    for size in SIZES:
        torch.manual_seed(0)
        own = ours(size)
        # Apart, as float32's weights would drive int8's out of the caches.
        for others in ({"ONNX Runtime int8": int8_side(size, rng)}, float_sides(size)):
            warm = {name: side() for name, side in others.items()}
            for isa, side in own.items():
                show(f"{isa}, warm", size, race({isa: side(), **warm}, seconds=seconds))
            if size not in COLD:
                continue
            turns = {name: cold(name, side) for name, side in others.items()}
            for isa, side in own.items():
                show(f"{isa}, cold", size, race({isa: cold(isa, side), **turns}, seconds=seconds))


if __name__ == "__main__":
    main()
