"""Compiling an exported folder for another machine."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import hearing_model
import pytest
from cpp_programs import run

from xnorkit.deploy.export.cross import cross_compile, require_target
from xnorkit.deploy.export.folder import export
from xnorkit.native.compile import CompileError
from xnorkit.native.toolchain import CompilerRuns, NoCompilerError

QEMU = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
SYSROOT = Path("/usr/aarch64-linux-gnu")  # of Debian's cross compiler


def test_a_machine_that_is_not_in_the_list_is_refused_with_the_way_out():
    with pytest.raises(NoCompilerError, match=r"aarch64-linux, x86_64-linux.*CMAKE_CXX_COMPILER"):
        require_target("z80-linux")


def test_without_the_compiler_of_pip_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "ziglang" else find_spec(name)
    )
    with pytest.raises(NoCompilerError, match=r'pip install "xnorkit\[compiler\]"'):
        require_target("aarch64-linux")


@pytest.fixture
def asked(monkeypatch):
    """The commands, none of which is run."""
    pytest.importorskip("ziglang")
    commands = []

    def run(self, command, cache, temporary):
        commands.append(command)
        return 0, ""

    monkeypatch.setattr(CompilerRuns, "run", run)
    return commands


def test_the_library_is_for_glibc_and_the_programs_are_for_any_linux(asked, tmp_path):
    for name in ("predict_wav.cpp", "run_floats.c"):
        (tmp_path / name).touch()
    built = cross_compile(tmp_path, "aarch64-linux", tmp_path / "cache")
    assert [path.name for path in built] == ["libengine.so", "predict_wav", "run_floats"]
    library, *objects, predict, floats = asked
    assert "aarch64-linux-gnu.2.28" in library
    assert {"-shared", "-fPIC", "-ffp-contract=off", "-fvisibility=hidden"} <= set(library)
    for command in (*objects, predict, floats):
        assert "aarch64-linux-musl" in command
        assert "-shared" not in command
    for command in asked:
        assert "-mcpu=baseline" in command  # runs on every such CPU
    for command in (predict, floats):
        assert "-static" in command


def test_a_program_that_was_not_exported_is_not_compiled(asked, tmp_path):
    (tmp_path / "run_floats.c").touch()
    built = cross_compile(tmp_path, "aarch64-linux", tmp_path / "cache")
    assert [path.name for path in built] == ["libengine.so", "run_floats"]
    assert not any("predict_wav" in word for command in asked for word in command)


def test_a_file_that_does_not_compile_is_shown_from_its_first_error_on(monkeypatch, tmp_path):
    pytest.importorskip("ziglang")
    said = "In file included from x\nmine.cpp:1: error: nonsense\nmore"
    monkeypatch.setattr(CompilerRuns, "run", lambda *_: (1, said))
    with pytest.raises(CompileError, match=r"exit status 1:\nmine.cpp:1: error: nonsense\nmore\n"):
        cross_compile(tmp_path, "aarch64-linux", tmp_path / "cache")


def test_a_folder_that_cant_be_written_is_a_sentence(asked, tmp_path):
    (tmp_path / "aarch64-linux").write_text("in the way")
    with pytest.raises(CompileError, match=r"aarch64-linux can't be written: File exists\."):
        cross_compile(tmp_path, "aarch64-linux", tmp_path / "cache")


def test_ctrl_c_stops_the_compiler(monkeypatch, tmp_path):
    pytest.importorskip("ziglang")
    stopped = []

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(CompilerRuns, "run", interrupted)
    monkeypatch.setattr(CompilerRuns, "stop", lambda self: stopped.append(True))
    with pytest.raises(KeyboardInterrupt):
        cross_compile(tmp_path, "aarch64-linux", tmp_path / "cache")
    assert stopped


@pytest.fixture(scope="module")
def arm(engine_cache, tmp_path_factory):
    """A project compiled for aarch64; the compiler's C++ library is kept between test runs."""
    pytest.importorskip("ziglang")
    if QEMU is None:
        pytest.skip("no qemu-aarch64: apt-get install qemu-user-static")
    folder = tmp_path_factory.mktemp("arm")
    return export(hearing_model.model(), folder, "aarch64-linux", engine_cache).folder


@pytest.mark.slow
def test_the_demo_program_hears_on_an_arm_cpu_what_torch_hears_here(arm):
    files = hearing_model.recordings(arm)
    said = run([QEMU, arm / "aarch64-linux" / "predict_wav", arm / "model.xnor", *files])
    hearing_model.assert_heard_as_torch_hears(said, files)


@pytest.mark.slow
def test_the_library_is_linked_by_another_compiler_and_gives_the_programs_answers(arm, tmp_path):
    gcc = shutil.which("aarch64-linux-gnu-gcc")
    if gcc is None or not SYSROOT.is_dir():
        pytest.skip("no aarch64-linux-gnu-gcc: apt-get install gcc-aarch64-linux-gnu")
    built = arm / "aarch64-linux"
    run([gcc, "-std=c11", f"-I{arm / 'include'}", arm / "run_floats.c", built / "libengine.so",
         f"-Wl,-rpath,{built}", "-o", tmp_path / "linked"])  # fmt: skip
    linked = run([QEMU, "-L", SYSROOT, tmp_path / "linked", arm / "model.xnor"])
    static = run([QEMU, built / "run_floats", arm / "model.xnor"])
    assert linked.split(" in ")[0] == static.split(" in ")[0]
    assert len(linked.split(" in ")[0].split()) == 3
