"""Lightning callbacks: BinOp, which trains binary weights, and what watches or stops a training."""

from xnorkit.callbacks.binop import BinOp

__all__ = ["BinOp"]
