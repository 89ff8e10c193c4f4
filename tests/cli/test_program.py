import sys

import pytest

from xnorkit.cli.program import program


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A Python whose programs lie in `my env/bin` below the folder in which it is called."""
    folder = tmp_path / "my env" / "bin"
    folder.mkdir(parents=True)
    for name in ("python", "xnorkit-deploy"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.chdir(tmp_path)
    return folder


def test_what_the_path_leads_to_is_called_by_its_name(own, monkeypatch):
    monkeypatch.setenv("PATH", str(own))
    assert (program("python"), program("xnorkit-deploy")) == ("python", "xnorkit-deploy")


def test_what_the_path_lacks_is_called_by_its_own_path(own, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program("xnorkit-deploy") == "'my env/bin/xnorkit-deploy'"
    monkeypatch.chdir(own)
    assert program("xnorkit-deploy") == f"'{own}/xnorkit-deploy'"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert program("xnorkit-deploy") == f"'{own}/xnorkit-deploy'"


def test_another_pythons_program_is_not_called(own, monkeypatch, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "python").write_text("#!/bin/sh\n")
    (other / "python").chmod(0o755)
    monkeypatch.setenv("PATH", f"{other}:{own}")
    assert program("python") == "'my env/bin/python'"


def test_what_is_not_installed_beside_it_keeps_its_name(own):
    assert program("tensorboard") == "tensorboard"
