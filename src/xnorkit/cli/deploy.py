"""xnorkit-deploy CKPT: pack, compile and prove a checkpoint, as the end of a training does."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from xnorkit.callbacks.deploy import Deploy, Deployed
from xnorkit.checkpoint import load
from xnorkit.cli import build, quiet
from xnorkit.cli.evaluate import data_node, stores_of
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.export.cross import TARGETS, require_target
from xnorkit.deploy.report.screen import renderable
from xnorkit.tasks import Classification

_DATA_DIR = "~/.cache/xnorkit"  # as train.yaml has it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 2 for what the user can change, 130 for Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.target is not None and options.export is None:
        parser.error("--target compiles what --export DIR writes: give both.")
    quiet.silence()
    try:
        if options.target is not None:
            require_target(options.target)  # before the work, not after it
        deployed = deploy(options)
        Console().print(renderable(deployed.report))
        print(f"model  {options.out or folder_of(options.checkpoint)}/model.xnor")
        if options.export is not None:
            export(deployed.engine, options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the checkpoint is as it was", file=sys.stderr)
        return 130
    return 0


def deploy(options: argparse.Namespace) -> Deployed:
    """Deploy as the options say.

    Raises:
        ValueError: the checkpoint can't be read, the data can't be had, or any step's own error.
    """
    checkpoint = Path(options.checkpoint).expanduser()
    task = load(checkpoint, allow=options.allow)
    if not isinstance(task, Classification):
        raise ValueError(
            f"{checkpoint}: of task {type(task).__name__}; only a classifier becomes a C++ engine. "
            "A compression is run by xnorkit-compress and xnorkit-decompress."
        )
    cfg = _config(dict(task.hparams)["config"], options)
    options.data_dir = cfg.data_dir  # an export compiles into the same cache
    datamodule = build.datamodule(cfg, trained=task)
    build.prepare(cfg, datamodule, "test" if options.split == "test" else "validate")
    folder = options.out or folder_of(checkpoint)
    step = Deploy(
        folder,
        folder.parent / "report" if options.out is None else folder,
        options.isa,
        cfg.data_dir + "/engines",
        options.split,
        options.race_seconds,
        build.float_twin(cfg, datamodule),
    )
    step.run(checkpoint, task, datamodule)
    if step.error is not None:
        raise step.error
    assert step.deployed is not None  # it is, where there is no error
    return step.deployed


def export(engine: Engine, options: argparse.Namespace) -> None:
    """Write the C++ project and say what was written.

    Raises:
        ValueError: it can't be written or compiled, see `Engine.export`.
    """
    cache_dir = Path(options.data_dir).expanduser() / "engines"
    exported = engine.export(options.export, options.target, cache_dir)
    print(f"C++    {exported.folder}/README.md says how it is built")
    for path in exported.built:
        print(f"       {path}")
    if exported.kept:
        print(f"       kept as they were: {', '.join(exported.kept)}")


def folder_of(checkpoint: str | Path) -> Path:
    """RUN_DIR/deploy of RUN_DIR/checkpoints/best.ckpt; else `deploy` beside the file."""
    path = Path(checkpoint).expanduser().absolute()
    run = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    return run / "deploy"


def _config(saved: dict[str, Any], options: argparse.Namespace) -> DictConfig:
    """The checkpoint's config with this machine's folders."""
    cfg = OmegaConf.create({**saved, "data_dir": options.data_dir or stores_of(saved, _DATA_DIR)})
    given = {} if options.data_root is None else {"data.root": options.data_root}
    OmegaConf.update(cfg, "data", data_node(saved["data"], cfg, given), merge=False)
    return cfg


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xnorkit-deploy", description=__doc__)
    parser.add_argument("checkpoint", metavar="CKPT", help="a run's checkpoints/best.ckpt")
    parser.add_argument("--out", type=Path, help="folder; default: the run's deploy/")
    parser.add_argument("--isa", help="path to run, as in XNORKIT_ISA: portable, x86_avx2, …")
    parser.add_argument("--split", choices=["test", "val"], default="test", help="that proves it")
    parser.add_argument("--race-seconds", type=float, default=5.0, help="of timing; 0: none")
    parser.add_argument("--data-root", help="recordings in another folder than in training")
    parser.add_argument("--data-dir", help=f"stores, engines; the training's, else {_DATA_DIR}")
    parser.add_argument("--export", metavar="DIR", help="write a C++ project that needs no Python")
    parser.add_argument("--target", choices=TARGETS, help="and compile it for that machine")
    parser.add_argument("--allow", action="append", default=[], help="package of your own classes")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
