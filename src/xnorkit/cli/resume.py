"""resume=RUN_DIR: that run's config, folder and last checkpoint, under what the user changed."""

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from xnorkit.cli.checks import Refused
from xnorkit.cli.given import Given, differences, plain
from xnorkit.cli.run_folder import RunFolder
from xnorkit.machine import program

_FIXED = ("model", "network", "data", "seed")  # another one would be another run
_FREE = ("optimizer", "scheduler", "trainer", "callbacks", "logger", "test", "task", "deploy")

# What held before there was a key: a run of then is resumed as it began.
_BEFORE: dict[str, Any] = {
    "task._target_": "xnorkit.tasks.Classification",
    "score": "val/acc",
    "recipe.float_stage": {"share": 0.0, "lr": 3e-3},
    "deploy": {},
}

_TEST_DIR = "hydra.run.dir=outputs/${now:%Y-%m-%d}/${now:%H-%M-%S-%f}_test"


def point_hydra_at_folder(arguments: Sequence[str]) -> list[str]:
    """The command line with hydra's run folder: the resumed run's; for fit=false one of its own.

    Raises:
        Refused: RUN_DIR is no run that can be resumed.
    """
    if any(argument.startswith("hydra.run.dir=") for argument in arguments):
        return list(arguments)
    if any(argument.lower() == "fit=false" for argument in arguments):
        return [*arguments, _TEST_DIR]  # the checkpoint, not the defaults, says what is tested
    named = [argument for argument in arguments if argument.startswith("resume=")]
    if not named:
        return list(arguments)
    try:
        value = OverridesParser.create().parse_override(named[-1]).value()
    except HydraException:
        return list(arguments)  # hydra says what is wrong with it
    if value is None:
        return list(arguments)
    folder = resumable(str(value)).path
    return [*arguments, f"hydra.run.dir={_quoted(str(folder))}"]


def resumable(path: str) -> RunFolder:
    """The run folder, if it holds what is needed to continue.

    Raises:
        Refused: there is no such run, or nothing was saved in it.
    """
    run = RunFolder(Path(path).expanduser().resolve())
    if not run.config.is_file():
        raise Refused(f"resume={path}: no run folder (it has no config.yaml). Give outputs/…/….")
    if not run.can_resume:
        raise Refused(
            f"resume={path}: it has no checkpoints/last.ckpt, nothing was saved before it ended. "
            "Start it anew."
        )
    return run


def resumed_config(run: RunFolder, given: Given, keys: Iterable[Any] = ()) -> DictConfig:
    """The run's own config with the user's changes.

    Args:
        run: the resumed run.
        given: what the user typed beside `resume=`.
        keys: that a config must have; an older run's lacks those that came after it.

    Raises:
        Refused: a changed key of model, network, data or seed, or one that would have no effect;
            a config so old that it says too little.
    """
    saved = saved_config(run)
    for key, value in _BEFORE.items():
        if OmegaConf.select(saved, key) is None:
            OmegaConf.update(saved, key, value, force_add=True)
    missing = [str(key) for key in keys if key not in saved]
    if missing:
        raise Refused(
            f"resume={run.shown()}: its config.yaml is of another xnorkit and does not say "
            f"{', '.join(missing)}. Continue it with that version, or start a new run from its "
            f"weights: init_from={run.last}."
        )
    wrong = [
        line
        for key, value in given.items()
        if key.split(".")[0] in _FIXED
        for line in differences(plain(OmegaConf.select(saved, key)), value, key)
    ]
    if wrong:
        raise Refused(
            f"resume={run.shown()}: model, network, data and seed stay as they were, but "
            f"{'; '.join(wrong)}. Leave them out, or start a new run with init_from=CKPT."
        )
    for key, value in given.items():
        root = key.split(".")[0]
        if root in _FREE:
            OmegaConf.update(saved, key, value, merge=False, force_add=True)
        elif root not in (*_FIXED, "resume"):
            raise Refused(
                f"resume={run.shown()}: {key} can't change in a resumed run; "
                f"what can is {', '.join(_FREE)}."
            )
    saved.resume = str(run.path)
    return saved


def saved_config(run: RunFolder) -> DictConfig:
    """config.yaml as it was composed; paths into the run folder follow it if it was moved."""
    saved: dict[str, Any] = plain(OmegaConf.load(run.config))
    saved.pop("run", None)
    moved: DictConfig = OmegaConf.create(_moved(saved, str(saved["run_dir"]), str(run.path)))
    return moved


def _moved(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {k: _moved(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [_moved(v, old, new) for v in value]
    return value.replace(old, new, 1) if isinstance(value, str) and value.startswith(old) else value


def command(run: RunFolder) -> str:
    """What to type to resume."""
    name = Path(sys.argv[0]).name
    called = f"{program('python')} {sys.argv[0]}" if name.endswith(".py") else program(name)
    return f"{called} {shlex.quote(f'resume={_quoted(run.shown())}')}"


def _quoted(path: str) -> str:
    """As a value in hydra's grammar of overrides."""
    if re.fullmatch(r"[\w./\-:@+%]+", path, flags=re.ASCII):
        return path
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
