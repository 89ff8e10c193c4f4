"""What BinOp adds to a training step of the default network, in one process, all sides in turn.

    python benchmarks/bench_binop_step.py [override …]      e.g. network.widths=[128,128,128,128]

| side | what a step is |
| --- | --- |
| without | forward, backward, optimiser; the binary layers take their weights as they stand |
| BinOp | the same between `binarize_()` and `restore_()`, `rescale_gradients_()` |
| tensor copies | XNOR-Net's step as in the first PyTorch programs: new tensors, layer by layer |
| in the graph | no callback: each layer binarises in its forward |

First, in three float64 steps, BinOp and the tensor copies must give the same weights. Fails unless
the median of the paired ratios BinOp / without is at most 1.10, and BinOp's own share of a step is
smaller than that of the tensor copies.
"""

import copy
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import hydra
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xnorkit import BinOp
from xnorkit.cli import build
from xnorkit.nn import BinaryLayer
from xnorkit.resources import CONF_DIR

BATCH, THREADS, CLASSES = 64, 2, 12
MOST_ROUNDS, LEAST_ROUNDS, WARM_UP = 60, 10, 3
MOST_SECONDS = 120  # no new round after it
MOST = 1.10

Step = Callable[[], float]  # seconds of what is not forward, backward or optimiser


class TensorCopies:
    """XNOR-Net's training step with a new tensor for everything, layer by layer."""

    def __init__(self, network: nn.Module) -> None:
        self.layers = [m for m in network.modules() if isinstance(m, BinaryLayer)]
        self.saved = [layer.weight.data.clone() for layer in self.layers]
        for layer in self.layers:
            layer.holds_binary_weight = True

    def binarize(self) -> None:
        """Centre, clamp, save, write α·sign(W)."""
        for layer in self.layers:
            weight = layer.weight.data
            negative_mean = weight.mean(1, keepdim=True).mul(-1).expand_as(weight)
            layer.weight.data = weight.add(negative_mean)
        for layer in self.layers:
            layer.weight.data = layer.weight.data.clamp(-1.0, 1.0)
        for layer, saved in zip(self.layers, self.saved, strict=True):
            saved.copy_(layer.weight.data)
        for layer in self.layers:
            weight = layer.weight.data
            layer.weight.data = signs(weight).mul(scale(weight).expand_as(weight))

    def restore(self) -> None:
        """The saved weights back."""
        for layer, saved in zip(self.layers, self.saved, strict=True):
            layer.weight.data.copy_(saved)

    def rescale(self) -> None:
        """The rule `chain`."""
        for layer in self.layers:
            weight, gradient = layer.weight.data, layer.weight.grad
            assert gradient is not None  # backward has run
            n, inputs = weight[0].nelement(), weight.size(1)
            through_sign = scale(weight).expand_as(weight).clone()
            through_sign[weight.lt(-1.0)] = 0
            through_sign[weight.gt(1.0)] = 0
            through_sign = through_sign.mul(gradient)
            through_scale = signs(weight).mul(gradient)
            through_scale = filter_sum(through_scale).div(n).expand_as(weight)
            through_scale = through_scale.mul(signs(weight))
            total = through_sign.add(through_scale)
            gradient.data = total.mul(1.0 - 1.0 / inputs).mul(n)


def signs(weight: Tensor) -> Tensor:
    return weight.sign()  # theirs; no weight is exactly 0 here


def filter_sum(values: Tensor) -> Tensor:
    for axis in reversed(range(1, values.dim())):
        values = values.sum(axis, keepdim=True)
    return values


def scale(weight: Tensor) -> Tensor:
    return filter_sum(weight.abs()).div(weight[0].nelement())


def plain_step(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Step:
    for layer in network.modules():
        if isinstance(layer, BinaryLayer):
            layer.holds_binary_weight = True
    return graph_step(network, optimizer, x, y)


def graph_step(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Step:
    def step() -> float:
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()
        optimizer.step()
        return 0.0

    return step


def binop_step(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Step:
    bin_op = BinOp().attach(network)

    def after() -> None:
        bin_op.restore_()
        bin_op.rescale_gradients_()

    return swapped_step(bin_op.binarize_, after, network, optimizer, x, y)


def copies_step(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Step:
    copies = TensorCopies(network)

    def after() -> None:
        copies.restore()
        copies.rescale()

    return swapped_step(copies.binarize, after, network, optimizer, x, y)


def swapped_step(
    before: Callable[[], None],
    after: Callable[[], None],
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
) -> Step:
    def step() -> float:
        optimizer.zero_grad()
        added = seconds(before)
        F.cross_entropy(network(x), y).backward()
        added += seconds(after)
        optimizer.step()
        return added

    return step


SIDES = {
    "without": plain_step,
    "BinOp": binop_step,
    "tensor copies": copies_step,
    "in the graph": graph_step,
}


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def default_network(overrides: list[str]) -> tuple[nn.Module, tuple[int, ...]]:
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = hydra.compose("train", overrides)
    features = build.instantiate(cfg, "data.features")
    torch.manual_seed(0)
    return build.network(cfg, features, [str(i) for i in range(CLASSES)]), features.output_shape


def sides(
    network: nn.Module, x: Tensor, y: Tensor, optimizer: Callable[..., torch.optim.Optimizer]
) -> dict[str, tuple[nn.Module, Step]]:
    made = {}
    for name, make in SIDES.items():
        own = copy.deepcopy(network)
        made[name] = (own, make(own, optimizer(own.parameters(), lr=1e-3), x, y))
    return made


def check_equal(network: nn.Module, shape: tuple[int, ...]) -> None:
    """BinOp and the tensor copies train alike."""
    x, y = torch.randn(4, *shape, dtype=torch.float64), torch.randint(CLASSES, (4,))
    # SGD: Adam divides by the gradient's size and so makes much of rounding where that is near 0.
    made = sides(copy.deepcopy(network).double(), x, y, torch.optim.SGD)
    (first, binop), (second, copies) = made["BinOp"], made["tensor copies"]
    for _ in range(3):
        # From equal weights: one rounding apart, max-pooling of equal sums takes another of them.
        second.load_state_dict(first.state_dict())
        binop()
        copies()
        for (name, a), b in zip(first.named_parameters(), second.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11, msg=f"{name} differs")


def measure(
    network: nn.Module, shape: tuple[int, ...]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of whole steps, and of what is added to them; each round takes all sides in turn."""
    x, y = torch.randn(BATCH, *shape), torch.randint(CLASSES, (BATCH,))
    made = sides(network, x, y, torch.optim.Adam)
    whole: dict[str, list[float]] = {name: [] for name in made}
    added: dict[str, list[float]] = {name: [] for name in made}
    order, start = list(made), time.perf_counter()
    for index in range(WARM_UP + MOST_ROUNDS):
        late = time.perf_counter() - start > MOST_SECONDS
        if late and index >= WARM_UP + LEAST_ROUNDS:
            break
        order.append(order.pop(0))  # none is always the first
        for name in order:
            begin = time.perf_counter()
            extra = made[name][1]()
            if index >= WARM_UP:
                whole[name].append(time.perf_counter() - begin)
                added[name].append(extra)
    return whole, added


def paired(numerator: list[float], denominator: list[float]) -> tuple[float, float, float]:
    """Quartiles of the ratios, round by round."""
    ratios = [a / b for a, b in zip(numerator, denominator, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return low, middle, high


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def show(name: str, value: str) -> None:
    print(f"{name:<44} {value}")


def main() -> int:
    torch.set_num_threads(THREADS)
    network, shape = default_network(sys.argv[1:])
    show("CPU, torch threads", f"{cpu_model()}, {torch.get_num_threads()}")
    show("torch", torch.__version__)
    weights = [m.weight for m in network.modules() if isinstance(m, BinaryLayer)]
    show("binary layers, weights", f"{len(weights)}, {sum(w.numel() for w in weights)}")
    show("batch", f"{(BATCH, *shape)}")
    check_equal(network, shape)
    show("BinOp and tensor copies, 3 steps in float64", "equal")
    whole, added = measure(network, shape)
    for name, values in whole.items():
        extra = f", of which swap and rescale {1e3 * statistics.median(added[name]):.3f} ms"
        show(
            f"{name}, median of {len(values)} steps",
            f"{1e3 * statistics.median(values):.2f} ms{extra}",
        )
    for name in ("BinOp", "tensor copies", "in the graph"):
        low, middle, high = paired(whole[name], whole["without"])
        show(f"{name} / without, paired [quartiles]", f"{middle:.3f} [{low:.3f}, {high:.3f}]")
    low, ratio, high = paired(whole["BinOp"], whole["without"])
    low, faster, high = paired(added["tensor copies"], added["BinOp"])
    show("swap and rescale: tensor copies / BinOp", f"{faster:.2f}x [{low:.2f}, {high:.2f}]")
    good = ratio <= MOST and faster > 1
    show(f"at most {MOST:.2f}x, and faster than tensor copies", "yes" if good else "NO")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
