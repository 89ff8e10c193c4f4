"""Binary and binary-weight 3x3 convolutions beside torch's and ONNX Runtime's float and int8 ones.

    python benchmarks/bench_conv.py [SECONDS]        default 1.5 a shape and path

Packed bits in and out, padding 1, thresholds found from a BatchNorm; the others convolve the same
map with as many filters: torch in both memory layouts, ONNX Runtime in float32 (its change of
layout at the edges included) and in int8 (QLinearConv alone: uint8 in and out). Every output bit of
ours is compared with torch first, int8 with torch within one step. Layers with binary weights and
real input are raced against the float ones only. Sides in turn, one thread, medians of the ratios
within a round, quartiles in brackets.
"""

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from xnorkit.deploy import pipeline
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.report.latency import Race, race
from xnorkit.deploy.validate import validate
from xnorkit.machine import cpu_name
from xnorkit.nn import BinaryConv2d

SHAPES = ((20, 51, 64), (28, 28, 128), (14, 14, 256), (7, 7, 512))  # height, width, channels
Call = Callable[[], object]


def binary(channels: int) -> nn.Module:
    """Two binary layers, so that the first has packed output; its BatchNorm as after training."""
    made = nn.Sequential(
        BinaryConv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        BinaryConv2d(channels, 1, 1, bias=False),
    )
    nn.init.normal_(made[1].running_mean, std=channels)
    nn.init.normal_(made[1].weight)
    return made.eval()


def binary_weight(channels: int) -> nn.Module:
    """Real numbers in and out."""
    layer = BinaryConv2d(channels, channels, 3, padding=1, bias=False, input_sign=None)
    return nn.Sequential(layer).eval()


def onnx_session(model: object) -> onnxruntime.InferenceSession:
    """On one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    content = model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def onnx_model(
    kind: str, inputs: list[str], constants: dict[str, np.ndarray], shape: tuple
) -> object:
    """One node, `kind`, padded by 1."""
    element = TensorProto.FLOAT if kind == "Conv" else TensorProto.UINT8
    node = helper.make_node(kind, inputs, ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    graph = helper.make_graph(
        [node],
        "convolution",
        [helper.make_tensor_value_info("x", element, shape)],
        [helper.make_tensor_value_info("y", element, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def float_sides(conv: nn.Conv2d, x: torch.Tensor) -> dict[str, Call]:
    """torch and ONNX Runtime in float32."""
    last = nn.Conv2d(x.shape[1], x.shape[1], 3, padding=1, bias=False)
    last.load_state_dict(conv.state_dict())
    last = last.to(memory_format=torch.channels_last)
    x_last = x.contiguous(memory_format=torch.channels_last)
    weight = conv.weight.detach().numpy()
    session = onnx_session(onnx_model("Conv", ["x", "w"], {"w": weight}, x.shape))
    given = {"x": x.numpy()}
    [got] = session.run(None, given)
    np.testing.assert_allclose(got, conv(x).detach().numpy(), atol=1e-2)
    return {
        "torch float32": lambda: conv(x),
        "torch float32, channels_last": lambda: last(x_last),
        "ONNX Runtime float32": lambda: session.run(None, given),
    }


def int8_side(x: torch.Tensor, rng: np.random.Generator) -> Call:
    """QLinearConv of ONNX Runtime, checked against torch."""
    channels = x.shape[1]
    weight = rng.integers(-127, 128, (channels, channels, 3, 3), np.int8)
    quantised = rng.integers(0, 256, x.shape, np.uint8)
    scale = np.float32(1 / (40 * 73 * np.sqrt(channels)))  # the sums' deviation is a third of uint8
    constants = {
        "xs": np.float32(1), "xz": np.uint8(128), "w": weight, "ws": np.ones(channels, np.float32),
        "wz": np.zeros(channels, np.int8), "ys": 1 / scale, "yz": np.uint8(128),
    }  # fmt: skip
    constants = {name: np.asarray(value) for name, value in constants.items()}
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    session = onnx_session(onnx_model("QLinearConv", names, constants, x.shape))
    given = {"x": quantised}
    [got] = session.run(None, given)
    centred = torch.from_numpy(quantised.astype(np.float64) - 128)
    sums = nn.functional.conv2d(centred, torch.from_numpy(weight.astype(np.float64)), padding=1)
    wanted = np.clip(np.rint(sums.numpy() * scale) + 128, 0, 255)
    assert np.abs(got - wanted).max() <= 1, "ONNX Runtime's int8 convolution is another one"
    return lambda: session.run(None, given)


def show(x: torch.Tensor, title: str, result: Race) -> None:
    """A line a side; ours first."""
    channels, height, width = x.shape[1:]
    macs = height * width * channels * channels * 9
    ours = min(result.timings, key=lambda name: name != "xnorkit")
    print(f"{height}x{width}x{channels}, {title}")
    for name, timing in result.timings.items():
        against = ""
        if name != ours:
            ratio = result.ratio(name, to=ours)
            against = f"{ratio.median:6.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
        print(
            f"    {name:30} {timing.p50:8.1f} us {macs / timing.p50 / 1e3:7.0f} GMAC/s  {against}"
        )


def ours(network: nn.Module, x: torch.Tensor) -> dict[str, Call]:
    """The first layer's op alone on each path, each of an engine that gives torch's answer."""
    planned = pipeline.plan(network, x)
    model = planned.model()
    op = [op.name for op in planned.lowered.program.ops].index("0")
    calls: dict[str, Call] = {}
    for isa in Engine(model).library.supported:
        engine = Engine(model, isa=isa)
        validate(planned.lowered, engine, x)
        calls[isa] = partial(engine.step, op)
    return calls


def main() -> None:
    """Prove, then race, each shape on each path."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.5
    print(f"{cpu_name()}, one thread, one map; times as multiples of ours")
    rng = np.random.default_rng(0)
    for height, width, channels in SHAPES:
        torch.manual_seed(0)
        x = torch.randn(1, channels, height, width)
        floats = float_sides(nn.Conv2d(channels, channels, 3, padding=1, bias=False).eval(), x)
        others = {**floats, "ONNX Runtime int8": int8_side(x, rng)}
        for isa, call in ours(binary(channels), x).items():
            show(x, isa, race({"xnorkit": call, **others}, seconds=seconds))
        for isa, call in ours(binary_weight(channels), x).items():
            result = race({"xnorkit": call, **floats}, seconds=seconds)
            show(x, f"{isa}, binary weights alone", result)


if __name__ == "__main__":
    main()
