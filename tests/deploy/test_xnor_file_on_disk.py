"""A file on the disk: all of it is written, or what was there stays."""

import errno
import os
from pathlib import Path

import pytest
from xnor_files import METADATA, VALID

from xnorkit.deploy import xnor_file
from xnorkit.deploy.xnor_file import XnorFileError, read, write


def test_a_written_file_is_read(tmp_path):
    write(tmp_path / "model.xnor", b"an older one")
    write(tmp_path / "model.xnor", VALID)
    assert read(tmp_path / "model.xnor").metadata == METADATA
    assert os.listdir(tmp_path) == ["model.xnor"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    def fill(self, content):
        with open(self, "wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    write(tmp_path / "model.xnor", b"an older one")
    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(XnorFileError, match=r"model\.xnor: its \d+ bytes .*No space left .*again"):
        write(tmp_path / "model.xnor", VALID)
    assert (tmp_path / "model.xnor").read_bytes() == b"an older one"
    assert os.listdir(tmp_path) == ["model.xnor"]


def test_an_interrupt_leaves_what_was_there(tmp_path, monkeypatch):
    def interrupt(source, target):
        raise KeyboardInterrupt

    write(tmp_path / "model.xnor", b"an older one")
    monkeypatch.setattr(xnor_file.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "model.xnor", VALID)
    assert (tmp_path / "model.xnor").read_bytes() == b"an older one"
    assert os.listdir(tmp_path) == ["model.xnor"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(XnorFileError, match="No such file or directory"):
        write(tmp_path / "none" / "model.xnor", VALID)
