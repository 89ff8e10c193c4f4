"""The command `python train.py` (xnorkit-train): one run, or the jobs of a sweep.

`train` is the whole way of a run on one screen; `main` is what a terminal sees around it.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch import Trainer, seed_everything
from omegaconf import DictConfig
from torch import nn

from xnorkit.callbacks.deploy import Deploy
from xnorkit.callbacks.graceful_stop import Stopped, parent_of_ranks, stop_at_once
from xnorkit.cli import build, checks, evaluate, float_stage, quiet, resume, screens
from xnorkit.cli.given import given_values
from xnorkit.cli.initialise import initialise
from xnorkit.cli.run_folder import RunFolder, is_rank_zero
from xnorkit.data.datamodule import DataModule
from xnorkit.deploy.pipeline import Plan
from xnorkit.resources import CONF_DIR
from xnorkit.tasks import Task

_log = logging.getLogger(__name__)


def train(cfg: DictConfig, watched: bool = True) -> float:
    """Train, test, report: data → features → (float twin →) network → checkpoints → accuracy.

    Args:
        cfg: the composed config.
        watched: whether the terminal is this job's alone.

    Returns:
        The best validation score, what a search maximises; NaN where nothing was validated.
    """
    run = RunFolder(Path(cfg.run_dir))
    screens.show_opening(run)
    seed_everything(cfg.seed, workers=True, verbose=False)
    datamodule = build.datamodule(cfg)
    network = build.network(cfg, datamodule.features, datamodule.labels)
    if cfg.init_from:
        initialise(network, cfg.init_from, cfg.model)
    planned = build.plan(cfg, network, datamodule)
    deploy = build.deploy(cfg, datamodule)
    float_epochs = float_stage.epochs(cfg)
    for trained in (cfg, float_stage.twin_config(cfg, run)):
        if trained is not None:
            build.check_training(trained)
    build.prepare(cfg, datamodule)  # after all that could be refused: it may fetch gigabytes
    twin = float_stage.twin_config(cfg, run)
    if twin is not None:
        run.write_config(cfg)
        float_network = build.network(twin, datamodule.features, datamodule.labels)
        task, trainer, _ = _fit(twin, run.float_stage, datamodule, float_network, watched)
        screens.show_stage_end(evaluate.take_best(task, trainer))
    if float_epochs:
        float_stage.hand_over(run, network, cfg.model)
    task, trainer, cost = _fit(cfg, run, datamodule, network, watched, planned, deploy)
    evaluate.leave_other_ranks()
    if not is_rank_zero():
        return float("nan")  # a subprocess of ddp: rank 0 tests
    evaluate.take_progress(trainer, run)
    best = evaluate.take_best(task, trainer)
    result = evaluate.test(cfg, task, datamodule, trainer) if cfg.test else {}
    if deploy is not None and planned is not None:
        deploy.stated = planned.nbytes  # spawned ranks have said it to themselves
        deploy.run_if_left(trainer, task, datamodule)
        result |= deploy.result()
    try:
        run.write_result({cfg.score: best, **result, **cost})
    except OSError:
        if deploy is None or deploy.error is None:
            raise
    finally:  # on a full disk the numbers are said all the same
        screens.show_end(run, best, result, deploy, cfg.score)
    if deploy is not None and deploy.error is not None:
        raise screens.deploy_failed(run, deploy.error)
    return best


def _fit(
    cfg: DictConfig,
    run: RunFolder,
    datamodule: DataModule,
    network: nn.Module,
    watched: bool,
    planned: Plan | None = None,
    deploy: Deploy | None = None,
) -> tuple[Task, Trainer, dict[str, Any]]:
    """Train one network, the run's own or the float twin before it; also says what it costs."""
    seed_everything(cfg.seed, workers=True, verbose=False)
    task = build.task(cfg, network, build.frontend(datamodule), datamodule)
    loggers = build.loggers(cfg)
    callbacks = build.callbacks(cfg, network, run, logged=bool(loggers), watched=watched)
    if deploy is not None:
        callbacks.append(deploy)
    trainer = build.trainer(cfg, callbacks, loggers, max_epochs=float_stage.epochs_left(cfg))
    cost = screens.show_start(cfg, run, task, datamodule, planned)
    run.write_config(cfg)
    last = run.last if cfg.resume and run.last.is_file() else None
    with parent_of_ranks(trainer):
        trainer.fit(task, datamodule, ckpt_path=last, weights_only=True)
    return task, trainer, cost


def run_job(
    cfg: DictConfig, overrides: Sequence[str] = (), multirun: bool = False, watched: bool = True
) -> float:
    """Refuse what can't work, then do what the config asks: train, resume or only test.

    Args:
        cfg: the composed config.
        overrides: what the user typed.
        multirun: whether this is a job of a sweep.
        watched: whether the terminal is this job's alone.
    """
    quiet.silence()
    checks.check(cfg, multirun)
    if not cfg.fit:
        return evaluate.test_checkpoint(cfg, given_values(cfg, overrides))
    if cfg.resume:
        given = given_values(cfg, overrides)
        cfg = resume.resumed_config(resume.resumable(cfg.resume), given, cfg)
        checks.check(cfg, multirun)
    return train(cfg, watched)


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="train")
def _hydra_job(cfg: DictConfig) -> float:
    job = HydraConfig.get()
    multirun = job.mode == RunMode.MULTIRUN
    in_turn = str(job.launcher._target_).endswith("BasicLauncher")
    try:
        return run_job(cfg, job.overrides.task, multirun, watched=in_turn)
    except Exception:
        _log.info("the job ended by an error", exc_info=True)  # into train.log only
        raise


def main() -> None:
    """Run the command; errors reach the terminal as a sentence, unless HYDRA_FULL_ERROR=1."""
    full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that hydra hands errors on instead of printing them
    stop_at_once()  # until training has begun, and again after it
    try:
        sys.argv[1:] = resume.point_hydra_at_folder(sys.argv[1:])
        with contextlib.redirect_stderr(quiet.WithoutOverrides(sys.stderr)):
            _hydra_job()
    except Stopped as stop:
        screens.show_stopped()
        raise SystemExit(stop.code) from None
    except Exception as error:
        if full:
            raise
        raise SystemExit(screens.show_error(error)) from None
    finally:
        screens.show_comparison()


if __name__ == "__main__":
    main()
