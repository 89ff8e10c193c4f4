"""xnorkit-deploy: a checkpoint's engine later, in its run's folder or elsewhere."""

from pathlib import Path

import pytest
from runs import composed, tiny

from xnorkit.cli import deploy
from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.train import run_job
from xnorkit.deploy.engine import Engine


@pytest.fixture(scope="module")
def run(tones, tmp_path_factory):
    """A run that was trained without deploy."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    run_job(composed(folder.path, *tiny(tones, "callbacks=checkpoint", "logger=none")))
    return folder


def test_it_deploys_into_the_runs_folder_and_says_what_it_proved(
    run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert deploy.main([str(run.best), "--race-seconds", "0"]) == 0
    shown = capsys.readouterr().out
    assert not (tmp_path / ".cache" / "xnorkit").exists()  # the training's data_dir has them
    assert (run.path / "report" / "report.md").is_file()
    assert f"model  {run.path}/deploy/model.xnor" in shown
    assert Engine.load(run.path / "deploy" / "model.xnor").labels == ("high", "low", "middle")


def test_another_folder_split_and_path_can_be_named(run, tones, tmp_path, capsys):
    options = ["--out", str(tmp_path), "--split", "val", "--isa", "portable", "--race-seconds", "0"]
    assert deploy.main([str(run.best), "--data-dir", str(tones.parent / "stores"), *options]) == 0
    assert "portable" in capsys.readouterr().out
    assert (tmp_path / "model.xnor").is_file()


def test_a_cpp_project_is_exported_beside_it(run, tones, tmp_path, capsys):
    options = ["--out", str(tmp_path / "out"), "--race-seconds", "0", "--export", str(tmp_path)]
    assert deploy.main([str(run.best), "--data-dir", str(tones.parent / "stores"), *options]) == 0
    assert f"C++    {tmp_path}/README.md says how it is built" in capsys.readouterr().out
    assert (tmp_path / "model.xnor").read_bytes() == (tmp_path / "out/model.xnor").read_bytes()
    assert (tmp_path / "predict_wav.cpp").is_file()


def test_a_folder_that_cant_be_exported_to_is_a_sentence_after_the_deploy(
    run, tones, tmp_path, capsys
):
    (tmp_path / "file").write_text("")
    options = ["--out", str(tmp_path), "--race-seconds", "0", "--export", str(tmp_path / "file")]
    assert deploy.main([str(run.best), "--data-dir", str(tones.parent / "stores"), *options]) == 2
    assert "can't be written (File exists). Export to another folder." in capsys.readouterr().err
    assert (tmp_path / "model.xnor").is_file()


def test_a_target_without_a_folder_is_refused(capsys):
    with pytest.raises(SystemExit):
        deploy.main(["best.ckpt", "--target", "aarch64-linux"])
    assert "give both" in capsys.readouterr().err


def test_a_target_without_the_compiler_of_pip_is_refused_at_once(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    options = ["--export", str(tmp_path), "--target", "aarch64-linux"]
    assert deploy.main([str(tmp_path / "none.ckpt"), *options]) == 2
    assert 'pip install "xnorkit[compiler]"' in capsys.readouterr().err


def test_what_is_no_checkpoint_is_a_sentence(tmp_path, capsys):
    assert deploy.main([str(tmp_path / "none.ckpt")]) == 2
    assert "there is no such checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("checkpoint", "folder"),
    [("/a/run/checkpoints/best.ckpt", "/a/run/deploy"), ("/a/b.ckpt", "/a/deploy")],
)
def test_the_folder_is_the_runs(checkpoint, folder):
    assert deploy.folder_of(checkpoint) == Path(folder)


def test_ctrl_c_ends_it_without_a_traceback(run, tones, tmp_path, capsys, monkeypatch):
    def stop(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("xnorkit.deploy.pipeline.deploy", stop)
    options = ["--out", str(tmp_path), "--data-dir", str(tones.parent / "stores")]
    assert deploy.main([str(run.best), *options]) == 130
    assert capsys.readouterr().err.endswith("stopped; the checkpoint is as it was\n")


def test_a_folder_that_cant_be_made_is_a_sentence(run, tones, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    options = ["--out", str(tmp_path / "file" / "out"), "--race-seconds", "0"]
    assert deploy.main([str(run.best), "--data-dir", str(tones.parent / "stores"), *options]) == 2
    assert f"error: {tmp_path}/file/out: this folder can't be made" in capsys.readouterr().err
