"""Config nodes → objects: what each `_target_` names, with errors that a user can read."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

import hydra
import torch
from hydra.errors import InstantiationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import (
    Checkpoint,
    LearningRateMonitor,
    ModelCheckpoint,
    ProgressBar,
)
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from torch import nn

from xnorkit.callbacks import BinOp
from xnorkit.callbacks.deploy import Deploy
from xnorkit.callbacks.exact_resume import ExactResume
from xnorkit.callbacks.graceful_stop import GracefulStop
from xnorkit.checkpoint_files import CheckpointFiles
from xnorkit.cli.checks import Refused
from xnorkit.cli.quiet import QuietRanks
from xnorkit.cli.run_folder import RunFolder, versions
from xnorkit.data.datamodule import DataModule
from xnorkit.deploy import pipeline
from xnorkit.deploy.library.path import refuse_impossible
from xnorkit.deploy.pipeline import Plan
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.features import Features
from xnorkit.nn import BinaryLayer
from xnorkit.tasks import Task

FLOAT = {"_target_": "xnorkit.schemes.Float"}


def instantiate(cfg: DictConfig, key: str, **extra: Any) -> Any:
    """The object that `cfg[key]` describes.

    Raises:
        Refused: its constructor did not take the values; with the constructor's own sentence.
    """
    try:
        return hydra.utils.instantiate(OmegaConf.select(cfg, key), **extra)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, (ValueError, TypeError, OSError)):
            raise Refused(f"{key}: {cause}") from error
        raise Refused(f"{key}: {error}") from error


def task_class(cfg: DictConfig) -> type[Task]:
    """What is learned; of it `cli` asks what network and data must be.

    Raises:
        Refused: there is no such class.
    """
    try:
        found: type[Task] = hydra.utils.get_class(cfg.task._target_)
    except (ImportError, ValueError) as error:
        raise Refused(f"task._target_={cfg.task._target_}: there is no such class.") from error
    return found


def datamodule(cfg: DictConfig, trained: Task | None = None) -> DataModule:
    """The data set: labels and features are known, nothing has been read or fetched yet.

    Args:
        cfg: the composed config.
        trained: a task whose features and labels the data must have.

    Raises:
        Refused: its settings can't work, the task can't learn from it, or it has labels that the
            task does not know.
    """
    known = trained is not None and trained.frontend is not None
    extra = {"features": trained.frontend} if trained is not None and known else {}
    data: DataModule = instantiate(cfg, "data", **extra)
    try:
        task_class(cfg).check_data(data, cfg.task)
    except ValueError as error:
        raise Refused(str(error)) from error
    if trained is not None and trained.labels:
        unknown = sorted(set(data.labels) - set(trained.labels))
        if unknown:
            raise Refused(
                f"the data have labels that the checkpoint does not know: {', '.join(unknown)}; "
                f"it knows {', '.join(trained.labels)}. Test it on these."
            )
        data.labels = trained.labels  # the order of its outputs
    return data


def prepare(cfg: DictConfig, datamodule: DataModule, stage: str | None = None) -> None:
    """Find or fetch the samples, open their store; their source is added to the run's title.

    Args:
        cfg: the composed config; `title` changes.
        datamodule: the data set.
        stage: `test` needs no training samples.

    Raises:
        Refused: the data can't be had.
    """
    try:
        datamodule.prepare_data()
        datamodule.setup(stage)
    except (ValueError, OSError) as error:
        raise Refused(str(error)) from error
    if "embedded" in datamodule.source_note:
        cfg.title = f"{cfg.title}_embedded_subset"


def frontend(datamodule: DataModule) -> Features | None:
    """The data module's features, if it has any, with what they need of the train split."""
    datamodule.fit_features()
    fitted: Any = datamodule.features  # a module to data, which knows no Features
    return cast("Features | None", fitted)


def network(cfg: DictConfig, features: Any, labels: Sequence[str]) -> nn.Module:
    """The topology, made of the scheme's blocks."""
    net: nn.Module = instantiate(
        cfg,
        "network",
        scheme=instantiate(cfg, "model"),
        **task_class(cfg).network_arguments(features, labels),
    )
    # Other roundings; a training step of kws_cnn takes two thirds of the time on a CPU.
    laid_out: nn.Module = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's overloads for modules lack it
    return laid_out


def task(
    cfg: DictConfig, net: nn.Module, features: Features | None, datamodule: DataModule
) -> Task:
    """Network and features with loss, optimiser and what every checkpoint says of itself.

    Raises:
        Refused: an option of the task can't work.
    """
    # Not as arguments of instantiate: it would build what the hyper-parameters name once more.
    make: Callable[..., Task] = instantiate(cfg, "task", _partial_=True)
    hyperparameters = {
        "config": OmegaConf.to_container(cfg, resolve=True),
        "labels": list(datamodule.labels),
        "features": {} if features is None else features.parameters_dict(),
        "title": datamodule.title,
        "versions": versions(),
    }
    try:
        return make(
            network=net,
            **task_class(cfg).own_arguments(features, datamodule.labels),
            optimizer=instantiate(cfg, "optimizer"),
            scheduler=instantiate(cfg, "scheduler"),
            title=datamodule.title,
            hyperparameters=hyperparameters,
        )
    except ValueError as error:
        raise Refused(str(error)) from error


def check_training(cfg: DictConfig) -> None:
    """Refuse what would else fail when the data are fetched, or an epoch or float stage is over.

    Args:
        cfg: the composed config, or the float twin's.

    Raises:
        Refused: an optimiser or a schedule that can't work, or a score that is none.
    """
    key = "optimizer"
    try:
        optimizer = instantiate(cfg, key)([nn.Parameter(torch.zeros(1))])
        key = "scheduler"
        schedule = instantiate(cfg, key)
        if schedule is not None:
            schedule(optimizer, total_steps=1)
    except (ValueError, TypeError) as error:
        said = str(error)
        raise Refused(said if said.startswith(key) else f"{key}: {said}") from error
    scores = [f"val/{name}" for name in task_class(cfg).scores]
    if scores and cfg.score not in scores:
        raise Refused(
            f"score={cfg.score}: the best checkpoint has most of {' or '.join(scores)}. Set one."
        )


def loggers(cfg: DictConfig) -> list[Logger]:
    """All of the config's loggers."""
    return [instantiate(cfg, f"logger.{name}") for name, node in cfg.logger.items() if node]


def plan(cfg: DictConfig, net: nn.Module, datamodule: DataModule) -> Plan | None:
    """What the network will become after fit, from its shapes alone; None with deploy=none.

    Raises:
        Refused: it has no engine, or a part of it has none.
    """
    if not cfg.deploy:
        return None
    if not task_class(cfg).has_engine:
        raise Refused(
            f"deploy with task={task_class(cfg).__name__.lower()}: only a classifier becomes a C++ "
            "engine. Set deploy=none."
        )
    features: Any = datamodule.features
    example = torch.zeros(1, *features.output_shape)
    try:
        return pipeline.plan(net, example, datamodule.labels, features)
    except Unsupported as error:
        raise Refused(f"network: {error}") from error


def deploy(cfg: DictConfig, datamodule: DataModule) -> Deploy | None:
    """The step after fit; without a test it is proven on the validation split.

    Raises:
        Refused: no engine can be built here, or not for the path that was asked for.
    """
    if not cfg.deploy:
        return None
    split = "test" if cfg.test else "val"
    step: Deploy = instantiate(cfg, "deploy", split=split, twin=float_twin(cfg, datamodule))
    try:
        refuse_impossible(step.isa, step.cache_dir)
    except ValueError as error:
        raise Refused(f"deploy: {error} Without an engine it trains by deploy=none.") from error
    return step


def float_twin(cfg: DictConfig, datamodule: DataModule) -> nn.Module:
    """The same topology with the scheme `float` and a float stem; what others' engines run."""
    twin = copy.deepcopy(cfg)
    OmegaConf.update(twin, "model", FLOAT, merge=False)
    if "stem" in twin.network:
        twin.network.stem = "float"
    with torch.random.fork_rng(devices=[]):  # a run's weights don't depend on what is raced later
        return network(twin, datamodule.features, datamodule.labels)


def callbacks(
    cfg: DictConfig, net: nn.Module, run: RunFolder, *, logged: bool, watched: bool
) -> list[Callback]:
    """The config's callbacks that have something to do, then those that every run has.

    Args:
        cfg: the composed config.
        net: without a binary layer there is no BinOp.
        run: the run folder.
        logged: whether there is a logger; without one the learning rate is not monitored.
        watched: whether the terminal is this job's alone; else there is no progress bar.
    """
    named = ((n, node) for n, node in cfg.callbacks.items() if node)
    chosen: list[Callback] = [instantiate(cfg, f"callbacks.{name}") for name, _ in named]
    idle: list[type[Callback]] = []
    if not any(isinstance(module, BinaryLayer) for module in net.modules()):
        idle.append(BinOp)
    if not logged:
        idle.append(LearningRateMonitor)
    if not watched:
        idle.append(ProgressBar)
    kept = [callback for callback in chosen if not isinstance(callback, tuple(idle))]
    return [*kept, QuietRanks(), ExactResume(), GracefulStop(run.checkpoints)]


def trainer(
    cfg: DictConfig, active: list[Callback], writers: list[Logger], **changes: Any
) -> Trainer:
    """Lightning's Trainer.

    Args:
        cfg: the composed config.
        active: callbacks.
        writers: loggers.
        changes: arguments that replace the config's.
    """
    bars = any(isinstance(callback, ProgressBar) for callback in active)
    saves = any(isinstance(callback, ModelCheckpoint) for callback in active)
    own = cfg.trainer.get("plugins") or ()
    made: Trainer = instantiate(
        cfg,
        "trainer",
        plugins=[*own, CheckpointFiles()],
        callbacks=active,
        logger=writers or False,
        enable_progress_bar=bars,
        enable_checkpointing=saves or any(isinstance(c, Checkpoint) for c in active),
        **changes,
    )
    return made
