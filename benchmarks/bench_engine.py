"""The engine beside torch and the engines that are installed, one thread, batch 1, in turn.

    python benchmarks/bench_engine.py [SECONDS]        default 3 a path; XNORKIT_ISA is not read

The keyword network: 1x40x101 in, a stem 5x5 stride 2, four binary 3x3 layers at 20x51 between
thresholds, a head. With 64 channels, a float stem and an int8 one, on each path that the CPU has;
with 128 on the best. Every output bit of every binary layer is compared with torch first; then
medians of the ratios within a round, quartiles in brackets. The twin's stem is float. Random inputs
and weights: speed and exactness, no accuracy.
"""

import sys

import torch
from torch import nn

from xnorkit.deploy import pipeline
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.report.record import Speed
from xnorkit.deploy.report.speed import measure
from xnorkit.deploy.validate import validate
from xnorkit.machine import cpu_name
from xnorkit.networks import KWSCNN
from xnorkit.nn.stem import Stem
from xnorkit.schemes import XNOR, Float

SHAPE = (1, 40, 101)
SAMPLES = 8


def network(scheme: Float | XNOR, channels: int, stem: Stem = "float") -> nn.Module:
    """The keyword network, its BatchNorms as after some training."""
    torch.manual_seed(0)
    widths, pools = (channels,) * 4, (1,) * 4
    made = KWSCNN(
        scheme,
        SHAPE,
        12,
        stem_channels=channels,
        stem_pool=1,
        widths=widths,
        pools=pools,
        stem=stem,
    )
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight, mean=1, std=0.5)
    return made.eval()


def show(speed: Speed, isa: str) -> None:
    """A line a side."""
    for side in speed.sides:
        ratio = side.ratio
        against = (
            "" if ratio is None else f"{ratio.median:6.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
        )
        print(f"{isa:12} {side.name:32} {side.model:12} p50 {side.p50:9.1f} us  {against}")
    for missing in speed.missing:
        print(f"{'':12} {missing.name}: {missing.reason}")


def prove_and_race(channels: int, stem: Stem, seconds: float, paths: int | None = None) -> None:
    """One network on the best `paths`, or on all."""
    binary, twin = network(XNOR(), channels, stem), network(Float(), channels)
    inputs = torch.randn(SAMPLES, *SHAPE)
    planned = pipeline.plan(binary, inputs[:1])
    model = planned.model()
    print(f"{channels} channels, {stem} stem: {len(model):,} bytes")
    names = [op.name for op in planned.lowered.program.ops]
    for isa in Engine(model).library.supported[:paths]:
        engine = Engine(model, isa=isa)
        found = validate(planned.lowered, engine, inputs)
        wrong = sum(layer.wrong_alone for layer in found.layers)
        print(f"{isa}: {wrong} of {sum(layer.outputs for layer in found.layers):,} outputs differ")
        show(measure(engine, names, binary, twin, inputs, seconds=seconds), isa)


def main() -> None:
    """Both widths, both stems."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    print(f"{cpu_name()}, one thread, batch 1; times as multiples of ours")
    prove_and_race(64, "float", seconds)
    prove_and_race(64, "int8", seconds)
    prove_and_race(128, "float", seconds, paths=1)
    prove_and_race(128, "int8", seconds, paths=1)


if __name__ == "__main__":
    main()
