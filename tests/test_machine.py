import platform
import sys

import pytest

from xnorkit.machine import cpu_name, program

VIRTUAL = """\
processor\t: 0
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor

processor\t: 1
cpu family\t: 7
model\t\t: 1
model name\t: another
"""


def test_the_cpu_of_this_machine_has_a_name():
    assert cpu_name()


def test_a_virtual_machines_cpu_is_told_by_family_and_model(tmp_path):
    (tmp_path / "cpuinfo").write_text(VIRTUAL)
    named = cpu_name(tmp_path / "cpuinfo")
    assert named == "Intel(R) Xeon(R) Processor (family 6, model 207)"


def test_a_name_alone_is_given_as_it_is(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor: 0\nmodel name: Neoverse-N1\n")
    assert cpu_name(tmp_path / "cpuinfo") == "Neoverse-N1"


def test_where_linux_says_nothing_python_does(tmp_path):
    assert cpu_name(tmp_path / "none") == (platform.processor() or platform.machine())


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
