"""What the user sees at the start, at the end and when something can't be done."""

import logging
import math
import shlex
import sys
import traceback
from importlib.metadata import version
from typing import Any

import torch
from hydra.errors import HydraException
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from xnorkit.callbacks.deploy import Deploy
from xnorkit.cli import comparison, float_stage, resume
from xnorkit.cli.checks import Refused, not_writable
from xnorkit.cli.run_folder import RunFolder, is_rank_zero
from xnorkit.data.datamodule import DataModule
from xnorkit.deploy import pipeline
from xnorkit.deploy.pipeline import Plan
from xnorkit.deploy.report.screen import renderable
from xnorkit.machine import program
from xnorkit.nn.summary import summarise
from xnorkit.resources import CONF_DIR
from xnorkit.tasks import Task

_log = logging.getLogger(__name__)
_current: list[RunFolder] = []  # the run of this process, for messages after it has ended
_SENTENCES = (ValueError, OSError, MisconfigurationException)


def show_opening(run: RunFolder) -> None:
    """Version, where the configs are, where the run is: before anything slow begins."""
    _current[:] = [run]
    _show(Text(f"xnorkit {version('xnorkit')} · configs {CONF_DIR}\nrun folder {run.shown()}"))


def show_start(
    cfg: DictConfig,
    run: RunFolder,
    task: Task,
    data: DataModule,
    planned: Plan | None = None,
) -> dict[str, Any]:
    """The screen that says what will run.

    Args:
        cfg: the composed config.
        run: its folder.
        task: what is trained or tested.
        data: on what.
        planned: what will be deployed; its size is that of model.xnor.

    Returns:
        What the result says of it too: sizes in bytes and the data's title.
    """
    features = task.example_input()
    summary = summarise(task.network, features)
    total = summary.total
    binary = [layer.name for layer in summary.layers if layer.binary_parameters]
    packed, how = total.packed_bytes, "packed"
    if planned is not None:
        packed, how = planned.nbytes, f"in {pipeline.MODEL}"
    rows = [
        ("scheme", _class(cfg.model)),
        ("network", f"{_class(cfg.network)} on {_shape(features)}"),
        ("binary", ", ".join(binary) or "no layer"),
        ("parameters", f"{total.binary_parameters:,} binary, {total.float_parameters:,} float"),
        ("MACs", f"{total.binary_macs:,} binary, {total.float_macs:,} float"),
        ("size", f"{packed:,} bytes {how}, {total.float_bytes:,} as float32"),
        *task.facts().items(),
        ("data", f"{data.title}: {_counts(data.counts)}"),
        ("source", data.source_note),
        ("training", _training(cfg) if cfg.fit else f"none: {cfg.ckpt_path} is tested"),
        ("device", f"{cfg.trainer.get('accelerator', 'auto')}, {cfg.trainer.get('precision')}"),
        ("run folder", run.shown()),
    ]
    if cfg.fit and float_stage.epochs(cfg):
        rows.insert(-2, ("weights", f"start as in {run.float_stage.shown()}"))
    if cfg.init_from:
        rows.insert(-2, ("weights", f"start as in {cfg.init_from}"))
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="dim"), Text(str(value)))
    _show(Panel(table, title=f"[bold]{cfg.title}[/bold]", title_align="left", expand=False))
    return {
        "packed_bytes": packed,
        "float_bytes": total.float_bytes,
        "data": data.title,
    }


def show_stage_end(best: float) -> None:
    """The float twin's accuracy, with which the binary network's can be compared."""
    _show(Text(f"float stage  val/acc {best:.4f}"))


def show_end(
    run: RunFolder,
    best: float,
    result: dict[str, float],
    deploy: Deploy | None = None,
    score: str = "val/acc",
) -> None:
    """The best score, what the test gave, the proof, the next command, last the run folder."""
    if deploy is not None and deploy.deployed is not None:
        _show(renderable(deploy.deployed.report))
    lines = {}
    if not math.isnan(best):
        lines[score] = f"{best:.4f}  (best checkpoint: {run.best.relative_to(run.path)})"
    tested = {k: v for k, v in result.items() if k.startswith("test/") and k != "test/loss"}
    lines |= {name: f"{value:.4f}" for name, value in tested.items()}
    if (run.path / "report" / "report.md").is_file():
        lines["report"] = f"{run.shown()}/report/report.md"
    if (run.path / "tensorboard").is_dir():
        lines["next"] = f"{program('tensorboard')} --logdir {run.shown()}/tensorboard"
    width = max(map(len, lines), default=0)
    rows = [f"{name:<{width}}  {value}" for name, value in lines.items()]
    _show(Text("\n".join([*rows, f"run folder {run.shown()}"])))


class DeployFailed(Refused):
    """The engine was not built or not proven; what was trained is kept."""


def deploy_failed(run: RunFolder, error: BaseException) -> BaseException:
    """What the command raises after its summary: a signal as it is, else a sentence."""
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return error
    name = "" if isinstance(error, _SENTENCES) else f"{type(error).__name__}: "
    failed = DeployFailed(
        f"deploy: {name}{error}\nThe checkpoint is {run.best}. Run only this step again:\n"
        f"{_deploy_command(run)}"
    )
    failed.__cause__ = error
    return failed


def _deploy_command(run: RunFolder) -> str:
    folder = shlex.quote(run.shown())
    return f"{program('xnorkit-deploy')} {folder}/checkpoints/{run.best.name}"


def show_stopped() -> None:
    """After Ctrl-C or SIGTERM: what is kept and how to go on."""
    if not _current or not _current[0].can_resume:
        _complain("stopped; nothing was saved yet")
        return
    run = _current[0]
    if run.tested:
        _complain(
            f"stopped while it deployed; the rest is done. That alone:\n{_deploy_command(run)}"
        )
        return
    _complain(f"stopped; saved last.ckpt. Continue with:\n{resume.command(run)}")


# Where OmegaConf's and Hydra's messages go on with what helps only who wrote the program.
_REST = ("\nConfig search path", "\nKey '", "\n    full_key: ")


def show_error(error: Exception) -> int:
    """One sentence for what the user can change, the traceback for what is our fault.

    Returns:
        The exit code: 2 for the first, 1 for the second.
    """
    sentence = _sentence(error)
    if sentence is None:
        traceback.print_exception(error)
    _complain(f"error: {sentence or f'{type(error).__name__}: {error}'}")
    run = _current[0] if _current else None
    if run is not None and run.log.is_file() and not isinstance(error, Refused):
        _complain(f"traceback in {run.shown()}/{run.log.name}")
    if run is not None and run.can_resume and not isinstance(error, DeployFailed):
        _complain(f"what was trained is kept. Continue with:\n{resume.command(run)}")
    return 1 if sentence is None else 2


def _sentence(error: Exception) -> str | None:
    if isinstance(error, HydraException | OmegaConfBaseException):
        cause = error.__cause__
        text = f"{error}\n{cause}" if isinstance(cause, OmegaConfBaseException) else str(error)
        for rest in _REST:
            text = text.partition(rest)[0]
        return text.rstrip()
    if isinstance(error, OSError) and error.filename and not _current:
        return not_writable(str(error.filename), error)  # until then hydra makes the run folder
    if isinstance(error, _SENTENCES):
        return str(error)
    return None


def show_comparison() -> None:
    """The table of the sweep that has just run."""
    folder = comparison.last_sweep()
    if folder is None:
        return
    groups = comparison.groups(comparison.read_rows(folder))
    headings, rows = comparison.table(groups)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:  # only the runs' names may take two lines
        name = heading == "run"
        table.add_column(heading, no_wrap=not name, overflow="fold", min_width=12 if name else None)
    for row in rows:
        table.add_row(*row)
    _console(table).print(table)
    for line in comparison.failures(groups):
        _complain(line)
    print(f"comparison {RunFolder(folder).shown()}/comparison.md")


def _training(cfg: DictConfig) -> str:
    epochs, batch = float_stage.epochs_left(cfg), cfg.data.get("batch_size")
    schedule = _class(cfg.scheduler) if cfg.get("scheduler") else "constant"
    return (
        f"{epochs} epochs, batches of {batch}, {_class(cfg.optimizer)} at "
        f"{cfg.optimizer.get('lr')}, {schedule}, seed {cfg.seed}"
    )


def _class(node: DictConfig) -> str:
    return str(OmegaConf.select(node, "_target_")).rsplit(".", 1)[-1]


def _shape(features: torch.Tensor) -> str:
    return "x".join(map(str, features.shape[2:]))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {split}" for split, number in counts.items())


def _show(what: Any) -> None:
    """On the terminal and in train.log, by rank 0; a path is never broken in two."""
    if not is_rank_zero():
        return
    _console(what).print(what)
    plain = Console(width=120, color_system=None)
    with plain.capture() as captured:
        plain.print(what)
    _log.info("\n%s", captured.get().rstrip())


def _console(what: Any) -> Console:
    return Console(soft_wrap=not isinstance(what, Table | Panel))


def _complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
