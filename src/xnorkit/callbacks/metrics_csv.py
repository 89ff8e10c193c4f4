"""Logged metrics → RUN_DIR/metrics.csv, continued by a resumed run."""

import csv
import logging
import os
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

_log = logging.getLogger(__name__)


def _column(name: str) -> tuple[bool, bool, str]:
    """Order of the columns: epoch and step first, what is logged of each layer last."""
    return name not in ("epoch", "step"), name.startswith("binary/"), name


def _is_before(row: dict[str, str], step: int) -> bool:
    """Whether it is a whole row of an earlier step; a full disk cuts one off."""
    return (row["step"] or "").isdigit() and int(row["step"]) < step


class _ContinuingWriter(ExperimentWriter):
    """Keeps the rows that are there, up to the step from which this run logs again."""

    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        self._overlap_removed = False

    def _check_log_dir_exists(self) -> None:
        """Lightning deletes an earlier metrics.csv here; ours is continued."""
        if Path(self.metrics_file_path).is_file():
            with open(self.metrics_file_path, newline="", encoding="utf-8") as file:
                self.metrics_keys = sorted(csv.DictReader(file).fieldnames or [], key=_column)

    def _record_new_keys(self) -> set[str]:
        new = super()._record_new_keys()  # sorts by name: dozens of binary/… before epoch and step
        self.metrics_keys.sort(key=_column)
        return new

    def save(self) -> None:
        """Append; before the first time, drop rows of steps that are now done again."""
        if self.metrics and not self._overlap_removed:
            self._overlap_removed = True
            if Path(self.metrics_file_path).is_file():
                self._keep_rows_before(min(int(row["step"]) for row in self.metrics))
        super().save()

    def _keep_rows_before(self, step: int) -> None:
        with open(self.metrics_file_path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if _is_before(row, step)]
        with open(self.metrics_file_path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=self.metrics_keys)
            writer.writeheader()
            writer.writerows(rows)


class MetricsCSV(CSVLogger):
    """One `metrics.csv` in `save_dir`, a row per logged step.

    Args:
        save_dir: the run folder.
        flush_logs_every_n_steps: rows held back at most.
    """

    def __init__(self, save_dir: str | Path, flush_logs_every_n_steps: int = 100):
        super().__init__(
            save_dir, name="", version="", flush_logs_every_n_steps=flush_logs_every_n_steps
        )
        self._ended = False

    @property
    def experiment(self) -> Any:
        """The writer; a dummy on all ranks but 0."""
        if getattr(rank_zero_only, "rank", 0) != 0:
            return super().experiment
        if self._experiment is None:
            os.makedirs(self._root_dir, exist_ok=True)
            self._experiment = _ContinuingWriter(log_dir=self.log_dir)
        return self._experiment

    @rank_zero_only
    def log_hyperparams(self, params: Any = None) -> None:
        """Nothing: config.yaml beside the file has them."""

    @rank_zero_only
    def save(self) -> None:
        """Write the rows held back; no hparams.yaml. Where they can't be written, the file ends."""
        if self._experiment is None or self._ended:
            return
        try:
            self._experiment.save()
        except OSError as error:
            self._ended = True
            where, why = self._experiment.metrics_file_path, error.strerror or error
            _log.warning("%s: nothing more is logged there (%s).", where, why)
