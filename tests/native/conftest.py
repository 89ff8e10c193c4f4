"""Fixtures of native/: the machine's compiler, and compilers that misbehave."""

import shutil
import stat
import tempfile

import pytest

from xnorkit.native import compile as compile_module


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """The compiler of the machine; warnings said anew; a temporary folder that is watched."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(compile_module, "_warned", set())
    compile_module._temporary_folder.cache_clear()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    yield
    compile_module._temporary_folder.cache_clear()


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """Sets a compiler that first runs a line of shell; `$@` are its arguments."""
    real = shutil.which("c++") or pytest.skip("there is no c++ here")

    def write(line):
        path = tmp_path / "compiler"
        path.write_text(
            f'#!/bin/sh\nif [ "$1" = --version ]; then echo x 1.0; exit; fi\n{line}\n'
            f'exec {real} "$@"\n'
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("CXX", str(path))

    return write
