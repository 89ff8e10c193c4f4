"""Checkpoint → module in eval mode, without hydra.

The network is built from the configuration that the checkpoint carries. A checkpoint is a file
from anywhere: it is read with `weights_only=True`, and it can name only classes of xnorkit and
torch.nn, unless you allow more.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from xnorkit.tasks import Task

_TRUSTED = ("xnorkit", "torch.nn")
_FIRST_TASK = "xnorkit.tasks.Classification"  # of checkpoints written before there were others
_COMPILED = "_orig_mod."  # torch.compile puts it before every name


def load(path: str | os.PathLike[str], allow: Sequence[str] = ()) -> Task:
    """The trained module of a checkpoint, in eval mode on the CPU, with latent weights.

    Args:
        path: of a checkpoint that xnorkit wrote.
        allow: packages of your own whose classes the checkpoint may name.

    Raises:
        ValueError: no such file, no checkpoint of xnorkit, or a class that is not allowed.
    """
    checkpoint = read_checkpoint(path)
    saved = checkpoint["hyper_parameters"]
    task = {"_target_": _FIRST_TASK, **saved["config"]["task"]}
    config = {**saved["config"], "task": task}
    where = os.fspath(path)
    kind: type[Task] = _class(task["_target_"], allow, where)
    labels = saved["labels"]
    features = build(config["data"].get("features"), allow, where)
    scheme = build(config["model"], allow, where)
    known = kind.network_arguments(features, labels)
    network = build(config["network"], allow, where, scheme=scheme, **known)
    own = kind.own_arguments(features, labels)
    about = {"title": saved.get("title", ""), "hyperparameters": {**saved, "config": config}}
    module: Task = build(task, allow, where, network=network, **own, **about)
    state = {name.replace(_COMPILED, ""): value for name, value in checkpoint["state_dict"].items()}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"{where}: its weights do not fit its own configuration. {error}"
        ) from error
    return module.eval()


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a checkpoint of xnorkit holds, on the CPU.

    Raises:
        ValueError: no such file, or not a checkpoint of xnorkit.
    """
    if not Path(path).is_file():
        raise ValueError(f"{os.fspath(path)}: there is no such checkpoint.")
    try:
        checkpoint: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in many ways on a file that it did not write
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{os.fspath(path)}: not a checkpoint that can be read safely, or a damaged one "
            f"({reason}). Give a best.ckpt or last.ckpt of a run."
        ) from error
    found: dict[str, Any] = checkpoint if isinstance(checkpoint, dict) else {}
    saved = found.get("hyper_parameters")
    if not isinstance(saved, dict) or not {"config", "labels"} <= saved.keys():
        raise ValueError(
            f"{os.fspath(path)}: not a checkpoint of xnorkit (no config and labels in it). "
            "Give a best.ckpt or last.ckpt of a run."
        )
    return found


def build(node: Any, allow: Sequence[str] = (), where: str = "config", **extra: Any) -> Any:
    """What a plain config says: dicts with `_target_` become objects, from the inside out.

    Args:
        node: dict, list, str, number or None.
        allow: packages whose classes may be named, besides xnorkit and torch.nn.
        where: the file that the config is from, for errors.
        extra: further arguments of the outermost object.

    Raises:
        ValueError: a class that is not allowed or not there.
    """
    if isinstance(node, Mapping):
        items = {k: build(v, allow, where) for k, v in node.items() if k != "_target_"}
        if "_target_" not in node:
            return items
        return _class(str(node["_target_"]), allow, where)(**items, **extra)
    if isinstance(node, list):
        return [build(value, allow, where) for value in node]
    return node


def _class(target: str, allow: Sequence[str], where: str) -> Any:
    """The class of a dotted path, if it is one of a trusted package and not only imported there."""
    trusted = (*_TRUSTED, *allow)
    found: Any = _locate(target) if _is_in(target, trusted) else None
    # `xnorkit.checkpoint.importlib.…` starts well too: what counts is where the class was defined.
    if isinstance(found, type) and _is_in(found.__module__, trusted):
        return found
    if found is None and _is_in(target, trusted):
        raise ValueError(f"{where}: _target_ {target!r} is not installed here.")
    package = target.partition(".")[0]
    raise ValueError(
        f"{where}: _target_ {target!r} is no class of {' or '.join(trusted)}, so it is not run. "
        f'If you trust the file: xnorkit.load(path, allow=["{package}"]).'
    )


def _is_in(name: str, packages: Sequence[str]) -> bool:
    return any(name == p or name.startswith(f"{p}.") for p in packages)


def _locate(target: str) -> Any:
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
