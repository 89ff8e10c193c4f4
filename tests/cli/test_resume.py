"""resume=RUN_DIR takes the run's config, and refuses what would make it another run."""

import shlex
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from xnorkit.cli.checks import Refused
from xnorkit.cli.resume import (
    command,
    point_hydra_at_folder,
    resumable,
    resumed_config,
    saved_config,
)
from xnorkit.cli.run_folder import RunFolder

SAVED = {
    "seed": 1,
    "resume": None,
    "data_dir": "/data",
    "model": {"_target_": "a.XNOR", "alpha": "filter"},
    "network": {"_target_": "a.Net", "widths": [8, 8]},
    "data": {"_target_": "a.Data", "root": "/x"},
    "trainer": {"max_epochs": 2},
    "callbacks": {},
}


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "a run, kept")
    folder.checkpoints.mkdir(parents=True)
    folder.last.touch()
    inside = {"callbacks": {"checkpoint": {"dirpath": f"{folder.path}/checkpoints"}}}
    saved = OmegaConf.create({**SAVED, **inside, "run_dir": str(folder.path)})
    folder.write_config(saved)
    return folder


def test_the_config_is_the_runs_own(run):
    cfg = resumed_config(run, {"resume": str(run.path)})
    assert cfg.model == SAVED["model"]
    assert cfg.resume == str(run.path)
    assert "run" not in cfg


def test_an_older_run_is_resumed_by_what_held_before_there_were_the_newer_keys(run):
    cfg = resumed_config(run, {}, keys=[*SAVED, "score", "deploy"])
    assert (cfg.score, cfg.task["_target_"]) == ("val/acc", "xnorkit.tasks.Classification")
    assert (cfg.recipe.float_stage.share, cfg.deploy) == (0, {})


def test_what_a_run_says_itself_is_kept(run):
    own = {"score": "val/psnr", "task": {"_target_": "a.Task", "loss": "mse"}, "deploy": {"a": 1}}
    own["recipe"] = {"float_stage": {"share": 0.3, "lr": 1e-3}}
    run.write_config(OmegaConf.create({**SAVED, **own, "run_dir": str(run.path)}))
    cfg = resumed_config(run, {})
    assert {key: cfg[key] for key in own} == own


def test_a_run_that_says_too_little_is_refused_with_the_keys_and_the_way_out(run):
    said = r"another xnorkit and does not say later, newest\. .*init_from=.*last\.ckpt"
    with pytest.raises(Refused, match=said):
        resumed_config(run, {}, keys=[*SAVED, "later", "newest"])


def test_what_may_change_changes(run):
    given = {"trainer.max_epochs": 5, "callbacks.new": {"_target_": "a.B"}, "test": False}
    cfg = resumed_config(run, given)
    assert (cfg.trainer.max_epochs, cfg.callbacks.new["_target_"], cfg.test) == (5, "a.B", False)


def test_the_same_values_again_are_fine(run):
    given = {"seed": 1, "model": SAVED["model"], "network.widths": [8, 8]}
    assert resumed_config(run, given).seed == 1


def test_another_model_network_data_or_seed_is_refused_by_name(run):
    given = {
        "seed": 2,
        "model": {"_target_": "a.Float"},
        "network.widths": [8, 16],
        "data.root": "/y",
    }
    with pytest.raises(Refused) as refusal:
        resumed_config(run, given)
    for part in (
        "seed: 1 → 2", "model: XNOR → Float", "network.widths: [8, 8] → [8, 16]",
        "data.root: '/x' → '/y'", "init_from=CKPT",
    ):  # fmt: skip
        assert part in str(refusal.value)


@pytest.mark.parametrize("key", ["data_dir", "recipe.lr", "experiment", "init_from"])
def test_a_key_without_effect_is_refused(key, run):
    with pytest.raises(Refused, match=f"{key} can't change"):
        resumed_config(run, {key: "new"})


def test_paths_follow_a_folder_that_was_moved(run, tmp_path):
    run.path.rename(tmp_path / "moved")
    cfg = saved_config(RunFolder(tmp_path / "moved"))
    assert cfg.run_dir == str(tmp_path / "moved")
    assert cfg.callbacks.checkpoint.dirpath == f"{tmp_path}/moved/checkpoints"
    assert cfg.data.root == "/x"


def test_hydra_writes_into_the_resumed_folder(run):
    arguments = point_hydra_at_folder([f"resume='{run.path}'", "trainer.max_epochs=5"])
    assert arguments[:2] == [f"resume='{run.path}'", "trainer.max_epochs=5"]
    parsed = OverridesParser.create().parse_override(arguments[2])
    assert (parsed.key_or_group, parsed.value()) == ("hydra.run.dir", str(run.path))


def test_a_test_alone_has_a_folder_of_its_own():
    assert point_hydra_at_folder(["fit=false"])[1].endswith("_test")
    assert point_hydra_at_folder(["fit=false", "hydra.run.dir=x"]) == [
        "fit=false",
        "hydra.run.dir=x",
    ]


@pytest.mark.parametrize("arguments", [["model=xnor"], ["resume=null"], ["resume='"], []])
def test_other_command_lines_stay_as_they_are(arguments):
    assert point_hydra_at_folder(arguments) == arguments


def test_what_is_no_run_is_refused(tmp_path, run):
    with pytest.raises(Refused, match="no run folder"):
        resumable(str(tmp_path))
    run.last.unlink()
    with pytest.raises(Refused, match=r"no checkpoints/last\.ckpt"):
        resumable(str(run.path))


@pytest.mark.parametrize("name", ["plain", "with space", "it's, = quoted"])
def test_the_command_survives_shell_and_hydra(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    words = shlex.split(command(RunFolder(tmp_path / name)))
    assert words[:2] == ["python", "train.py"]
    parsed = OverridesParser.create().parse_override(words[2])
    assert (parsed.key_or_group, parsed.value()) == ("resume", name)


def test_the_installed_command_is_named_as_it_was_called(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/xnorkit-train"])
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert command(RunFolder(tmp_path)).startswith("xnorkit-train resume=")
