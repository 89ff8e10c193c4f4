"""One binary 3x3 convolution beside Larq Compute Engine's, in turn, one thread each.

    python benchmarks/bench_larq.py PYTHON [SECONDS]       default 3 a shape

PYTHON is one of an environment of its own that has Larq Compute Engine and what converts models:
    pip install larq-compute-engine larq tensorflow-cpu tf_keras

Both take packed signs and give packed signs, with a border of +1, which both have; Larq's op is cut
out of a converted model. Every output bit of both is compared with torch first. Its kernels are
made for ARM; its manual says that on x86 they are not optimised.
"""

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from bench_conv import SHAPES, ours
from torch import nn

from xnorkit.deploy.report.latency import race
from xnorkit.machine import cpu_name
from xnorkit.nn import BinaryConv2d

ROUNDS = 15


class Worker:
    """The other Python."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name("larq_worker.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.version = self._answer()

    def ask(self, **request: object) -> object:
        """Its answer."""
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> object:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("PYTHON stopped: does it have larq_compute_engine and tensorflow?")
        return json.loads(line)


def network(channels: int) -> nn.Sequential:
    """The convolution, and one after it, so that its output is packed."""
    made = nn.Sequential(
        BinaryConv2d(channels, channels, 3, padding=1, padding_value=1, bias=False),
        BinaryConv2d(channels, 1, 1, bias=False),
    )
    return made.eval()


def larq_kernels(worker: Worker, weight: torch.Tensor, x: torch.Tensor) -> list[str]:
    """Larq's kernels, after each of their bits was compared with torch's."""
    bordered = nn.functional.pad(x, (1, 1, 1, 1), value=1.0)
    negative = (nn.functional.conv2d(bordered, weight) < 0).permute(0, 2, 3, 1).numpy()
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/weight.npy", weight.permute(2, 3, 1, 0).numpy())
        np.save(f"{folder}/x.npy", x.permute(0, 2, 3, 1).numpy())
        names = worker.ask(folder=folder)
        for name in names:
            bits = np.load(f"{folder}/{name}.npy").view(np.uint8)
            np.testing.assert_array_equal(np.unpackbits(bits, axis=-1, bitorder="little"), negative)
    return names


def main() -> None:
    """Prove, then time in turn, each shape on each path."""
    if len(sys.argv) < 2:
        print("bench_larq.py: skipped, it takes a Python that has Larq Compute Engine; see there.")
        return
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    worker = Worker(sys.argv[1])
    print(f"{cpu_name()}, one thread, one map; Larq Compute Engine {worker.version}")
    for height, width, channels in SHAPES:
        torch.manual_seed(0)
        x = torch.randn(1, channels, height, width).sign()
        made = network(channels)
        kernels = larq_kernels(worker, made[0].weight.detach().sign(), x)
        paths = ours(made, x)
        share = seconds / ROUNDS / (len(paths) + len(kernels))
        rows = []
        for _ in range(ROUNDS):
            times = {
                isa: race({isa: call}, 1, share).timings[isa].p50 for isa, call in paths.items()
            }
            for kernel in kernels:
                times[f"Larq, {kernel}"] = worker.ask(kernel=kernel, seconds=share)
            rows.append(times)
        show((height, width, channels), [*paths], kernels, rows)


def show(
    shape: tuple[int, int, int], paths: list[str], kernels: list[str], rows: list[dict[str, float]]
) -> None:
    """Medians over the rounds; of Larq's kernels as multiples of each path, paired."""
    height, width, channels = shape
    median = partial(np.median, axis=0)
    print(f"{height}x{width}x{channels}, 3x3")
    for name in rows[0]:
        time = median([row[name] for row in rows])
        rate = height * width * channels * channels * 9 / time / 1e3
        print(f"    {name:22} {time:8.1f} us {rate:7.0f} GMAC/s", end="")
        for kernel in kernels if name in paths else ():
            ratio = median([row[f"Larq, {kernel}"] / row[name] for row in rows])
            print(f"   {kernel} {ratio:6.1f}x", end="")
        print(flush=True)


if __name__ == "__main__":
    main()
