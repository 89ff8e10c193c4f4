"""Network + features → a LightningModule with loss and metrics; what all share is in task.py."""

from xnorkit.tasks.classification import Classification
from xnorkit.tasks.compression import Compression
from xnorkit.tasks.task import Task

__all__ = ["Classification", "Compression", "Task"]
