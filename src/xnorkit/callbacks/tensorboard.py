"""Events → RUN_DIR/tensorboard; on a full disk they end, and the training goes on."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from torch.utils.tensorboard import SummaryWriter

_log = logging.getLogger(__name__)


class _Events:
    """A file of events that hands errors of writing on instead of raising them."""

    def __init__(self, events: Any, end: Callable[[OSError], None]) -> None:
        self._events, self._end = events, end

    def add_event(self, event: Any) -> None:
        self._try("add_event", event)

    def flush(self) -> None:
        self._try("flush")

    def close(self) -> None:
        self._try("close")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._events, name)

    def _try(self, name: str, *arguments: Any) -> None:
        try:
            getattr(self._events, name)(*arguments)
        except OSError as error:
            self._end(error)


class _Silence:
    """Takes whatever a FileWriter takes, and keeps nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **named: None


class _Writer(SummaryWriter):
    _ended = False

    def _get_file_writer(self) -> Any:
        if self._ended:
            return _Silence()
        try:
            own: Any = super()  # torch annotates none of its methods
            writer = own._get_file_writer()
        except OSError as error:
            self._end(error)
            return _Silence()
        if not isinstance(writer.event_writer, _Events):
            writer.event_writer = _Events(writer.event_writer, self._end)
        return writer

    def _end(self, error: OSError) -> None:
        if not self._ended:
            why = error.strerror or error
            _log.warning("%s: nothing more is logged there (%s).", Path(self.log_dir), why)
        self._ended = True


class TensorBoard(TensorBoardLogger):
    """Lightning's logger, arguments as there, whose errors of writing cost no training."""

    @property
    def experiment(self) -> Any:
        """The writer; a dummy on all ranks but 0."""
        if getattr(rank_zero_only, "rank", 0) != 0:
            return super().experiment
        if self._experiment is None:
            os.makedirs(self.root_dir, exist_ok=True)
            self._experiment = _Writer(log_dir=self.log_dir, **self._kwargs)
        return self._experiment
