"""One unit, one library: built once, found ever after, and sentences where it can't be."""

import ctypes
import tempfile
import time
from pathlib import Path

import pytest

from xnorkit.native import compile as compile_module
from xnorkit.native import unit as unit_module
from xnorkit.native.compile import (
    Builds,
    CacheError,
    CompileError,
    build,
    default_cache_dir,
)
from xnorkit.native.unit import Unit

pytestmark = pytest.mark.usefixtures("fresh")
ANSWER = 'extern "C" __attribute__((visibility("default"))) int answer() { return 42; }\n'


def answer(library):
    return ctypes.CDLL(str(library)).answer()


def test_a_unit_is_compiled_once_and_found_ever_after(tmp_path):
    first = build(ANSWER, tmp_path)
    assert first.seconds > 0
    assert answer(first.path) == 42
    begin = time.process_time()  # on a busy machine too
    again = build(ANSWER, tmp_path)
    assert time.process_time() - begin < 0.2
    assert (again.path, again.seconds, again.compiler) == (first.path, 0.0, first.compiler)
    assert (first.path.parent / "engine.cpp").read_text() == ANSWER


def test_only_what_is_finished_lies_in_the_cache(tmp_path):
    built = build(ANSWER, tmp_path / "cache")
    key = built.path.parent.name
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {key, f"{key}.lock"}


def test_another_unit_is_another_library(tmp_path):
    assert build(ANSWER, tmp_path).path != build(ANSWER + "// more\n", tmp_path).path


def test_a_changed_header_compiles_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(unit_module, "CPP_DIR", tmp_path / "cpp")
    header = tmp_path / "cpp" / "include" / "number.hpp"
    header.parent.mkdir(parents=True)
    for number in (42, 43):
        header.write_text(f"constexpr int number = {number};\n")
        unit = '#include "number.hpp"\n' + ANSWER.replace("42", "number")
        built = build(unit, tmp_path / "cache")
        assert built.seconds > 0
        assert answer(built.path) == number


def test_another_compiler_compiles_anew(tmp_path, compiler):
    build(ANSWER, tmp_path / "cache")
    compiler("")
    assert build(ANSWER, tmp_path / "cache").seconds > 0


@pytest.mark.parametrize("damage", ["truncated", "a byte", "emptied", "gone", "note", "no note"])
def test_a_damaged_library_is_built_anew(tmp_path, damage):
    built = build(ANSWER, tmp_path)
    library, note = built.path, built.path.with_name("engine.json")
    content = library.read_bytes()
    if damage == "truncated":
        library.write_bytes(content[: len(content) // 2])
    elif damage == "a byte":
        library.write_bytes(content[:-100] + bytes([content[-100] ^ 1]) + content[-99:])
    elif damage == "emptied":
        library.write_bytes(b"")
    elif damage == "gone":
        library.unlink()
    elif damage == "note":
        note.write_text('{"size": 3}')
    else:
        note.unlink()
    again = build(ANSWER, tmp_path)
    assert again.seconds > 0
    assert answer(again.path) == 42
    assert build(ANSWER, tmp_path).seconds == 0


def test_a_compile_error_shows_the_compilers_words_and_keeps_the_unit(tmp_path):
    unit = "#include <cstddef>\nint f() { return no_such_name; }\n"
    with pytest.raises(CompileError) as error:
        build(unit, tmp_path / "cache")
    said = str(error.value)
    assert "no_such_name" in said
    assert 'pip install "xnorkit[compiler]"' in said
    (kept,) = (tmp_path / "tmp").glob("xnorkit-refused-*/engine.cpp")
    assert str(kept) in said
    assert kept.read_text() == unit
    log = kept.with_name("compiler.log").read_text()
    assert "-ffp-contract=off" in log
    assert "no_such_name" in log
    assert all(path.suffix == ".lock" for path in (tmp_path / "cache").iterdir())


def test_a_message_begins_at_its_first_error_and_is_cut(tmp_path, compiler):
    compiler('i=0; while [ $i -lt 40 ]; do echo "In file $i"; i=$((i+1)); done; '
             'echo "a: error: this"; while [ $i -lt 80 ]; do echo "note $i"; i=$((i+1)); done; '
             "exit 1")  # fmt: skip
    with pytest.raises(CompileError) as error:
        build(ANSWER, tmp_path / "cache")
    said = str(error.value)
    assert "In file" not in said
    assert "a: error: this\nnote 40" in said
    assert "note 79" not in said


def test_what_was_to_be_compiled_is_named(tmp_path, compiler, caplog):
    compiler("exit 1")
    caplog.set_level("INFO")
    unit = Unit(ANSWER, name="the answer")
    refused = pytest.raises(CompileError, match=r"could not compile the answer \(exit status 1\)")
    with refused, Builds(tmp_path / "cache") as builds:
        builds.start(unit).result()
    assert "compiling the answer with x 1.0" in caplog.text


@pytest.mark.parametrize("line", ["exit 0", "kill -9 $$"])
def test_a_compiler_that_dies_or_writes_nothing_is_an_error(tmp_path, compiler, line):
    compiler(line)
    with pytest.raises(CompileError, match="it said nothing"):
        build(ANSWER, tmp_path / "cache")


def test_a_compiler_that_has_gone_meanwhile_is_an_error(tmp_path, compiler):
    compiler("")
    compile_module.find_toolchain()
    (tmp_path / "compiler").unlink()
    with pytest.raises(CompileError, match="compiler can't be started"):
        build(ANSWER, tmp_path / "cache")


def test_a_cache_that_cant_be_written_is_replaced_with_one_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / "cache"  # root may write everywhere but below a file
    built = build(ANSWER, cache)
    assert answer(built.path) == 42
    assert built.path.is_relative_to(tmp_path / "tmp")
    assert build(ANSWER, cache).path == built.path
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert str(cache) in warning.message
    assert str(tmp_path / "tmp") in warning.message


def test_a_full_disk_seen_by_the_compiler_leads_elsewhere(tmp_path, caplog, compiler):
    compiler(f'case "$*" in *"{tmp_path}/cache"*) '
             'echo "fatal error: error writing to engine.s: No space left on device" >&2; exit 1;; '
             "esac")  # fmt: skip
    built = build(ANSWER, tmp_path / "cache")
    assert answer(built.path) == 42
    assert built.path.is_relative_to(tmp_path / "tmp")
    assert "No space left on device" in caplog.text
    assert not list((tmp_path / "cache").glob("*.building-*"))


def test_a_disk_that_is_full_everywhere_is_an_error_that_names_both_folders(tmp_path, compiler):
    compiler("echo No space left on device >&2; exit 1")
    with pytest.raises(CacheError) as error:
        build(ANSWER, tmp_path / "cache")
    assert str(tmp_path / "cache") in str(error.value)
    assert str(tmp_path / "tmp") in str(error.value)
    assert "XDG_CACHE_HOME" in str(error.value)


def test_no_folder_at_all_is_an_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file" / "tmp"))
    with pytest.raises(CacheError, match=r"data_dir .*XDG_CACHE_HOME\) or TMPDIR"):
        build(ANSWER, tmp_path / "file" / "cache")


def test_a_library_found_in_a_cache_that_cant_be_written_is_used(monkeypatch, tmp_path):
    built = build(ANSWER, tmp_path / "cache")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert build(ANSWER, tmp_path / "cache").path == built.path


def test_the_cache_lies_where_xdg_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "xnorkit" / "engines"
    for unset in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert default_cache_dir() == Path.home() / ".cache" / "xnorkit" / "engines"


@pytest.mark.slow
def test_the_compiler_of_pip_builds_without_a_path(monkeypatch, tmp_path, engine_cache):
    pytest.importorskip("ziglang")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(engine_cache / "zig"))  # built once: minutes
    built = build("#include <vector>\n" + ANSWER, tmp_path)
    assert built.compiler.startswith("ziglang")
    assert answer(built.path) == 42
