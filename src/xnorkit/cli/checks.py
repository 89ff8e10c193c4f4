"""Combinations that can't work, refused at start with one sentence: value, reason, way out."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from xnorkit.binarize import WeightRule

_PRECISIONS = ("32-true", "32", "bf16-mixed", "16-mixed")
_SHARDING = ("fsdp", "deepspeed", "model_parallel")


class Refused(ValueError):  # noqa: N818 - a verdict on the config, no failure
    """What the user asked for can't work; the message is a sentence for the user."""


def check(cfg: DictConfig, multirun: bool = False) -> None:
    """Refuse a config that can't work, before anything is built.

    Args:
        cfg: the composed config.
        multirun: whether this is a job of a sweep (`-m`).

    Raises:
        Refused: with the sentence.
    """
    check_purpose(cfg, multirun)
    check_files(cfg)
    check_seed(cfg.seed)
    check_rule(OmegaConf.select(cfg, "callbacks.binop") or {})
    trainer = cfg.trainer
    accelerator = str(trainer.get("accelerator", "auto"))
    check_accelerator(accelerator, trainer.get("devices", "auto"))
    check_precision(trainer.get("precision") or "32-true", accelerator)
    check_strategy(trainer.get("strategy", "auto"), trainer.get("devices", 1), multirun)


def check_purpose(cfg: DictConfig, multirun: bool) -> None:
    """Top-level keys that contradict each other."""
    if not cfg.fit and cfg.ckpt_path is None:
        raise Refused("fit=false without ckpt_path: name the checkpoint to test, ckpt_path=CKPT.")
    if not cfg.fit and not cfg.test:
        raise Refused("fit=false test=false: nothing is left to do.")
    if not cfg.fit and (cfg.resume or cfg.init_from):
        raise Refused("fit=false with resume or init_from: these train. Leave one of them out.")
    if cfg.fit and cfg.ckpt_path is not None:
        raise Refused(
            f"ckpt_path={cfg.ckpt_path} with fit=true: to test it set fit=false, to continue its "
            "run use resume=RUN_DIR, to start from its weights use init_from=CKPT."
        )
    if cfg.resume and cfg.init_from:
        raise Refused("resume and init_from: a resumed run has its own weights. Leave one out.")
    if cfg.resume and multirun:
        raise Refused("resume with -m: a run is resumed alone, in its own folder. Leave out -m.")


def check_files(cfg: DictConfig) -> None:
    """Files that must be there, folders that must be writable."""
    for key in ("ckpt_path", "init_from"):
        if cfg[key] is not None and not Path(cfg[key]).expanduser().is_file():
            raise Refused(f"{key}={cfg[key]}: there is no such checkpoint.")
    folder = Path(cfg.run_dir)
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Refused(not_writable(folder, error)) from error


def not_writable(folder: Path | str, error: OSError) -> str:
    """The sentence for an output folder that can't be written."""
    return (
        f"the run folder {folder} can't be written ({error.strerror or error}): "
        "start elsewhere or set hydra.run.dir=FOLDER (with -m: hydra.sweep.dir)."
    )


def check_seed(seed: Any) -> None:
    """Lightning takes seeds of 32 bits."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise Refused(f"seed={seed}: choose a whole number from 0 to {2**32 - 1}.")


def check_rule(bin_op: Any) -> None:
    """A weight rule given to BinOp: a checkpoint is rebuilt from the scheme, which would differ."""
    for name in (field.name for field in fields(WeightRule)):
        if name in bin_op:
            raise Refused(
                f"callbacks.binop.{name}={bin_op[name]}: the scheme says how weights become "
                f"binary. Set model.{name}."
            )


def check_accelerator(accelerator: str, devices: Any) -> None:
    """An accelerator, or a number of devices, that is not there."""
    if accelerator in ("auto", "cpu"):
        return
    if accelerator not in ("gpu", "cuda", "mps"):
        raise Refused(f"trainer.accelerator={accelerator}: choose cpu, gpu, cuda, mps or auto.")
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    there = {"gpu": cuda or mps, "cuda": cuda, "mps": mps}[accelerator]
    if not there:
        raise Refused(
            f"trainer.accelerator={accelerator}: there is no such device that torch "
            f"{torch.__version__} can use. Take trainer=cpu."
        )
    wanted = _count(devices)
    available = torch.cuda.device_count() if cuda else 1
    if wanted is not None and wanted > available:
        raise Refused(f"trainer.devices={devices}: there are {available}. Ask for fewer.")


def _count(devices: Any) -> int | None:
    """How many devices a Trainer's `devices` asks for; None where it takes what is there."""
    if OmegaConf.is_list(devices) or isinstance(devices, list):
        return max((int(index) + 1 for index in devices), default=0)
    text = str(devices)
    return int(text) if text.isdigit() else None


def check_precision(precision: Any, accelerator: str) -> None:
    """A precision that the device or binary training lacks."""
    name = str(precision)
    if name in ("16-true", "bf16-true", "transformer-engine", "transformer-engine-float16"):
        raise Refused(
            f"trainer.precision={name}: latent weights need float32, small updates vanish in 16 "
            "bits. Take bf16-mixed, 16-mixed (GPU) or 32-true."
        )
    if name not in _PRECISIONS:
        raise Refused(f"trainer.precision={name}: choose one of {', '.join(_PRECISIONS)}.")
    cuda = torch.cuda.is_available() and accelerator != "cpu"
    if name == "16-mixed" and not cuda:
        raise Refused(
            f"trainer.precision=16-mixed on {accelerator}: float16 needs a GPU. "
            "Take bf16-mixed or 32-true."
        )
    if (
        name == "bf16-mixed"
        and cuda
        and not torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        raise Refused(
            f"trainer.precision=bf16-mixed: {torch.cuda.get_device_name()} has no bfloat16. "
            "Take 16-mixed or 32-true."
        )


def check_strategy(strategy: Any, devices: Any, multirun: bool) -> None:
    """Strategies that shard weights, and subprocess DDP in a sweep."""
    name, start = _strategy(strategy)
    if any(name.startswith(s) for s in _SHARDING):
        raise Refused(
            f"trainer.strategy={name}: it shards the weights that BinOp must see whole. "
            "Take ddp or one device."
        )
    parallel = name.startswith("ddp") or (name == "auto" and (_count(devices) or 1) > 1)
    if multirun and parallel and start == "popen":
        raise Refused(
            f"trainer.strategy={name} with -m: it starts its processes with the same arguments, "
            "so each would run the whole sweep. Take trainer=ddp_cpu or strategy=ddp_spawn."
        )


def _strategy(strategy: Any) -> tuple[str, str]:
    """Its name and how it starts its processes."""
    if OmegaConf.is_dict(strategy):
        target = str(strategy.get("_target_", "")).rsplit(".", 1)[-1].removesuffix("Strategy")
        return target.lower(), str(strategy.get("start_method", "popen"))
    name = str(strategy)
    spawned = any(way in name for way in ("spawn", "fork", "notebook"))
    return name, "spawn" if spawned else "popen"
