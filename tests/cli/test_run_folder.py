"""Names in a run's folder, and what config.yaml says of what ran."""

import json

import torch
from omegaconf import OmegaConf

from xnorkit.cli import run_folder
from xnorkit.cli.run_folder import RunFolder


def test_config_yaml_holds_resolved_values_and_what_ran(tmp_path):
    RunFolder(tmp_path).write_config(OmegaConf.create({"lr": 0.1, "twice": "${lr}"}))
    saved = OmegaConf.load(tmp_path / "config.yaml")
    assert saved.twice == 0.1
    assert saved.run.versions.torch == torch.__version__
    assert {"git_commit", "cpu", "cores", "threads", "command", "started"} <= saved.run.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_files_have_the_names_that_the_readme_gives(tmp_path):
    run = RunFolder(tmp_path)
    names = [run.config, run.best, run.last, run.log, run.result]
    assert [str(path.relative_to(tmp_path)) for path in names] == [
        "config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "train.log", "result.json",
    ]  # fmt: skip


def test_the_path_is_shown_as_it_can_be_typed_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert RunFolder(tmp_path / "a" / "b").shown() == "a/b"
    assert RunFolder(tmp_path.parent / "c").shown() == str(tmp_path.parent / "c")


def test_the_result_is_json(tmp_path):
    RunFolder(tmp_path).write_result({"test/acc": 0.5})
    assert json.loads((tmp_path / "result.json").read_text()) == {"test/acc": 0.5}


def test_the_commit_is_none_where_there_is_no_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "CONF_DIR", tmp_path / "conf")
    assert run_folder.git_commit() is None


def test_a_process_alone_is_rank_zero():
    assert run_folder.is_rank_zero()
