"""An exported folder: what is in it, what an export leaves as it was, and that it builds."""

import os
import shutil
import sysconfig
from dataclasses import replace

import hearing_model
import numpy as np
import pytest
from cpp_programs import run, tool
from small_engine import small

from xnorkit.deploy import xnor_file
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.export.folder import PROJECT, ExportError, export
from xnorkit.deploy.xnor_file import XnorFileError
from xnorkit.features import ImageFrontend
from xnorkit.resources import CPP_DIR, EXAMPLE_DIR


@pytest.fixture(scope="module")
def made():
    return small()


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def with_labels(model, labels):
    """The same model with other labels."""
    file = xnor_file.from_bytes(model)
    return xnor_file.to_bytes(replace(file.metadata, labels=labels), file.tensors)


def test_it_holds_the_example_the_headers_the_unit_and_the_model(made, tmp_path):
    exported = export(made.content, tmp_path / "a" / "b")
    assert (exported.kept, exported.built) == ((), ())
    found = files_of(exported.folder)
    for name in PROJECT:
        assert found[name].startswith((EXAMPLE_DIR / name).read_bytes())
    headers = {
        str(path.relative_to(CPP_DIR)): path.read_bytes()
        for path in (CPP_DIR / "include").rglob("*")
        if path.is_file()
    }
    assert headers.items() <= found.items()
    assert found["engine.cpp"].decode() == made.source
    assert found["model.xnor"] == made.content
    others = found.keys() - headers.keys() - set(PROJECT) - {"engine.cpp", "model.xnor"}
    assert others == {"include/xnorkit/LICENSE"}


def test_the_example_has_no_file_that_is_not_exported():
    assert {path.name for path in EXAMPLE_DIR.iterdir() if path.is_file()} == set(PROJECT)


def test_the_readme_says_what_this_model_takes_and_answers(made, tmp_path):
    readme = (export(made.content, tmp_path).folder / "README.md").read_text()
    assert f"| `model.xnor` | {len(made.content):,} bytes |" in readme
    assert "| input | 2 x 3 x 4 float32" in readme
    assert "| labels | yes, no, four |" in readme
    assert "| features | sample_rate 16000, window hann |" in readme


@pytest.mark.parametrize("features", [{}, ImageFrontend((1, 3, 4)).parameters_dict()])
def test_a_model_that_does_not_hear_has_no_program_for_recordings(made, tmp_path, features):
    file = xnor_file.from_bytes(made.content)
    model = xnor_file.to_bytes(replace(file.metadata, features=features), file.tensors)
    folder = export(model, tmp_path).folder
    readme = (folder / "README.md").read_text()
    commands = [line for line in readme.splitlines() if line.startswith("    ")]
    assert commands[2].startswith("    build/run_floats model.xnor")
    assert "predict_wav" not in readme
    assert not (folder / "predict_wav.cpp").exists()


def test_a_second_export_keeps_what_was_changed_and_renews_the_model_alone(made, tmp_path):
    export(made.content, tmp_path)
    (tmp_path / "predict_wav.cpp").write_text("// mine\n")
    (tmp_path / "README.md").unlink()
    (tmp_path / "engine.cpp").write_text("// damaged\n")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "include").rglob("*.h*")}
    other = small(seed=1)
    exported = export(other.content, tmp_path)
    assert exported.kept == ("CMakeLists.txt", "predict_wav.cpp", "run_floats.c")
    assert (tmp_path / "predict_wav.cpp").read_text() == "// mine\n"
    assert (tmp_path / "model.xnor").read_bytes() == other.content != made.content
    assert (tmp_path / "engine.cpp").read_text() == made.source
    assert before == {path: path.stat().st_mtime_ns for path in before}  # nothing is compiled anew


def about(model):
    """What the README of an export says of the model alone."""
    return f"| `model.xnor` | {len(model):,} bytes |"


def test_a_second_export_tells_of_the_new_model_and_keeps_the_rest_of_the_readme(made, tmp_path):
    readme = export(made.content, tmp_path).folder / "README.md"
    readme.write_text(f"mine, above\n{readme.read_text()}and below\n")
    before = readme.read_text()
    assert "README.md" in export(made.content, tmp_path).kept
    assert readme.read_text() == before
    renamed = with_labels(made.content, ("left", "right", "stop!"))
    assert "README.md" not in export(renamed, tmp_path).kept
    wanted = before.replace("yes, no, four", "left, right, stop!")
    assert readme.read_text() == wanted.replace(about(made.content), about(renamed))


@pytest.mark.parametrize("lost", ["section", "model", "text"])
def test_a_readme_whose_section_was_changed_is_kept_and_named(made, tmp_path, lost):
    readme = export(made.content, tmp_path).folder / "README.md"
    if lost == "section":
        readme.write_text(readme.read_text().replace("yes, no, four", "my words"))
    elif lost == "model":
        (tmp_path / "model.xnor").write_bytes(b"damaged")
    else:
        readme.write_bytes(b"\xff\xfe")
    before = readme.read_bytes()
    renamed = with_labels(made.content, ("left", "right", "stop!"))
    assert "README.md" in export(renamed, tmp_path).kept
    assert readme.read_bytes() == before


def test_an_engine_exports_its_own_model(made, engine_cache, tmp_path):
    engine = Engine(made.content, cache_dir=engine_cache)
    assert xnor_file.read(engine.export(tmp_path).folder / "model.xnor").content == made.content


def test_bytes_that_are_no_model_are_refused_and_nothing_is_written(made, tmp_path):
    with pytest.raises(XnorFileError):
        export(made.content[:-1], tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("name", ["folder", "folder/include", "folder/README.md/x"])
def test_a_folder_that_cant_be_written_is_a_sentence(made, tmp_path, name):
    (tmp_path / "folder").mkdir()
    file = tmp_path / name
    if name == "folder":
        file.rmdir()
    file.parent.mkdir(exist_ok=True)
    file.write_text("in the way")
    where = tmp_path / "folder" / "README.md" / "x" / "y" if name.endswith("x") else None
    with pytest.raises(ExportError, match=r"can't be written .*Export to another folder\."):
        export(made.content, where or tmp_path / "folder")


@pytest.mark.slow
def test_the_readmes_commands_build_and_run_it(tmp_path):
    """As they stand there, from a copy in another place: the folder needs nothing around it."""
    tool("cmake")
    folder = tmp_path / "else where"
    shutil.move(export(hearing_model.model(), tmp_path / "project").folder, folder)
    files = hearing_model.recordings(folder)
    commands = [
        line.strip().split("#")[0]
        for line in (folder / "README.md").read_text().splitlines()
        if line.startswith("    ")
    ]
    wanted = " ".join(f"'{file}'" for file in files)
    commands = [
        command.replace("hello.wav", wanted) for command in commands if "floats" not in command
    ]
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    said = run(["sh", "-ec", "\n".join(commands)], cwd=folder, env={**os.environ, "PATH": path})
    said = said[said.index(str(files[0])) :]
    hearing_model.assert_heard_as_torch_hears(said, files)


@pytest.mark.slow
@pytest.mark.parametrize("shared", ["OFF", "ON"])
def test_a_c_program_links_the_library_and_gets_the_engines_answers(
    made, engine_cache, tmp_path, shared
):
    folder = export(made.content, tmp_path / "project").folder
    (folder / "predict_wav.cpp").write_text("int main() { return 0; }\n")
    build = [tool("cmake"), "-S", folder, "-B", tmp_path / "b", f"-DBUILD_SHARED_LIBS={shared}"]
    run(build)
    run([tool("cmake"), "--build", tmp_path / "b"])
    x = np.random.default_rng(0).normal(size=(3, 2, 3, 4)).astype(np.float32)
    (tmp_path / "x.f32").write_bytes(np.moveaxis(x, 1, -1).tobytes())
    said = run([tmp_path / "b" / "run_floats", folder / "model.xnor", tmp_path / "x.f32"])
    got = np.array([line.split(" in ")[0].split() for line in said.splitlines()], np.float32)
    wanted = Engine(made.content, cache_dir=engine_cache)(x)
    np.testing.assert_array_equal(got, np.moveaxis(wanted, 1, -1).reshape(3, -1))
