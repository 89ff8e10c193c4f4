"""The layout is held by a test: rooms, twins, sizes."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "xnorkit"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py")
OTHERS = [p for room in ("tests", "benchmarks", "examples") for p in (ROOT / room).rglob("*.py")]
ROOMS = sorted(p for p in PACKAGE.rglob("__init__.py"))
FORBIDDEN_STEMS = {"utils", "util", "helpers", "common", "base", "misc", "core"}


def relative(path):
    return str(path.relative_to(ROOT))


@cache
def tree(path):
    return ast.parse(path.read_text())


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_every_module_has_its_test(module):
    inside = module.relative_to(PACKAGE)
    twin = ROOT / "tests" / inside.parent / f"test_{inside.stem.lstrip('_')}.py"
    assert twin.is_file(), f"{relative(module)} has no {relative(twin)}"
    assert "def test_" in twin.read_text(), f"{relative(twin)} tests nothing"


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_every_module_has_a_name_of_its_own_and_says_what_it_does(module):
    assert module.stem not in FORBIDDEN_STEMS
    assert ast.get_docstring(tree(module))


@pytest.mark.parametrize("room", ROOMS, ids=relative)
def test_every_room_says_what_it_does_and_is_not_empty(room):
    assert len(ast.get_docstring(tree(room)) or "") > 30
    assert len(list(room.parent.glob("*.py"))) > 1
    assert len(list(room.parent.glob("*.py"))) <= 16, "split this room by idea"


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_files_and_functions_stay_small(module):
    assert len(module.read_text().splitlines()) <= 300, "split this file by idea"
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (body[-1].end_lineno - body[0].lineno + 1) if body else 0
            assert lines <= 60, f"{node.name} has {lines} lines"


def test_files_outside_the_package_stay_small_too():
    lengths = {relative(path): len(path.read_text().splitlines()) for path in OTHERS}
    assert not {path: lines for path, lines in lengths.items() if lines > 300}, "split by subject"


def test_only_the_torchaudio_room_imports_torchaudio():
    for module in MODULES:
        imports_it = any(
            isinstance(node, ast.Import | ast.ImportFrom)
            and "torchaudio"
            in {
                *(getattr(node, "module", None) or "").split(".")[:1],
                *(alias.name.split(".")[0] for alias in node.names if isinstance(node, ast.Import)),
            }
            for node in ast.walk(tree(module))
        )
        assert not imports_it or module.name == "_torchaudio.py", relative(module)
