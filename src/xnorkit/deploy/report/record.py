"""What is known of a deployed network, as plain data ► report.json, whose schema is schema.json.

Nothing here measures: the numbers come from validation, from `speed.measure` and from the file.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from xnorkit.deploy.agreement import TIE, LayerCheck, Validation
from xnorkit.deploy.report.bandwidth import Traffic
from xnorkit.deploy.report.latency import Ratio
from xnorkit.deploy.report.sides import Answers, Missing

FORMAT = 1  # of report.json; another number means that a reader must look at the schema anew
SCHEMA = Path(__file__).with_name("schema.json")
ENGINE = "xnorkit"  # our side's name


@dataclass(frozen=True)
class Subject:
    """What was deployed.

    Attributes:
        title: of the report.
        data: the data set in a few words.
        source: where its recordings come from.
        scheme: of binarisation.
        network: the topology and what it takes.
    """

    title: str
    data: str
    source: str
    scheme: str
    network: str


@dataclass(frozen=True)
class Agreement:
    """Engine beside torch on real inputs.

    Attributes:
        split: of the data set.
        samples: inputs compared.
        torch_accuracy: share of right answers; None where there are no labels.
        engine_accuracy: the same of the engine.
        top1: share of equal answers, ties left out.
        ties: inputs where torch's two best logits are nearer than `tie_margin`.
        tie_margin: see there.
        flipped: inputs where a bit that reaches a binary layer is not torch's.
        largest_difference: of a logit.
        largest_alike: of a logit in the other inputs.
        exact: whether every bit before the head is torch's by construction.
        exact_until: op from which on the engine has a tolerance; None: only the head has.
    """

    split: str
    samples: int
    torch_accuracy: float | None
    engine_accuracy: float | None
    top1: float
    ties: int
    tie_margin: float
    flipped: int
    largest_difference: float
    largest_alike: float
    exact: bool
    exact_until: str | None


@dataclass(frozen=True)
class Sizes:
    """Bytes.

    Attributes:
        file: of model.xnor.
        stated: what was said before training; None where nothing was.
        float32: of the float twin's numbers, its BatchNorms folded.
        file_parts: of each op that has numbers, and of what the file says beside them.
        float32_parts: of each layer.
    """

    file: int
    stated: int | None
    float32: int
    file_parts: dict[str, int]
    float32_parts: dict[str, int]


@dataclass(frozen=True)
class Side:
    """One way to compute the network or its twin, timed.

    Attributes:
        name: as in tables.
        model: `engine`, `network` or `float twin`.
        p50: microseconds of a call with one sample; half of the calls don't exceed it.
        p95: 95 % don't.
        p99: 99 % don't.
        samples: of which these are percentiles.
        calls_per_sample: above 1, a sample is the mean of so many calls.
        ratio: its time over the engine's, paired within rounds; None for the engine.
        throughput: samples per second in batches; None where it takes one sample only.
        answers: beside torch's; None for the engine, whose agreement is a page of its own.
    """

    name: str
    model: str
    p50: float
    p95: float
    p99: float
    samples: int
    calls_per_sample: int
    ratio: Ratio | None
    throughput: float | None
    answers: Answers | None


@dataclass(frozen=True)
class Speed:
    """A race in one process.

    Attributes:
        threads: of each side.
        rounds: in which the sides took turns.
        batch: samples of a call where throughput was measured.
        sides: the engine first.
        missing: who did not take part.
        steps: op → microseconds, each called by itself.
        kernels: op → the loop that ran, where there are several.
        traffic: of the ops that memory limits; None where there are none.
    """

    threads: int
    rounds: int
    batch: int
    sides: tuple[Side, ...]
    missing: tuple[Missing, ...]
    steps: dict[str, float]
    kernels: dict[str, str]
    traffic: Traffic | None = None


@dataclass(frozen=True)
class Machine:
    """Where it was measured.

    Attributes:
        cpu: its name.
        isa: path of the engine.
        compiler: of the engine.
        versions: of what computes.
    """

    cpu: str
    isa: str
    compiler: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Report:
    """All of it.

    Attributes:
        subject: what was deployed.
        agreement: with torch.
        layers: each binary layer's bits.
        labels: of the classes.
        confusion: the engine's answers, (classes, classes) counts, rows are labels; may be empty.
        sizes: in bytes.
        speed: None where nothing was timed.
        machine: where.
    """

    subject: Subject
    agreement: Agreement
    layers: tuple[LayerCheck, ...]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    sizes: Sizes
    speed: Speed | None
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists as schema.json has them; a number that is not finite is None."""
        return {"format": FORMAT, **_plain(asdict(self))}

    def write(self, path: Path) -> None:
        """Write report.json."""
        path.write_text(json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n", "utf-8")

    @property
    def engine(self) -> Side | None:
        """Our own side; None where nothing was timed."""
        return self.speed.sides[0] if self.speed else None


def agreement_of(found: Validation, split: str = "test") -> Agreement:
    """What validation has counted.

    Args:
        found: by `validate`.
        split: that it has seen.
    """
    labelled = bool(found.confusion.sum())
    return Agreement(
        split=split,
        samples=found.samples,
        torch_accuracy=found.torch_correct / found.samples if labelled else None,
        engine_accuracy=found.engine_correct / found.samples if labelled else None,
        top1=found.agreement,
        ties=found.ties,
        tie_margin=TIE,
        flipped=found.flipped,
        largest_difference=found.largest_difference,
        largest_alike=found.largest_alike,
        exact=found.exact,
        exact_until=found.exact_until,
    )


def sizes_of(
    file: int,
    specs: Mapping[str, tuple[str, Sequence[int]]],
    float32_parts: Mapping[str, int],
    stated: int | None = None,
) -> Sizes:
    """Where the bytes are.

    Args:
        file: bytes of model.xnor.
        specs: `Program.tensor_specs()`: `<op>.<field>` → dtype and shape.
        float32_parts: layer → bytes of the float twin.
        stated: bytes of the file as said before training.
    """
    parts: dict[str, int] = {}
    for name, (dtype, shape) in specs.items():
        op = name.rpartition(".")[0]
        parts[op] = parts.get(op, 0) + np.dtype(dtype).itemsize * prod(shape)
    parts["program and labels"] = file - sum(parts.values())
    return Sizes(file, stated, sum(float32_parts.values()), parts, dict(float32_parts))


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node
