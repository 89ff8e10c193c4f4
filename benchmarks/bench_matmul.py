"""Matrix products of ±1: torch in float32, bfloat16 and int8, numpy in int32, ours on each path.

    python benchmarks/bench_matmul.py [--sizes 64,128,…] [--threads 1,2] [--seconds 1.2] [--plot P]

Squares, and batch 1 x 6144x6144 (a sample through a large linear layer). All sides multiply the
same ±1 by the transpose of a weight, each in its own format. Before it is timed, each result is
compared with torch's float32 product, which is exact (bfloat16 to its rounding: it does not hold
every integer).

| side | what a call is |
| --- | --- |
| float32, bfloat16 | torch, `x @ w.T` |
| int8 | torch, `torch._int_mm`: the fastest int8 product that it has for CPUs, scales left out |
| numpy int32 | `x @ w.T`, one thread: numpy has no fast product of integers |
| *path* | `xnor_gemm` of bits that are packed already |
| x packed too | `xnor_linear` of float32 x: weights are packed once, activations each time |
| both packed | `pack_bits` of both float32 operands, then `xnor_gemm` |

The last two on the best path. Sides in turn; times are medians over rounds, in brackets the median
of the ratios within a round to `xnor_gemm` on the best path. A side that would take more than 2.5 s
a call, judged by the square before, is left out ("-").
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from xnorkit.machine import cpu_name
from xnorkit.native.toolchain import find_toolchain
from xnorkit.ops import kernels, pack_bits, xnor_gemm, xnor_linear

SIZES = (64, 128, 256, 512, 1024, 2048, 4096)
ROW = (1, 6144, 6144)
ROUNDS, SLOWEST = 5, 2.5  # seconds of a call
PATH = "XNORKIT_ISA"

Shape = tuple[int, int, int]  # rows of x, rows of w, length
Side = Callable[[], object]


def on_path(isa: str, side: Side) -> object:
    """A call with this path named."""
    os.environ[PATH] = isa
    return side()


def sides_of(x: Tensor, w: Tensor, threads: int) -> dict[str, Side]:
    """Name → what is timed."""
    k = x.shape[1]
    half, whole = (x.bfloat16(), w.bfloat16()), (x.to(torch.int8), w.to(torch.int8))
    integers = [v.numpy().astype(np.int32) for v in (x, w)]
    bits = pack_bits(x), pack_bits(w)
    paths = kernels.supported()
    best = partial(on_path, paths[0])
    sides: dict[str, Side] = {
        "float32": lambda: x @ w.T,
        "bfloat16": lambda: half[0] @ half[1].T,
        "int8": lambda: torch._int_mm(whole[0], whole[1].T),
        **{path: partial(on_path, path, lambda: xnor_gemm(*bits, k)) for path in paths},
        "x packed too": partial(best, lambda: xnor_linear(x, bits[1])),
        "both packed": partial(best, lambda: xnor_gemm(pack_bits(x), pack_bits(w), k)),
    }
    if threads == 1:
        sides["numpy int32"] = lambda: integers[0] @ integers[1].T
    return sides


def proven(name: str, side: Side, truth: Tensor) -> None:
    """Raise where a side's product is another."""
    found = torch.as_tensor(side()).to(torch.float32)
    if name == "bfloat16":
        torch.testing.assert_close(found, truth, rtol=2**-7, atol=0)
    elif not torch.equal(found, truth):
        raise SystemExit(f"{name}: another product than float32's")


def timed(side: Side, seconds: float) -> float:
    """Median of calls that take `seconds` together, at least one."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        start = time.perf_counter()
        side()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def in_turn(sides: dict[str, Side], seconds: float) -> dict[str, list[float]]:
    """Seconds of each side in each round; the order rotates."""
    names, taken = list(sides), {name: list[float]() for name in sides}
    for turn in range(ROUNDS):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            taken[name].append(timed(sides[name], seconds / ROUNDS / len(names)))
    return taken


@contextmanager
def with_threads(threads: int) -> Iterator[None]:
    before, path = torch.get_num_threads(), os.environ.get(PATH)
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)
        if path is None:
            os.environ.pop(PATH, None)
        else:
            os.environ[PATH] = path


def measured(
    shape: Shape, threads: int, seconds: float, left_out: set[str], last: dict[str, float]
) -> dict[str, list[float]]:
    """Rounds of every side of a shape that is fast enough; updates who is left out."""
    m, n, k = shape
    generator = torch.Generator().manual_seed(m + n + k)
    x, w = (torch.randint(0, 2, (rows, k), generator=generator) * 2.0 - 1 for rows in (m, n))
    truth = x @ w.T
    sides = sides_of(x, w, threads)
    work = m * n * k
    left_out |= {name for name, per_product in last.items() if per_product * work > SLOWEST}
    sides = {name: side for name, side in sides.items() if name not in left_out}
    for name, side in sides.items():
        proven(name, side, truth)
    taken = in_turn(sides, seconds)
    last |= {name: min(rounds) / work for name, rounds in taken.items()}
    return taken


def ratio(rounds: list[float], to: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(rounds, to, strict=True))


def duration(seconds: float) -> str:
    """In a unit with three digits."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def table(results: dict[Shape, dict[str, list[float]]]) -> str:
    """Markdown: a row a side, a column a shape."""
    names = list(dict.fromkeys(name for taken in results.values() for name in taken))
    best = kernels.supported()[0]
    title = ["x".join(map(str, shape)) if shape == ROW else f"{shape[0]}³" for shape in results]
    lines = [f"| | {' | '.join(title)} |", f"|{' --- |' * (len(results) + 1)}"]
    for name in names:
        cells = []
        for taken in results.values():
            if name not in taken:
                cells.append("-")
                continue
            times = ratio(taken[name], taken[best])
            cells.append(f"{duration(statistics.median(taken[name]))} ({times:.3g})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(results: dict[int, dict[Shape, dict[str, list[float]]]], path: Path) -> None:
    """Time by size, both axes logarithmic, a panel a number of threads."""
    figure = Figure(figsize=(6 * len(results), 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(results), sharey=True, squeeze=False)[0]
    for axes, (threads, by_shape) in zip(panels, results.items(), strict=True):
        squares = {shape[0]: taken for shape, taken in by_shape.items() if shape != ROW}
        for name in dict.fromkeys(name for taken in squares.values() for name in taken):
            points = [
                (n, statistics.median(taken[name]) * 1e6)
                for n, taken in squares.items() if name in taken
            ]  # fmt: skip
            style = "-" if name in kernels.supported() else "--"
            axes.loglog(*zip(*points, strict=True), style, marker="o", markersize=3, label=name)
        axes.set_xticks(list(squares), map(str, squares), minor=False)
        axes.minorticks_off()
        axes.set_xlabel("size of the square matrices")
        axes.set_title(f"{threads} thread{'s' if threads > 1 else ''}")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("time of a product, µs")
    panels[0].legend(fontsize="small")
    figure.suptitle(f"Products of ±1 on {cpu_name()}", fontsize="medium")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=numbers, default=SIZES)
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=1.2, help="of a shape, about")
    parser.add_argument("--plot", type=Path, default=Path("outputs/bench_matmul.png"))
    given = parser.parse_args()
    print(f"{cpu_name()}, torch {torch.__version__}, numpy {np.__version__}, kernels by "
          f"{find_toolchain().version}; each product is float32's")  # fmt: skip
    results: dict[int, dict[Shape, dict[str, list[float]]]] = {}
    for threads in given.threads:
        left_out: set[str] = set()
        last: dict[str, float] = {}
        squares = [(n, n, n) for n in sorted(given.sizes)]
        with with_threads(threads):
            results[threads] = {
                shape: measured(shape, threads, given.seconds, left_out, last) for shape in squares
            }
            results[threads][ROW] = measured(ROW, threads, given.seconds, set(), {})
        print(f"\n{threads} thread{'s' if threads > 1 else ''}: time of a call (times that of "
              f"{kernels.supported()[0]})\n\n{table(results[threads])}", flush=True)  # fmt: skip
    plot(results, given.plot)
    print(f"\n{given.plot}")


if __name__ == "__main__":
    main()
