"""Best checkpoint → test accuracy: after fit, and of a checkpoint alone (fit=false)."""

import logging
import math
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import Checkpoint, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from xnorkit.callbacks.exact_resume import ExactResume
from xnorkit.checkpoint import load
from xnorkit.cli import build, screens
from xnorkit.cli.checks import Refused
from xnorkit.cli.given import Given, differences, plain
from xnorkit.cli.run_folder import RunFolder
from xnorkit.data.datamodule import DataModule
from xnorkit.tasks import Task

_log = logging.getLogger(__name__)


def take_best(task: Task, trainer: Trainer) -> float:
    """Put the best checkpoint's weights into the task; without one it stays as it is.

    Returns:
        The best checkpoint's monitored value (`score`); NaN where there is no checkpoint.
    """
    callback = trainer.checkpoint_callback
    path = callback.best_model_path if isinstance(callback, ModelCheckpoint) else ""
    if not path or not Path(path).is_file():
        return math.nan
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    task.load_state_dict(checkpoint["state_dict"])
    # From the file: after ddp_spawn this process knows the path, not the score.
    scores = [
        state["best_model_score"]
        for name, state in checkpoint["callbacks"].items()
        if name.startswith("ModelCheckpoint") and state.get("best_model_score") is not None
    ]
    return float(scores[0]) if scores else math.nan


def take_progress(trainer: Trainer, run: RunFolder) -> None:
    """Let the parent of spawned ranks know their last step: its own trainer has done none.

    What it logs from now on would be of step 0, and the rows of metrics.csv from there on are
    those that a resumed run does again.
    """
    if trainer.global_step == 0 and run.last.is_file():
        saved = torch.load(run.last, map_location="cpu", weights_only=True)
        trainer.fit_loop.load_state_dict(saved["loops"]["fit_loop"])


def leave_other_ranks() -> None:
    """After a fit under subprocess ddp: rank 0 goes on alone, or its metrics would wait for all."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test(cfg: DictConfig, task: Task, datamodule: DataModule, trainer: Trainer) -> dict[str, float]:
    """Test in one process, on the whole split.

    Returns:
        The task's metrics, `test/acc` and `test/loss` of a classifier.
    """
    callbacks, loggers = trainer.callbacks, trainer.loggers  # type: ignore[attr-defined]  # Lightning sets it, no class declares it
    alone = trainer
    if trainer.world_size > 1:
        alone = tester(cfg, callbacks, loggers)
        alone.fit_loop.load_state_dict(trainer.fit_loop.state_dict())  # the step, for the loggers
    return _numbers(alone.test(task, datamodule=datamodule, verbose=False))


def tester(cfg: DictConfig, active: list[Callback], writers: list[Logger]) -> Trainer:
    """A Trainer of one process, so that the test split is seen whole and once."""
    kept = [c for c in active if not isinstance(c, (Checkpoint, ExactResume, LearningRateMonitor))]
    return build.trainer(cfg, kept, writers, devices=1, strategy="auto", num_nodes=1)


def _progress(cfg: DictConfig) -> list[Callback]:
    """The config's progress bar alone."""
    found = cfg.callbacks.get("progress")
    return [build.instantiate(cfg, "callbacks.progress")] if found else []


def test_checkpoint(cfg: DictConfig, given: Given) -> float:
    """fit=false: the checkpoint's model, network, features and labels on the data given.

    Args:
        cfg: the composed config; of it count ckpt_path, trainer and what was typed.
        given: what was typed; `data.…` changes the data that the checkpoint was trained on.

    Raises:
        Refused: model or network typed beside it, or data with labels that it does not know.
    """
    run = RunFolder(Path(cfg.run_dir))
    screens.show_opening(run)
    seed_everything(cfg.seed, workers=True, verbose=False)
    task = load(Path(cfg.ckpt_path).expanduser(), allow=_own_packages(cfg))
    saved = dict(task.hparams)["config"]
    _refuse_other_network(saved, given)
    for key in ("task", "model", "network", "title"):
        OmegaConf.update(cfg, key, saved[key], merge=False)
    if "data_dir" not in given:
        cfg.data_dir = stores_of(saved, cfg.data_dir)
    OmegaConf.update(cfg, "data", data_node(saved["data"], cfg, given), merge=False)
    datamodule = build.datamodule(cfg, trained=task)
    build.prepare(cfg, datamodule, "test")
    _warn_of_shared_clips(saved, datamodule)
    trainer = build.trainer(cfg, _progress(cfg), [], devices=1, strategy="auto")
    screens.show_start(cfg, run, task, datamodule)
    run.write_config(cfg)
    result = _numbers(trainer.test(task, datamodule=datamodule, verbose=False))
    run.write_result(result)
    screens.show_end(run, math.nan, result)
    return result[f"test/{task.metrics[0]}"]


def _warn_of_shared_clips(saved: dict[str, Any], datamodule: DataModule) -> None:
    """The embedded subset is cut from the official test set."""
    if "embedded" in saved.get("title", "") and "embedded" not in datamodule.source_note:
        _log.warning(
            "this checkpoint was trained on the embedded subset, whose clips are part of the "
            "official 12-class test set: its accuracy there is no measure."
        )


def _refuse_other_network(saved: dict[str, Any], given: Given) -> None:
    typed = {k: v for k, v in given.items() if k.split(".")[0] in ("model", "network")}
    config = OmegaConf.create(saved)
    wrong = [
        line
        for key, value in typed.items()
        for line in differences(plain(OmegaConf.select(config, key)), value, key)
    ]
    if wrong:
        raise Refused(
            f"with fit=false the checkpoint says what model and network are, but {'; '.join(wrong)}"
            ". Leave them out."
        )


def data_node(saved: dict[str, Any], cfg: DictConfig, given: Given) -> dict[str, Any]:
    """The checkpoint's data with what was typed; the stores are this machine's."""
    node = dict(saved)
    chosen = given.get("data")
    if chosen is not None and chosen["_target_"] != saved["_target_"]:
        node = dict(chosen)
    here = {"data_dir": cfg.data_dir} if "data_dir" in node else {}
    node = {**node, **here, "features": None}
    if "source" in node and given.get("data.root") is not None:
        node |= {"source": "root", "test_root": None}  # wherever the checkpoint's data came from
    changed = OmegaConf.create(node)
    for key, value in given.items():
        if key.startswith("data.features"):
            raise Refused(f"{key} with fit=false: the features are the checkpoint's. Leave it out.")
        if key.startswith("data."):
            OmegaConf.update(changed, key.removeprefix("data."), value, force_add=True)
    container: Any = OmegaConf.to_container(changed)
    return dict(container)


def stores_of(saved: dict[str, Any], default: str) -> str:
    """Where the checkpoint's training had its stores, if that folder is on this machine."""
    trained_with = str(saved.get("data_dir", default))
    return trained_with if Path(trained_with).expanduser().is_dir() else default


def _own_packages(cfg: DictConfig) -> list[str]:
    """Packages of the classes that the user's own YAMLs name: these are trusted."""
    targets = (
        OmegaConf.select(cfg, f"{key}._target_") for key in ("task", "model", "network", "data")
    )
    return sorted({str(target).split(".")[0] for target in targets if target})


def _numbers(results: Any) -> dict[str, float]:
    return {name: float(value) for name, value in results[0].items()} if results else {}
