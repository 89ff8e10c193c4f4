"""The papers' networks at full size: what validation says, and the engine beside torch.

    python benchmarks/bench_networks.py [NETWORK…]        default: all; 5 seconds each are timed

LeNet-5 at 1x28x28, Network in Network at 3x32x32, AlexNet and ResNet-18 at 3x224x224 with 1000
classes, scheme xnor, int8 stem. Every output bit of every binary layer is compared with torch
first; then one thread, batch 1, beside torch's float network of the same topology, sides in turn,
medians of the ratios within a round, quartiles in brackets. Random inputs and weights, BatchNorms
calibrated on a batch: speed and exactness, no accuracy.
"""

import sys
from collections.abc import Sequence
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from xnorkit.deploy import pipeline
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.report.latency import race
from xnorkit.deploy.validate import validate
from xnorkit.machine import cpu_name
from xnorkit.networks import NIN, AlexNet, LeNet5, ResNet18
from xnorkit.schemes import XNOR, Float

NETWORKS = {
    "lenet5": (LeNet5, (1, 28, 28), 10),
    "nin": (NIN, (3, 32, 32), 10),
    "alexnet": (AlexNet, (3, 224, 224), 1000),
    "resnet18": (ResNet18, (3, 224, 224), 1000),
}
SAMPLES = 4
SECONDS = 5.0


def calibrated(network: nn.Module, shape: Sequence[int]) -> nn.Module:
    """In evaluation mode, its BatchNorms with the statistics of one batch of noise."""
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = None  # the mean over batches, here of one
    with torch.no_grad():
        network.train()(torch.randn(SAMPLES, *shape))
    return network.eval()


def prove_and_race(name: str) -> None:
    """One network on the best path."""
    kind, shape, classes = NETWORKS[name]
    torch.manual_seed(0)
    binary = calibrated(kind(XNOR(), shape, classes, stem="int8"), shape)
    twin = calibrated(kind(Float(), shape, classes), shape)
    inputs = torch.randn(SAMPLES, *shape)
    planned = pipeline.plan(binary, inputs[:1])
    model = planned.model()
    engine = Engine(model)
    found = validate(planned.lowered, engine, inputs)
    size = sum(p.numel() for p in twin.parameters()) * 4
    print(f"{name}: {len(model):,} bytes, the float twin's parameters {size:,}")
    print(*found.lines(), sep="\n")
    show(engine, twin, inputs[:1])


def show(engine: Engine, twin: nn.Module, x: Tensor) -> None:
    """A line a side."""
    last = torch.channels_last
    sides = {
        engine.isa: partial(engine, x.numpy()),
        "torch eager": partial(twin, x),
        "torch eager, channels_last": partial(
            deepcopy(twin).to(memory_format=last), x.to(memory_format=last)
        ),
    }
    found = race(sides, seconds=SECONDS)
    for name, timing in found.timings.items():
        ratio = found.ratio(name, to=engine.isa)
        print(
            f"  {name:27} p50 {timing.p50:9.1f} us  "
            f"{ratio.median:6.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
        )


def main() -> None:
    """All, or those that are named."""
    print(f"{cpu_name()}, one thread, batch 1; times as multiples of ours")
    for name in sys.argv[1:] or NETWORKS:
        prove_and_race(name)


if __name__ == "__main__":
    main()
