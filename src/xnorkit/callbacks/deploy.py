"""After fit: the best checkpoint → model.xnor and its engine, proven on real clips.

Nothing that goes wrong here costs the training: the error is kept, and whoever runs the trainer
raises it when all else is done (`cli/train.py` tests and prints its summary first).
"""

import copy
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn

from xnorkit.deploy import pipeline
from xnorkit.deploy.agreement import Validation
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.report import board, page
from xnorkit.deploy.report.bandwidth import large_weights
from xnorkit.deploy.report.record import Machine, Report, Subject, agreement_of, sizes_of
from xnorkit.deploy.report.speed import measure
from xnorkit.deploy.xnor_file import producer_versions
from xnorkit.features import Features
from xnorkit.features.features import name_in_batch
from xnorkit.machine import cpu_name
from xnorkit.nn import summarise
from xnorkit.tasks import Classification

_log = logging.getLogger(__name__)
_COMPILED = "_orig_mod."  # torch.compile puts it before every name


@dataclass(frozen=True)
class Deployed:
    """What became of a checkpoint.

    Attributes:
        checkpoint: the file.
        plan: of its network.
        engine: ready to be called.
        validation: how it agrees with torch.
        report: what was found and measured.
    """

    checkpoint: Path
    plan: pipeline.Plan
    engine: Engine
    validation: Validation
    report: Report


class Deploy(Callback):
    """Packs, compiles and proves the best checkpoint when fit ends.

    Before training it lowers the untrained network, so that one without an engine is refused
    before it costs anything. Without a checkpoint (fast_dev_run) there is nothing to deploy.

    Args:
        folder: gets model.xnor and engine.cpp.
        report: folder that gets report.json, report.md and figures; None: nothing is written.
        isa: path to run, as in XNORKIT_ISA; None: the best that the CPU has.
        cache_dir: where compiled engines are kept; None: ~/.cache/xnorkit/engines.
        split: whose clips prove the engine.
        race_seconds: how long engine, torch and the rivals that are installed take turns; 0: not.
        twin: the float module of the same topology, the rivals' network; None: there is no race.

    Raises:
        ValueError: `race_seconds` is no length of time.

    Attributes:
        deployed: after fit what came of it, or None.
        error: after fit what went wrong, or None.
    """

    def __init__(
        self,
        folder: str | Path,
        report: str | Path | None = None,
        isa: str | None = None,
        cache_dir: str | Path | None = None,
        split: Literal["test", "val"] = "test",
        race_seconds: float = 5.0,
        twin: nn.Module | None = None,
    ) -> None:
        if not 0 <= race_seconds < float("inf"):
            raise ValueError(
                f"race_seconds={race_seconds}: give a length of time, or 0 for no race."
            )
        self.folder = Path(folder)
        self.isa = isa
        self.cache_dir = None if cache_dir is None else Path(cache_dir).expanduser()
        self.report = None if report is None else Path(report)
        self.split = split
        self.race_seconds = race_seconds
        self.twin = twin
        self.stated: int | None = None
        self.deployed: Deployed | None = None
        self.error: BaseException | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a network that has no engine.

        Raises:
            TypeError: the module is not a Classification.
            Unsupported: a part of it can't be lowered.
        """
        self.stated = plan_of(_classification(pl_module)).nbytes

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Deploy; errors are kept. A spawned rank leaves it to its parent."""
        if trainer.is_global_zero and not _is_spawned(trainer):
            self._run_best(trainer, pl_module, trainer.datamodule)  # type: ignore[attr-defined]  # Lightning sets it, no class declares it

    def run_if_left(self, trainer: Trainer, pl_module: LightningModule, datamodule: Any) -> None:
        """Deploy in this process what was trained in spawned ones."""
        if _is_spawned(trainer):
            self._run_best(trainer, pl_module, datamodule)

    def _run_best(self, trainer: Trainer, pl_module: LightningModule, datamodule: Any) -> None:
        callback = trainer.checkpoint_callback
        best = callback.best_model_path if isinstance(callback, ModelCheckpoint) else ""
        if not best:
            _log.warning("nothing to deploy: no best checkpoint was written")
            return
        self.run(Path(best), _classification(pl_module), datamodule)
        if self.deployed is None:
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                board.log(self.deployed.report, logger.experiment, trainer.global_step)

    def result(self) -> dict[str, float]:
        """Numbers for a run's result; none where nothing was deployed."""
        if self.deployed is None:
            return {}
        return {
            f"deploy/{name}": value for name, value in board.scalars(self.deployed.report).items()
        }

    def run(self, checkpoint: Path, task: Classification, datamodule: Any) -> None:
        """Deploy one checkpoint, on CPU copies in float32.

        Args:
            checkpoint: of this task.
            task: stays as it is.
            datamodule: gives the clips that prove it.
        """
        try:
            self.deployed = self._deployed(checkpoint, task, datamodule)
            if self.report is not None:
                page.write(self.deployed.report, self.report)
        except BaseException as error:  # Ctrl-C too: the test and the summary are still to come
            _log.info("the deploy step ended by an error", exc_info=True)
            self.error = error

    def _deployed(self, checkpoint: Path, task: Classification, datamodule: Any) -> Deployed:
        network, frontend = best_copies(checkpoint, task)
        inputs, labels = features_of(frontend, _batches(datamodule, self.split))
        planned = pipeline.plan(network, inputs[:1], task.labels, frontend)
        engine, found = pipeline.deploy(
            planned, self.folder, inputs, labels, self.isa, self.cache_dir
        )
        speed = None
        if self.race_seconds and self.twin is not None:
            program, twin = planned.lowered.program, self.twin.cpu().float().eval()
            speed = measure(
                engine,
                [op.name for op in program.ops],
                network,
                twin,
                inputs,
                seconds=self.race_seconds,
                weights=large_weights(program),
            )
        report = Report(
            subject=_subject(task, datamodule),
            agreement=agreement_of(found, self.split),
            layers=tuple(found.layers),
            labels=tuple(task.labels),
            confusion=tuple(tuple(map(int, row)) for row in found.confusion),
            sizes=sizes_of(engine.nbytes, planned.specs, _float32(network, inputs), self.stated),
            speed=speed,
            machine=_machine(engine),
        )
        return Deployed(checkpoint, planned, engine, found, report)


def _subject(task: Classification, datamodule: Any) -> Subject:
    config: dict[str, Any] = dict(task.hparams).get("config", {})
    names = {
        key: str(config.get(key, {}).get("_target_", "")).rsplit(".", 1)[-1]
        for key in ("model", "network")
    }
    shape: Any = task.frontend.output_shape
    takes = "x".join(map(str, shape[1:]))
    return Subject(
        title=f"{names['model']} {names['network']}, {datamodule.title}",
        data=datamodule.title,
        source=datamodule.source_note,
        scheme=names["model"],
        network=f"{names['network']} on {takes}",
    )


def _float32(network: nn.Module, inputs: Tensor) -> dict[str, int]:
    """Layer → bytes of the float twin."""
    return {layer.name: layer.float_bytes for layer in summarise(network, inputs[:1]).layers}


def _machine(engine: Engine) -> Machine:
    built = engine.library.built
    return Machine(
        cpu=cpu_name(),
        isa=engine.isa,
        compiler=built.compiler if built is not None else "unknown",
        versions=producer_versions(),
    )


def plan_of(task: Classification) -> pipeline.Plan:
    """What a task's network will become, from its shapes alone."""
    frontend: Any = task.frontend
    example = torch.zeros(1, *frontend.output_shape)
    return pipeline.plan(task.network, example, task.labels, frontend)


def best_copies(checkpoint: Path, task: Classification) -> tuple[nn.Module, Features]:
    """Network and frontend with a checkpoint's numbers, on the CPU in float32, in eval mode."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    state = {name.replace(_COMPILED, ""): value for name, value in saved.items()}
    return _copy(task.network, state, "network."), _copy(task.frontend, state, "frontend.")


def _copy(part: Any, state: Mapping[str, Tensor], prefix: str) -> Any:
    own = copy.deepcopy(getattr(part, "_orig_mod", part)).cpu().float().eval()
    numbers = {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}
    own.load_state_dict(numbers)
    return own


@torch.no_grad()
def features_of(frontend: Features, batches: Iterable[dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """Features (N, …) and labels (N,) of all batches."""
    takes = name_in_batch(frontend)
    pairs = [(frontend(batch[takes]), batch["label"]) for batch in batches]
    return torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])


def _batches(datamodule: Any, split: str) -> Iterable[dict[str, Tensor]]:
    if datamodule is None:
        raise ValueError("Deploy proves the engine on real clips: give fit a datamodule.")
    datamodule.prepare_data()
    datamodule.setup("test" if split == "test" else "validate")
    batches: Iterable[dict[str, Tensor]] = getattr(datamodule, f"{split}_dataloader")()
    return batches


def _classification(module: LightningModule) -> Classification:
    if not isinstance(module, Classification):
        raise TypeError(
            f"Deploy knows xnorkit.tasks.Classification, not {type(module).__name__}: its network "
            "and features are what is deployed. For another module call "
            "xnorkit.compile(network, example)."
        )
    return module


def _is_spawned(trainer: Trainer) -> bool:
    launcher = trainer.strategy.launcher
    return type(launcher).__name__ == "_MultiProcessingLauncher"
