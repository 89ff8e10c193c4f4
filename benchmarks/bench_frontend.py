"""Start, batches and features of the default recipe beside its training step.

    python benchmarks/bench_frontend.py [override …]      e.g. data.features.log_mel.hop_ms=20

Reads the embedded subset into a new folder (first start), opens it again (second start), then
takes turns: fetch a batch, augment and transform it, one training step on it with BinOp. Fails
unless features cost at most a third of a step and the peak of memory is below 2 GB.
"""

import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import DictConfig
from torch.nn import functional as F

from xnorkit.cli import build
from xnorkit.resources import CONF_DIR

ROUNDS = 40
WARM_UP = 5
MOST_SHARE = 1 / 3  # of a step
MOST_MEMORY = 2e9  # bytes
FETCH, FEATURES, STEP = "fetch a batch", "augment + log-mel", "training step with BinOp"


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def default_config(data_dir: str, overrides: list[str]) -> DictConfig:
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return hydra.compose("train", [f"data_dir={data_dir}", "data.source=embedded", *overrides])


def seconds(action: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = action(*arguments)
    return time.perf_counter() - begin, result


def start(cfg: DictConfig) -> Any:
    datamodule = build.instantiate(cfg, "data")
    datamodule.prepare_data()
    datamodule.setup("fit")
    return datamodule


def endless(loader: Any) -> Iterator[dict[str, torch.Tensor]]:
    while True:
        yield from loader


def training_step(cfg: DictConfig, datamodule: Any) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """Binarise, forward, backward, restore, rescale, optimise."""
    network = build.network(cfg, datamodule.features, datamodule.labels)
    optimizer = build.instantiate(cfg, "optimizer")(network.parameters())
    bin_op = build.instantiate(cfg, "callbacks.binop").attach(network)

    def step(features: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad()
        bin_op.binarize_()
        F.cross_entropy(network(features), labels).backward()
        bin_op.restore_()
        bin_op.rescale_gradients_()
        optimizer.step()

    return step


def measure(cfg: DictConfig, datamodule: Any) -> dict[str, list[float]]:
    """Seconds of each part, all parts in turn."""
    frontend = build.frontend(datamodule).train()
    step, batches = training_step(cfg, datamodule), endless(datamodule.train_dataloader())
    times: dict[str, list[float]] = {FETCH: [], FEATURES: [], STEP: []}
    for _ in range(WARM_UP + ROUNDS):
        fetched, batch = seconds(next, batches)
        made, features = seconds(frontend, batch["waveform"], batch["key"])
        stepped, _ = seconds(step, features, batch["label"])
        for name, value in zip(times, (fetched, made, stepped), strict=True):
            times[name].append(value)
    return {name: values[WARM_UP:] for name, values in times.items()}


def peak_memory() -> float:
    """Bytes, of this process or the largest of its children."""
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(user).ru_maxrss for user in users)
    return peak * (1 if sys.platform == "darwin" else 1024)


def show(name: str, value: str) -> None:
    print(f"{name:<44} {value}")


def report_times(times: dict[str, list[float]]) -> None:
    for name, values in times.items():
        low, middle, high = (1e3 * value for value in statistics.quantiles(values, n=4))
        show(f"{name}, median [quartiles]", f"{middle:.2f} [{low:.2f}, {high:.2f}] ms")


def main() -> int:
    with tempfile.TemporaryDirectory() as data_dir:
        cfg = default_config(data_dir, sys.argv[1:])
        built, first = seconds(start, cfg)
        found, datamodule = seconds(start, cfg)
        assert datamodule.counts == first.counts  # the store that is found is the one built
        times = measure(cfg, datamodule)
    show("CPU, torch threads", f"{cpu_model()}, {torch.get_num_threads()}")
    show("torch", torch.__version__)
    show("data", f"{datamodule.title}, {datamodule.counts}")
    show("clips in a batch", str(cfg.data.batch_size))
    show("features of a clip", str(datamodule.features.output_shape))
    show("first start, builds the store", f"{built:.2f} s")
    show("second start, finds it", f"{found:.2f} s")
    report_times(times)
    share = statistics.median(times[FEATURES]) / statistics.median(times[STEP])
    memory = peak_memory()
    show(f"{FEATURES} / {STEP}", f"{share:.3f} (at most {MOST_SHARE:.3f})")
    show("peak memory", f"{memory / 1e9:.2f} GB (below {MOST_MEMORY / 1e9:.0f} GB)")
    return 0 if share <= MOST_SHARE and memory < MOST_MEMORY else 1


if __name__ == "__main__":
    sys.exit(main())
