"""Which checkpoint compresses: the one that is named, else one of a run below outputs/."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from xnorkit.checkpoint import load
from xnorkit.cli import quiet
from xnorkit.codec import PictureCodec
from xnorkit.tasks import Compression
from xnorkit.whole_file import replace_file

RUNS = Path("outputs")  # where train.py puts them, in the folder in which it is called
_TASK = f"{Compression.__module__.rpartition('.')[0]}.{Compression.__name__}"  # as config.yaml


def codec_of(checkpoint: str | Path, allow: Sequence[str] = ()) -> PictureCodec:
    """The codec of a checkpoint.

    Raises:
        ValueError: it can't be loaded, or is of another task.
    """
    path = Path(checkpoint).expanduser()
    task = load(path, allow)
    if not isinstance(task, Compression):
        raise ValueError(
            f"{path}: of task {type(task).__name__}, and only a compression compresses. Give a "
            "checkpoint of python train.py task=compression."
        )
    return PictureCodec(task.network)


def found(runs: Path = RUNS) -> list[Path]:
    """Best checkpoints of all compressions in the folder, newest first."""
    paths = [
        path
        for path in runs.glob("**/checkpoints/best.ckpt")
        if _is_compression(path.parent.parent / "config.yaml")
    ]
    return sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)


def _is_compression(config: Path) -> bool:
    return config.is_file() and _TASK in config.read_text(encoding="utf-8", errors="replace")


def newest(runs: Path = RUNS) -> Path:
    """The checkpoint of the last compression.

    Raises:
        ValueError: there is none.
    """
    paths = found(runs)
    if not paths:
        raise ValueError(
            f"no compression below {runs}/: train one by python train.py task=compression, or "
            "name its checkpoint by --model."
        )
    return paths[0]


def writer_of(model_id: bytes, runs: Path = RUNS) -> Path:
    """The checkpoint that has this id.

    Raises:
        ValueError: there is none.
    """
    for path in found(runs):
        if codec_of(path).model_id == model_id:
            return path
    raise ValueError(
        f"written by model {model_id.hex()}, and no run below {runs}/ is that. Name its "
        "checkpoint by --model."
    )


def write(path: Path, data: bytes) -> None:
    """Write whole or not at all.

    Raises:
        ValueError: it can't be written.
    """
    try:
        replace_file(path, data)
    except OSError as error:
        raise ValueError(f"{path}: can't be written ({error.strerror or error}).") from error


def read(path: Path) -> bytes:
    """A whole file.

    Raises:
        ValueError: it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: can't be read ({error.strerror or error}).") from error


def command(run: Callable[[], str]) -> int:
    """Do what a command line asks for and print what came of it; errors are sentences.

    Returns:
        The exit code: 2 for what the user can change, 130 for Ctrl-C.
    """
    quiet.silence()
    try:
        print(run())
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    # torch says by RuntimeError that there is not enough memory for the picture.
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        lines = str(error).splitlines()
        print(f"error: {lines[0] if lines else type(error).__name__}", file=sys.stderr)
        return 2
    return 0
