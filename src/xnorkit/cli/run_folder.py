"""A run's folder: where its files are, what ran and with which result."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from xnorkit.machine import cpu_name
from xnorkit.resources import CONF_DIR
from xnorkit.whole_file import replace_file


@dataclass(frozen=True)
class RunFolder:
    """Names in a run's folder.

    Args:
        path: the folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The resolved config, and under `run:` what ran it."""
        return self.path / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of best.ckpt and last.ckpt."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The checkpoint of the highest validation accuracy."""
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        """The checkpoint from which a run is resumed."""
        return self.checkpoints / "last.ckpt"

    @property
    def float_stage(self) -> "RunFolder":
        """The float twin's run, which gave the first weights."""
        return RunFolder(self.path / "float")

    @property
    def can_resume(self) -> bool:
        """Whether anything was saved from which the run continues."""
        return self.last.is_file() or self.float_stage.last.is_file()

    @property
    def log(self) -> Path:
        """What was logged, with every traceback."""
        return self.path / "train.log"

    @property
    def result(self) -> Path:
        """The numbers that the comparison of a sweep reads."""
        return self.path / "result.json"

    @property
    def tested(self) -> bool:
        """Whether fit and test have ended since config.yaml was written, at the start of fit."""
        if not (self.config.is_file() and self.result.is_file()):
            return False
        return self.result.stat().st_mtime_ns >= self.config.stat().st_mtime_ns

    def write_config(self, cfg: DictConfig) -> None:
        """Write config.yaml, once: all values resolved, then versions, commit and machine."""
        values: Any = OmegaConf.to_container(cfg, resolve=True)
        text = OmegaConf.to_yaml(OmegaConf.create({**values, "run": provenance()}))
        self.path.mkdir(parents=True, exist_ok=True)
        replace_file(self.config, text)

    def write_result(self, result: dict[str, Any]) -> None:
        """Write result.json."""
        replace_file(self.result, json.dumps(result, indent=1) + "\n")

    def shown(self) -> str:
        """The path as short as it can be typed from here."""
        here = Path.cwd()
        return str(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path)


def is_rank_zero() -> bool:
    """Whether this process speaks and writes; with subprocess ddp the others run `main` too."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def provenance() -> dict[str, Any]:
    """What ran: command, versions, git commit, CPU."""
    return {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started": datetime.now().isoformat(timespec="seconds"),
        "versions": versions(),
        "git_commit": git_commit(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def versions() -> dict[str, str]:
    """Versions of what computes."""
    found = {"python": platform.python_version()}
    for name in ("xnorkit", "torch", "torchaudio", "lightning", "hydra-core", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def git_commit() -> str | None:
    """Commit of the checkout that the code is from, with "+" if files differ; None in a wheel."""
    if not (CONF_DIR.parent / ".git").exists():
        return None
    commit = _git("rev-parse", "HEAD")
    return (
        None if commit is None else commit + ("+" if _git("status", "--porcelain", "-uno") else "")
    )


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(CONF_DIR.parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
