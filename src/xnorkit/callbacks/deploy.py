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
from torch import Tensor, nn

from xnorkit.deploy import pipeline
from xnorkit.deploy.agreement import Validation
from xnorkit.deploy.engine import Engine
from xnorkit.features import Frontend
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
        inputs: (N, 1, mels, frames), features of the clips that proved it.
        labels: (N,) its classes.
    """

    checkpoint: Path
    plan: pipeline.Plan
    engine: Engine
    validation: Validation
    inputs: Tensor
    labels: Tensor


class Deploy(Callback):
    """Packs, compiles and proves the best checkpoint when fit ends.

    Before training it lowers the untrained network, so that one without an engine is refused
    before it costs anything. Without a checkpoint (fast_dev_run) there is nothing to deploy.

    Args:
        folder: gets model.xnor and engine.cpp.
        isa: path to run, as in XNORKIT_ISA; None: the best that the CPU has.
        cache_dir: where compiled engines are kept; None: ~/.cache/xnorkit/engines.
        split: whose clips prove the engine.

    Attributes:
        deployed: after fit what came of it, or None.
        error: after fit what went wrong, or None.
    """

    def __init__(
        self,
        folder: str | Path,
        isa: str | None = None,
        cache_dir: str | Path | None = None,
        split: Literal["test", "val"] = "test",
    ) -> None:
        self.folder = Path(folder)
        self.isa = isa
        self.cache_dir = None if cache_dir is None else Path(cache_dir).expanduser()
        self.split = split
        self.deployed: Deployed | None = None
        self.error: BaseException | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a network that has no engine.

        Raises:
            TypeError: the module is not a Classification.
            Unsupported: a part of it can't be lowered.
        """
        task = _classification(pl_module)
        plan_of(task.network, task)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Deploy; errors are kept. A spawned rank leaves it to its parent."""
        if trainer.is_global_zero and not _is_spawned(trainer):
            self._run_best(trainer, pl_module, trainer.datamodule)  # type: ignore[attr-defined]  # set outside its class

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

    def result(self) -> dict[str, float]:
        """Numbers for a run's result; none where nothing was deployed."""
        if self.deployed is None:
            return {}
        return {
            "deploy/bytes": self.deployed.engine.nbytes,
            "deploy/agreement": self.deployed.validation.agreement,
        }

    def run(self, checkpoint: Path, task: Classification, datamodule: Any) -> None:
        """Deploy one checkpoint, on CPU copies in float32.

        Args:
            checkpoint: of this task.
            task: stays as it is.
            datamodule: gives the clips that prove it.
        """
        try:
            network, frontend = best_copies(checkpoint, task)
            inputs, labels = features_of(frontend, _batches(datamodule, self.split))
            planned = pipeline.plan(network, inputs[:1], task.labels, frontend)
            engine, validation = pipeline.deploy(
                planned, self.folder, inputs, labels, self.isa, self.cache_dir
            )
            self.deployed = Deployed(checkpoint, planned, engine, validation, inputs, labels)
        except BaseException as error:  # Ctrl-C too: the test and the summary are still to come
            _log.info("the deploy step ended by an error", exc_info=True)
            self.error = error


def plan_of(network: nn.Module, task: Classification) -> pipeline.Plan:
    """What a task's network will become, from its shapes alone."""
    frontend: Any = task.frontend
    example = torch.zeros(1, *frontend.output_shape)
    return pipeline.plan(network, example, task.labels, frontend)


def best_copies(checkpoint: Path, task: Classification) -> tuple[nn.Module, Frontend]:
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
def features_of(frontend: Frontend, batches: Iterable[dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """Features (N, 1, mels, frames) and labels (N,) of all batches."""
    pairs = [(frontend(batch["waveform"]), batch["label"]) for batch in batches]
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
