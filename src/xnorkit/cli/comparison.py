"""The jobs of a sweep → comparison.md, .csv and .png in the sweep's folder, after every job.

comparison.csv has a row for each job and is what the next job's call reads; the table and the
figure group the rows over seeds. A hydra callback, so that it runs in whatever process a launcher
chooses, and also when a job has failed: hydra calls `on_job_end` then, but no `on_multirun_end`.
"""

import csv
import io
import json
import math
import statistics
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from matplotlib.figure import Figure
from omegaconf import DictConfig

from xnorkit.cli.run_folder import RunFolder
from xnorkit.picture_plots import rate_figure
from xnorkit.plots import Contender, comparison_figure
from xnorkit.whole_file import replace_file

Row = dict[str, str]
COLUMNS = (
    "job", "run", "seed", "status", "test/acc", "val/acc", "test/psnr", "val/psnr",
    "test/ms_ssim", "test/bpp", "deploy/agreement", "deploy/latency_us", "deploy/bytes",
    "packed_bytes", "float_bytes", "data", "folder", "error",
)  # fmt: skip

_SCORES = ("test/acc", "val/acc", "test/psnr", "val/psnr")  # what ranks, the first that is there

_sweep: list[Path] = []  # the sweep of this process, for the table at the end


class Comparison(Callback):
    """Writes the comparison of a sweep; does nothing in a single run."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember the sweep's folder."""
        _sweep[:] = [Path(config.hydra.sweep.dir).absolute()]

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Add the job's row, whether it ended well or not."""
        if config.hydra.mode is None or config.hydra.mode.name != "MULTIRUN":
            return
        add_row(Path(config.hydra.sweep.dir).absolute(), row_of(config, job_return))


def row_of(config: DictConfig, job_return: JobReturn) -> Row:
    """What a job has reached, from its result.json, and why it failed if it did.

    One whose deploy step failed has reached its accuracies before.
    """
    run = RunFolder(Path(config.hydra.runtime.output_dir))
    typed = (o.replace(" ", "") for o in job_return.overrides or ())
    overrides = [o for o in typed if not o.startswith(("seed=", "hydra"))]
    done = job_return.status == JobStatus.COMPLETED
    row = dict.fromkeys(COLUMNS, "")
    row |= {
        "job": str(config.hydra.job.num),
        "run": " ".join(overrides),
        "seed": str(config.get("seed", "")),
        "status": "done" if done else "failed",
        "folder": run.path.name,
    }
    if not done:
        row["error"] = _first_line(str(job_return._return_value)) or "unknown"
    if run.result.is_file():
        result = json.loads(run.result.read_text(encoding="utf-8"))
        row |= {name: str(result[name]) for name in COLUMNS if name in result}
    return row


def add_row(folder: Path, row: Row) -> None:
    """Add a job's row, or replace it, and write all three files anew; safe among processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".comparison.lock"):
        rows = {r["job"]: r for r in read_rows(folder)}
        rows[row["job"]] = row
        ordered = sorted(rows.values(), key=lambda r: int(r["job"]))
        replace_file(folder / "comparison.csv", _csv(ordered))
        replace_file(folder / "comparison.md", markdown(ordered))
        figure(ordered).savefig(folder / "comparison.png", dpi=150)


def read_rows(folder: Path) -> list[Row]:
    """The rows of comparison.csv; none where there is no file."""
    path = folder / "comparison.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [dict.fromkeys(COLUMNS, "") | row for row in csv.DictReader(file)]


@dataclass(frozen=True)
class Group:
    """Jobs that differ in their seed only.

    Args:
        name: their overrides, without those that all jobs of the sweep share.
        rows: of the jobs that ended well, or have a result all the same.
        failed: rows of those that did not end well.
    """

    name: str
    rows: tuple[Row, ...]
    failed: tuple[Row, ...]

    def values(self, column: str) -> list[float]:
        """The numbers of a column; empty where no job has one."""
        return [float(r[column]) for r in self.rows if r[column] not in ("", "nan")]

    def mean(self, column: str) -> float:
        """NaN where there is nothing."""
        values = self.values(column)
        return statistics.fmean(values) if values else float("nan")

    def cells(self) -> list[str]:
        """The table's row: one for each of HEADINGS."""
        return [
            self.name,
            " ".join(r["seed"] for r in self.rows) or "-",
            _mean(self.values("test/acc"), 100, ".1f"),
            _mean(self.values("val/acc"), 100, ".1f"),
            _mean(self.values("deploy/agreement"), 100, ".2f"),
            _mean(self.values("deploy/latency_us"), 1, ",.0f"),
            _mean(self.values("deploy/bytes"), 1, ",.0f", spread=False),
            _mean(self.values("packed_bytes"), 1, ",.0f", spread=False),
            _mean(self.values("float_bytes"), 1, ",.0f", spread=False),
            _mean(self.values("test/psnr"), 1, ".2f"),
            _mean(self.values("test/ms_ssim"), 1, ".4f"),
            _mean(self.values("test/bpp"), 1, ".3f"),
            str(len(self.failed) or ""),
        ]


HEADINGS = (
    "run", "seeds", "test %", "val %", "agree %", "p50 µs", "file B", "packed B", "float B",
    "PSNR dB", "MS-SSIM", "bits/px", "failed",
)  # fmt: skip


def groups(rows: Sequence[Row]) -> list[Group]:
    """Rows grouped over seeds, the best first."""
    shared = set.intersection(*(set(r["run"].split()) for r in rows)) if len(rows) > 1 else set()
    names: dict[str, list[Row]] = {}
    for row in rows:
        own = [o for o in row["run"].split() if o not in shared]
        names.setdefault(" ".join(own) or "defaults", []).append(row)
    found = []
    for name, members in names.items():
        failed = tuple(r for r in members if r["status"] != "done")
        found.append(
            Group(name, tuple(r for r in members if r not in failed or _reached(r)), failed)
        )

    def rank(group: Group) -> tuple[bool, float]:
        mean = next((group.mean(score) for score in _SCORES if group.values(score)), math.nan)
        return math.isnan(mean), -mean

    return sorted(found, key=rank)


def table(found: Sequence[Group]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows, so narrow that a terminal can hold them.

    A column that says nothing of any run is left out, and so is the packed size as stated where
    each run has a file, which has that size.
    """
    rows = [dict(zip(HEADINGS, group.cells(), strict=True)) for group in found]
    silent = {h for h in HEADINGS[2:] if all(row[h] in ("", "-") for row in rows)}
    if all(row["file B"] != "-" or row["packed B"] == "-" for row in rows):
        silent.add("packed B")
    shown = [heading for heading in HEADINGS if heading not in silent]
    return shown, [[row[heading] for heading in shown] for row in rows]


def failures(found: Iterable[Group]) -> list[str]:
    """Why jobs failed, a line each."""
    pairs = ((group.name, row) for group in found for row in group.failed)
    return [
        f"job {r['job']} ({name} seed={r['seed']}) failed: {r['error']} ({r['folder']}/train.log)"
        for name, r in pairs
    ]


def markdown(rows: Sequence[Row]) -> str:
    """comparison.md: the table, then why jobs failed."""
    found = groups(rows)
    headings, cells = table(found)
    lines = [f"# Comparison: {_title(rows)}", "", _line(headings), _line("---" for _ in headings)]
    lines += [_line(row) for row in cells]
    lines += ["", *(f"- {line}" for line in failures(found))]
    return (
        "\n".join(lines) + "\n\nMean ± standard deviation over seeds; each job in comparison.csv.\n"
    )


def figure(rows: Sequence[Row]) -> Figure:
    """comparison.png: each run's accuracies, and where deployed, what they cost.

    Of compressions: PSNR over bits per pixel.
    """
    points = {g.name: [(g.mean("test/bpp"), g.mean("test/psnr"))] for g in groups(rows)}
    known = {name: point for name, point in points.items() if not math.isnan(point[0][0])}
    if known:
        return rate_figure(known, "PSNR, dB", _title(rows))
    shown = [group for group in groups(rows) if group.values("test/acc")]
    contenders = [
        Contender(
            textwrap.fill(group.name, 40),
            tuple(group.values("test/acc")),
            group.mean("deploy/latency_us"),
            group.mean("deploy/bytes"),
        )
        for group in shown
    ]
    return comparison_figure(contenders, _title(rows))


def last_sweep() -> Path | None:
    """Folder of the sweep that this process has run, if it has rows."""
    return _sweep[0] if _sweep and read_rows(_sweep[0]) else None


def _reached(row: Row) -> bool:
    """Whether a job that failed has trained before."""
    return any(row[score] for score in _SCORES)


def _first_line(message: str) -> str:
    lines = message.strip().splitlines()
    return f"{lines[0]} …" if len(lines) > 1 else "".join(lines)


def _title(rows: Sequence[Row]) -> str:
    return ", ".join(sorted({r["data"] for r in rows if r["data"]})) or "no job has ended"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _mean(values: list[float], scale: float, form: str, spread: bool = True) -> str:
    """Mean, and the standard deviation of several; "-" of none."""
    if not values:
        return "-"
    mean = format(scale * statistics.fmean(values), form)
    deviation = spread and len(values) > 1
    return f"{mean} ± {scale * statistics.stdev(values):{form}}" if deviation else mean


def _csv(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
