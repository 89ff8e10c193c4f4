"""last.ckpt after every epoch; on Ctrl-C and SIGTERM the step is finished and saved first.

(Lightning's ModelCheckpoint(save_last=True) writes it only together with a better best.ckpt.)

The first signal lets the optimiser step end, saves and raises `Stopped`; the second raises at once.
In the last batch of an epoch it waits for validation and the epoch's own checkpoint: an epoch that
is left between its last batch and its validation would be resumed without that validation.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities import rank_zero_only

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SAME_PRESS = 0.5  # s; one Ctrl-C reaches a spawned rank from the terminal and from its parent

Handlers = dict[signal.Signals, Any]


class Stopped(SystemExit):
    """Training was ended by a signal.

    A SystemExit, not an Exception: a sweep ends with its job, and a spawned rank exits silently
    with the code that shells expect, 130 for SIGINT and 143 for SIGTERM.

    Args:
        signum: the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum

    def __reduce__(self) -> tuple[type["Stopped"], tuple[int]]:
        """Pickled by its argument: a sweep's worker sends it to the parent."""
        return Stopped, (self.signum,)


class GracefulStop(Checkpoint):  # a Checkpoint, so that Lightning calls it after ModelCheckpoint
    """Keeps last.ckpt; stops at the next place from which a resumed run continues bit for bit.

    Args:
        dirpath: folder of `last.ckpt`.
    """

    def __init__(self, dirpath: str | os.PathLike[str]) -> None:
        self.last = Path(dirpath) / "last.ckpt"
        self.signum: int | None = None
        self._first = 0.0
        self._previous: Handlers = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch for signals; Lightning's own handlers, set a moment ago, rest meanwhile."""
        self._previous = _install(self._on_signal)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is None:
            self.signum, self._first = signum, time.monotonic()
            _say("stopping after this step, then saving; the same again interrupts at once")
        elif time.monotonic() - self._first > _SAME_PRESS:
            raise Stopped(signum)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save and stop, unless gradients are being accumulated or validation comes next."""
        if trainer.fit_loop._should_accumulate() or _validation_is_next(trainer, batch_idx):
            return
        if self._all_ranks(trainer):
            trainer.save_checkpoint(self.last)
            raise Stopped(self.signum or signal.SIGTERM)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save, and stop if asked to; validation and the best checkpoint are done."""
        if getattr(trainer, "fast_dev_run", False):  # Lightning does not declare it
            return
        trainer.save_checkpoint(self.last)
        if self._all_ranks(trainer):
            raise Stopped(self.signum or signal.SIGTERM)

    def _all_ranks(self, trainer: Trainer) -> bool:
        """Whether any rank has the signal: all of them must save together."""
        wanted = self.signum is not None
        if trainer.world_size == 1:
            return wanted
        return bool(trainer.strategy.reduce_boolean_decision(wanted, all=False))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hand the signals back."""
        self._restore()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Hand the signals back."""
        self._restore()

    def _restore(self) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
        self._previous = {}

    def __getstate__(self) -> dict[str, Any]:
        """Handlers stay in their process when the trainer is sent to a spawned one."""
        return {**self.__dict__, "_previous": {}}


def stop_at_once() -> Handlers:
    """Outside of training there is nothing to finish: either signal raises `Stopped`.

    Returns:
        The handlers that were replaced.
    """

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Stopped(signum)

    return _install(stop)


@contextmanager
def parent_of_ranks(trainer: Trainer) -> Iterator[None]:
    """While ranks train in spawned processes: hand them the first signal and wait for them.

    Raises:
        Stopped: the ranks have ended after a signal.
    """
    launcher: Any = trainer.strategy.launcher
    if not hasattr(launcher, "procs"):  # training runs in this process
        yield
        return
    received: list[int] = []

    def forward(signum: int, frame: FrameType | None) -> None:
        received.append(signum)
        launcher.kill(signum)

    previous = _install(forward)
    try:
        yield
    except Exception as error:
        if received:
            raise Stopped(received[0]) from error
        raise
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def _validation_is_next(trainer: Trainer, batch_idx: int) -> bool:
    every = trainer.val_check_batch  # batches; inf or None where nothing is counted
    due = every is not None and every != float("inf") and (batch_idx + 1) % every == 0
    return bool(trainer.is_last_batch or due)


def _install(handler: Callable[[int, FrameType | None], None]) -> Handlers:
    """Set the handler for both signals; returns those that it replaces."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # python allows it in the main thread only
    return {signum: signal.signal(signum, handler) for signum in _SIGNALS}


@rank_zero_only
def _say(text: str) -> None:
    print(f"\n{text}", file=sys.stderr, flush=True)
