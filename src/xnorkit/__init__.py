"""xnorkit trains binary neural networks and ships them as C++ that gives the same answers.

The rooms, in the order in which the data pass: `data` (files → batches of waveforms), `features`
(→ log-mel, on the training device), `networks` (topologies, asking `schemes` for blocks of `nn`'s
layers, whose mathematics is `binarize`), `tasks` (loss and metrics), `callbacks` (BinOp and what is
watched), `deploy` (best checkpoint → engine, proof and report), `cli` (the commands; the only room
that knows Hydra). Beside them `ops`, the kernels as torch operators; both are compiled by `native`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xnorkit.callbacks.binop import BinOp
    from xnorkit.checkpoint import load
    from xnorkit.deploy.engine import Engine
    from xnorkit.deploy.pipeline import compile
    from xnorkit.resources import get_include

__all__ = ["BinOp", "Engine", "compile", "get_include", "load"]

__version__ = "0.1.0"

_ROOMS = {
    "BinOp": "xnorkit.callbacks.binop",
    "Engine": "xnorkit.deploy.engine",
    "compile": "xnorkit.deploy.pipeline",
    "get_include": "xnorkit.resources",
    "load": "xnorkit.checkpoint",
}


def __getattr__(name: str) -> Any:
    # Training needs Lightning, an engine does not: it takes seconds to import.
    if name not in _ROOMS:
        raise AttributeError(f"module 'xnorkit' has no attribute {name!r}")
    return getattr(import_module(_ROOMS[name]), name)
