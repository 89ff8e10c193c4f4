"""Every change that a library depends on changes its key, and no other does."""

import dataclasses
import platform
import sysconfig

import pytest

from xnorkit.native import unit as unit_module
from xnorkit.native.toolchain import Toolchain
from xnorkit.native.unit import Unit, flags_of, key_of

TOOLCHAIN = Toolchain(("c++",), "c++ 1.0", "c++ 1.0 of here", ("-O3",))
UNIT = Unit("int f();\n")


@pytest.fixture
def headers(monkeypatch, tmp_path):
    """A folder of headers in the place of the project's."""
    monkeypatch.setattr(unit_module, "CPP_DIR", tmp_path)
    include = tmp_path / "include" / "xnorkit"
    (include / "ops").mkdir(parents=True)
    (include / "bits.hpp").write_text("// bits\n")
    (include / "ops" / "add.inl.hpp").write_text("// add\n")
    (include / "c_interface.h").write_text("/* c */\n")
    return include


def test_the_same_has_the_same_key(headers):
    assert key_of(UNIT, TOOLCHAIN) == key_of(Unit("int f();\n"), TOOLCHAIN)
    assert len(key_of(UNIT, TOOLCHAIN)) == 32


@pytest.mark.parametrize(
    "change",
    [
        lambda include: (include / "bits.hpp").write_text("// Bits\n"),
        lambda include: (include / "ops" / "add.inl.hpp").write_text(""),
        lambda include: (include / "c_interface.h").unlink(),
        lambda include: (include / "bits.hpp").rename(include / "bit.hpp"),
        lambda include: (include / "ops" / "new.inl.hpp").write_text(""),
    ],
    ids=["content", "deeper", "gone", "name", "new"],
)
def test_any_change_of_the_headers_is_another_key(headers, change):
    before = key_of(UNIT, TOOLCHAIN)
    change(headers)
    assert key_of(UNIT, TOOLCHAIN) != before


def test_a_header_that_the_unit_does_not_include_changes_nothing(headers):
    unit = Unit("", headers=("include/xnorkit/c_interface.h",))
    before = key_of(unit, TOOLCHAIN)
    (headers / "bits.hpp").write_text("")
    assert key_of(unit, TOOLCHAIN) == before


@pytest.mark.parametrize("field", ["identity", "flags"])
def test_another_compiler_or_flag_is_another_key(field):
    other = dataclasses.replace(TOOLCHAIN, **{field: ("-O2",) if field == "flags" else "2.0"})
    assert key_of(UNIT, other) != key_of(UNIT, TOOLCHAIN)


def test_another_processor_is_another_key(monkeypatch):
    """A home folder may be shared by machines of several kinds."""
    before = key_of(UNIT, TOOLCHAIN)
    monkeypatch.setattr(platform, "machine", lambda: "other")
    assert key_of(UNIT, TOOLCHAIN) != before


def test_another_python_is_another_key_only_for_what_includes_it(monkeypatch):
    module = dataclasses.replace(UNIT, python=True)
    before = key_of(UNIT, TOOLCHAIN), key_of(module, TOOLCHAIN)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: "cpython-399")
    assert key_of(UNIT, TOOLCHAIN) == before[0]
    assert key_of(module, TOOLCHAIN) != before[1]


def test_an_engine_needs_no_header_of_python():
    assert not [flag for flag in flags_of(UNIT, TOOLCHAIN) if "python" in flag.lower()]
