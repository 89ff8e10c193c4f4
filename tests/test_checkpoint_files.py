import os

import pytest
import torch
from full_disk import files_up_to

from xnorkit.checkpoint_files import CheckpointFiles


def test_a_checkpoint_is_read_as_it_was_written_into_a_folder_that_is_made(tmp_path):
    path = tmp_path / "checkpoints" / "best.ckpt"
    CheckpointFiles().save_checkpoint({"a": torch.arange(3)}, str(path))
    assert CheckpointFiles().load_checkpoint(path, weights_only=True)["a"].tolist() == [0, 1, 2]
    assert os.listdir(path.parent) == ["best.ckpt"]


def test_on_a_full_disk_the_checkpoint_before_stays(tmp_path):
    path = tmp_path / "last.ckpt"
    CheckpointFiles().save_checkpoint({"epoch": 1}, path)
    sentence = r"last\.ckpt: this checkpoint can't be written \(File too large\); the one before"
    with files_up_to(10_000), pytest.raises(OSError, match=sentence):
        CheckpointFiles().save_checkpoint({"epoch": 2, "w": torch.zeros(10_000)}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert os.listdir(tmp_path) == ["last.ckpt"]
