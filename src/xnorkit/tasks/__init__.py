"""Network + features → a LightningModule with loss and metrics."""

from xnorkit.tasks.classification import Classification

__all__ = ["Classification"]
