"""What Lightning and torch say without need stays off the terminal; train.log has it."""

import logging
import threading
import warnings
from typing import Any, TextIO

from lightning.pytorch import Callback, LightningModule, Trainer

_POINTLESS = (
    r".*does not have many workers.*",
    r".*treespec, LeafSpec.*",
    r".*Checkpoint directory .* exists and is not empty.*",
    r".*is smaller than the logging interval.*",
    r".*The `srun` command is available.*",
    r".*Trying to infer the `batch_size`.*",
    r".*lr_scheduler\.step\(\).*before.*optimizer\.step\(\).*",  # after a scaler skipped a step
    r".*fork\(\) may lead to deadlocks.*",
    r".*You are using a CUDA device.*",
    r".*GPU available but not used.*",
    r".*Experiment logs directory .*",
    r".*`self\.log\(.*sync_dist=True.*",  # train/loss of an epoch is rank 0's, and that is fine
)


def silence() -> None:
    """Filter pointless warnings; send Lightning's log to train.log instead of the terminal."""
    logging.raiseExceptions = False  # on a full disk: train.log ends, without a traceback a line
    threading.excepthook = _tell_of_thread
    for pattern in _POINTLESS:
        warnings.filterwarnings("ignore", message=f"(?s){pattern}")
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True  # the root's console handler shows warnings and worse
    logging.getLogger("lightning.pytorch").addFilter(_no_tip)
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_no_tip)


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Where TensorBoard's thread can't write, its logger has the sentence."""
    if not isinstance(ended.exc_value, OSError):
        threading.__excepthook__(ended)


def _no_tip(record: logging.LogRecord) -> bool:
    """Lightning advertises its products in the log."""
    return "Tip:" not in str(record.msg)


class QuietRanks(Callback):
    """The same in a spawned process, which begins with Python's own logging and warnings."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Silence this process."""
        silence()


class WithoutOverrides:
    """A stream without hydra's "Error executing job with overrides", a line of all overrides.

    Args:
        stream: gets all that is written but this line.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, unless it is that line."""
        return (
            0 if text.startswith("Error executing job with overrides") else self._stream.write(text)
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
