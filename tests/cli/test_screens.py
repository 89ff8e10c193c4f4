"""What the user sees."""

import os
import sys

import pytest
from hydra.errors import ConfigCompositionException
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import MissingMandatoryValue, OmegaConf

from xnorkit.cli import comparison, screens
from xnorkit.cli.checks import Refused
from xnorkit.cli.run_folder import RunFolder


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The run of this process; nothing saved yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.setattr(screens, "_current", [])
    folder = RunFolder(tmp_path / "outputs" / "run")
    folder.checkpoints.mkdir(parents=True)
    return folder


def test_version_configs_and_run_folder_come_first(run, capsys):
    screens.show_opening(run)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("xnorkit 0.")
    assert first.endswith("/conf")
    assert second == "run folder outputs/run"


def test_the_end_says_accuracy_next_command_and_last_the_run_folder(run, capsys):
    (run.path / "tensorboard").mkdir()
    screens.show_end(run, 0.5, {"test/acc": 0.25})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["val/acc", "0.5000"]
    assert lines[1].split() == ["test/acc", "0.2500"]
    assert "tensorboard --logdir outputs/run/tensorboard" in lines[2]
    assert lines[-1] == "run folder outputs/run"


def test_without_validation_and_test_only_the_folder_is_said(run, capsys):
    screens.show_end(run, float("nan"), {})
    assert capsys.readouterr().out == "run folder outputs/run\n"


def test_a_long_path_is_not_broken_in_two(run, capsys):
    far = RunFolder(run.path / ("long" * 60))
    screens.show_end(far, float("nan"), {})
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize(
    "error",
    [
        Refused("no."),
        screens.DeployFailed("no."),
        ValueError("no."),
        OSError("no."),
        MisconfigurationException("no."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_the_user_can_change_is_one_sentence(error, run, capsys):
    screens.show_opening(run)
    assert screens.show_error(error) == 2
    assert capsys.readouterr().err == "error: no.\n"


def test_a_bug_is_a_traceback(run, capsys):
    assert screens.show_error(RuntimeError("broken")) == 1
    shown = capsys.readouterr().err
    assert shown.endswith("error: RuntimeError: broken\n")


def test_hydras_errors_are_shortened(run, capsys):
    text = "Could not find 'model/x'\n\nAvailable options:\n\txnor\nConfig search path:\n\tmany"
    assert screens.show_error(ConfigCompositionException(text)) == 2
    assert capsys.readouterr().err.endswith("Available options:\n\txnor\n")


def test_a_value_that_must_be_given_is_named_and_nothing_else(run, capsys):
    with pytest.raises(MissingMandatoryValue) as caught:
        _ = OmegaConf.create({"data": {"root": "???"}}).data.root
    assert screens.show_error(caught.value) == 2
    assert capsys.readouterr().err == "error: Missing mandatory value: data.root\n"


def test_a_run_folder_that_hydra_can_not_make_is_a_sentence(run, capsys):
    assert screens.show_error(PermissionError(13, "Permission denied", "/locked/x")) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: the run folder /locked/x can't be written (Permission denied)")


def test_after_an_error_what_was_saved_and_the_traceback_are_named(run, capsys):
    screens.show_opening(run)
    run.last.touch()
    run.log.touch()
    screens.show_error(ValueError("late."))
    shown = capsys.readouterr().err
    assert "traceback in outputs/run/train.log" in shown
    assert shown.endswith("python train.py resume=outputs/run\n")


def test_after_a_stop_the_command_that_resumes_is_printed(run, capsys):
    screens.show_opening(run)
    screens.show_stopped()
    assert "nothing was saved yet" in capsys.readouterr().err
    run.last.touch()
    screens.show_stopped()
    assert capsys.readouterr().err.endswith("python train.py resume=outputs/run\n")


def test_after_a_stop_of_the_deploy_step_its_command_is_printed(run, capsys):
    screens.show_opening(run)
    run.last.touch()
    run.config.write_text("{}")
    run.result.write_text("{}")
    screens.show_stopped()
    assert capsys.readouterr().err.endswith("xnorkit-deploy outputs/run/checkpoints/best.ckpt\n")
    # Resumed for more epochs: the result is that of the first end.
    os.utime(run.config, ns=(run.result.stat().st_mtime_ns + 1,) * 2)
    screens.show_stopped()
    assert capsys.readouterr().err.endswith("python train.py resume=outputs/run\n")


def test_the_table_of_a_sweep_is_printed_with_its_failures(run, capsys, monkeypatch):
    values = {"seed": "1", "test/acc": "0.5", "packed_bytes": "10"}
    rows = [
        dict.fromkeys(comparison.COLUMNS, "")
        | values
        | {"job": "0", "run": "m=a", "status": "done"},
        dict.fromkeys(comparison.COLUMNS, "")
        | {
            "job": "1",
            "run": "m=b",
            "seed": "1",
            "status": "failed",
            "error": "why",
            "folder": "1_b",
        },
    ]
    for row in rows:
        comparison.add_row(run.path, row)
    monkeypatch.setattr(comparison, "_sweep", [run.path])
    screens.show_comparison()
    shown = capsys.readouterr()
    assert "50.0" in shown.out
    assert shown.out.endswith("comparison outputs/run/comparison.md\n")
    assert shown.err == "job 1 (m=b seed=1) failed: why (1_b/train.log)\n"


def test_without_a_sweep_there_is_no_table(run, capsys, monkeypatch):
    monkeypatch.setattr(comparison, "_sweep", [])
    screens.show_comparison()
    assert capsys.readouterr().out == ""
