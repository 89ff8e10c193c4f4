"""xnorkit trains binary neural networks and says how small they are.

The rooms, in the order in which the data pass: `data` (files → batches of waveforms), `features`
(→ log-mel, on the training device), `networks` (topologies, asking `schemes` for blocks of `nn`'s
layers, whose mathematics is `binarize`), `tasks` (loss and metrics), `callbacks` (BinOp and what is
watched), `cli` (the commands; the only room that knows Hydra).
"""

from xnorkit.callbacks.binop import BinOp
from xnorkit.load import load

__all__ = ["BinOp", "load"]

__version__ = "0.1.0"
