"""Checkpoint → file, whole or not at all.

Lightning writes into TMPDIR and moves the file. From another disk that is a copy onto the
checkpoint before, and where the disk is full neither is left.
"""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from xnorkit.whole_file import replace_file


class CheckpointFiles(TorchCheckpointIO):
    """Lightning's way to write checkpoints, but beside the one that they replace."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write one.

        Raises:
            OSError: it can't be written; the one before is as it was.
        """
        data = io.BytesIO()
        torch.save(checkpoint, data)
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, data.getvalue())
        except OSError as error:
            raise OSError(
                f"{target}: this checkpoint can't be written ({error.strerror or error}); the one "
                "before, if there was one, is kept. Make room."
            ) from error
