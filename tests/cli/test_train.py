"""One command, from config to tested checkpoint: in this process, and as a user types it."""

import csv
import json
import math
import os
import signal
import subprocess
import time

import pytest
import torch
from omegaconf import OmegaConf
from runs import command, composed, tiny

from xnorkit.cli.checks import Refused
from xnorkit.cli.comparison import read_rows
from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.train import run_job

QUIET = ("logger=none", "callbacks=none")


@pytest.fixture(scope="module")
def run(tones, tmp_path_factory):
    """A run with everything that is on by default."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    run_job(composed(folder.path, *tiny(tones)))
    return folder


def typed(cwd, *arguments, timeout=120):
    """The command in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment, text=True, capture_output=True,
        timeout=timeout, check=False,
    )  # fmt: skip


def only_run(cwd):
    [folder] = (cwd / "outputs").glob("*/*")
    return RunFolder(folder)


def test_the_run_folder_holds_all_that_the_readme_names(run):
    names = {path.name for path in run.path.iterdir()}
    assert {"config.yaml", "checkpoints", "tensorboard", "metrics.csv", "result.json"} <= names
    assert {p.name for p in run.checkpoints.iterdir()} == {"best.ckpt", "last.ckpt"}


def test_the_result_says_accuracies_sizes_and_data(run):
    result = json.loads(run.result.read_text())
    assert {"val/acc", "test/acc", "packed_bytes", "float_bytes", "data"} <= result.keys()
    assert result["packed_bytes"] < result["float_bytes"]
    callbacks = torch.load(run.best, weights_only=True)["callbacks"]
    [score] = [c["best_model_score"] for name, c in callbacks.items() if "ModelCheckpoint" in name]
    assert result["val/acc"] == float(score)


def test_metrics_are_logged_with_the_step_of_the_end(run):
    with (run.path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"train/loss_epoch", "train/acc", "val/acc", "test/acc"} <= rows[0].keys()
    assert [row["step"] for row in rows if row["test/acc"]] == ["6"]


def test_the_logger_has_the_runs_title(run):
    [folder] = (run.path / "tensorboard").iterdir()
    assert folder.name == "xnor_kws_cnn_audio_folder"


def test_checkpoints_are_plain_and_hold_the_config(run):
    saved = torch.load(run.best, weights_only=True)["hyper_parameters"]
    assert saved["config"]["network"]["widths"] == [8, 8]
    assert saved["labels"] == ["high", "low", "middle"]
    assert saved["versions"]["torch"] == torch.__version__


@pytest.mark.parametrize("model", ["float", "bwn", "binarynet"])
def test_every_scheme_trains(model, tones, tmp_path):
    options = ("recipe.epochs=1", "logger=none", "callbacks.progress=null", f"model={model}")
    assert 0 <= run_job(composed(tmp_path, *tiny(tones, *options))) <= 1


def test_a_binary_network_trains_without_callbacks_and_loggers(tones, tmp_path):
    assert 0 <= run_job(composed(tmp_path, *tiny(tones, *QUIET))) <= 1
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.yaml",
        "checkpoints",
        "result.json",
    }


def test_a_fast_dev_run_has_no_checkpoint_and_says_so(tones, tmp_path):
    cfg = composed(tmp_path, *tiny(tones, *QUIET, "+trainer.fast_dev_run=true"))
    assert math.isnan(run_job(cfg))


def test_on_a_full_disk_the_numbers_are_said_all_the_same(tones, tmp_path, monkeypatch, capsys):
    def full(path, content):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("xnorkit.cli.run_folder.RunFolder.write_result", full)
    cfg = composed(tmp_path, *tiny(tones, *QUIET, "model=float", "recipe.epochs=1"))
    with pytest.raises(OSError, match="No space left on device"):
        run_job(cfg)
    assert "test/acc" in capsys.readouterr().out
    assert RunFolder(tmp_path).best.is_file()


def test_what_is_deleted_is_left_out(tones, tmp_path, capsys):
    typed = tiny(tones, *QUIET, "~scheduler", "recipe.epochs=1", "model=float")
    run_job(composed(tmp_path, *typed), typed)
    assert "Adam at 0.003, constant, seed 1" in capsys.readouterr().out
    optimizer = torch.load(RunFolder(tmp_path).last, weights_only=True)["optimizer_states"][0]
    assert optimizer["param_groups"][0]["lr"] == 3e-3  # to the end


def test_a_float_run_starts_a_binary_one(tones, tmp_path):
    run_job(composed(tmp_path / "a", *tiny(tones, *QUIET, "model=float", "recipe.epochs=1")))
    start = f"init_from={RunFolder(tmp_path / 'a').best}"
    rate = "optimizer.lr=0"  # so that the weights stay as they were
    run_job(composed(tmp_path / "b", *tiny(tones, *QUIET, start, rate, "test=false")))
    was = torch.load(RunFolder(tmp_path / "a").best, weights_only=True)["state_dict"]
    now = torch.load(RunFolder(tmp_path / "b").last, weights_only=True)["state_dict"]
    assert torch.equal(was["network.blocks.0.layer.weight"], now["network.blocks.0.layer.weight"])
    with pytest.raises(Refused, match=r"blocks\.1\.layer\.weight"):
        run_job(composed(tmp_path / "c", *tiny(tones, *QUIET, start, "network.widths=[8,16]")))


def test_a_resumed_run_remembers_its_best_and_continues_its_table(tones, tmp_path):
    options = ("callbacks=none", "logger=csv", "test=false")
    best = run_job(composed(tmp_path, *tiny(tones, *options)))
    changed = [f"resume={tmp_path}", "trainer.max_epochs=3", "optimizer.lr=0"]
    again = run_job(composed(tmp_path, *changed, "data=audio_folder", "data.root=x"), changed)
    assert again >= best
    with (tmp_path / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == sorted(steps)
    assert steps[-1] == 8
    assert OmegaConf.load(tmp_path / "config.yaml").trainer.max_epochs == 3


def test_as_typed_it_says_first_where_and_last_where(tones, tmp_path):
    done = typed(tmp_path, *tiny(tones))
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("xnorkit ")
    assert lines[1] == lines[-1] == f"run folder {run.path.relative_to(tmp_path)}"
    assert run.path.name.endswith("_xnor_audio_folder_s1")
    assert "test/acc" in done.stdout
    assert "blocks.0.layer, blocks.1.layer" in done.stdout
    assert "Warning" not in done.stderr, done.stderr
    assert "binary" in run.log.read_text()


def test_as_typed_a_refusal_is_one_sentence_and_exit_code_2(tones, tmp_path):
    done = typed(tmp_path, *tiny(tones, "trainer.precision=16-mixed"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: trainer.precision=16-mixed")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_as_typed_a_signal_saves_and_the_printed_command_resumes(signum, tones, tmp_path):
    options = tiny(tones, "trainer.max_epochs=100000", "callbacks.progress=null")
    process = subprocess.Popen(
        command(*options), cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("outputs/*/*/checkpoints/last.ckpt")):
        assert time.monotonic() < deadline, "no epoch in a minute"
        time.sleep(0.2)
    process.send_signal(signum)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    last = only_run(tmp_path).last
    epoch = torch.load(last, weights_only=True)["epoch"]
    resume = shown.splitlines()[-1].split()[-1]
    assert resume.startswith("resume=outputs/")
    done = typed(tmp_path, resume, f"trainer.max_epochs={epoch + 3}")
    assert done.returncode == 0, done.stderr
    assert torch.load(last, weights_only=True)["epoch"] == epoch + 2
    assert len(list((tmp_path / "outputs").glob("*/*"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "parallel"])
def test_as_typed_a_sweep_survives_a_failing_job(launcher, tones, tmp_path):
    if launcher == "parallel":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = ("-m", f"hydra/launcher={launcher}", "recipe.epochs=1", *QUIET)
    done = typed(tmp_path, *sweep, *tiny(tones), "network.kernel_size=3,4", "model=float,xnor")
    assert done.returncode == 2
    folder = only_run(tmp_path).path
    rows = read_rows(folder)
    assert [row["status"] for row in rows] == ["done", "done", "failed", "failed"]
    assert "network.kernel_size=4: an odd size" in (folder / "comparison.md").read_text()
    assert done.stdout.splitlines()[-1].endswith("_sweep/comparison.md")


@pytest.mark.slow
def test_as_typed_optuna_maximises_the_validation_accuracy(tones, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    search = ("-m", "experiment=sweep_optuna", "hydra.sweeper.n_trials=2", "recipe.epochs=1")
    done = typed(tmp_path, *search, *tiny(tones, *QUIET))
    assert done.returncode == 0, done.stderr
    folder = only_run(tmp_path).path
    best = OmegaConf.load(folder / "optimization_results.yaml").best_value
    assert best == pytest.approx(max(float(row["val/acc"]) for row in read_rows(folder)))


@pytest.mark.slow
def test_as_typed_two_processes_train_one_network(tones, tmp_path):
    done = typed(tmp_path, *tiny(tones, "trainer=ddp_cpu", "data.batch_size=8"))
    assert done.returncode == 0, done.stderr
    assert only_run(tmp_path).best.is_file()
    assert "test/acc" in done.stdout
    with (only_run(tmp_path).path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["test/acc"]) for row in rows][-2:] == [False, True]  # after those of training
    assert int(rows[-1]["step"]) == 1 + int(rows[-2]["step"])


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("model.alpha=foo", "alpha='foo'"),
        ("network.pools=[1,0]", "network.widths"),
        ("init_from={bad}", "not a checkpoint that can be read"),
        ("optimizer.lr=-1", "^optimizer: Invalid learning rate: -1"),
        ("+optimizer.colour=red", "^optimizer: .*colour"),
        ("recipe.float_stage={{share: 0.5, lr: -1}}", "^optimizer: Invalid learning rate: -1"),
        ("recipe.warmup=2", "^scheduler.warmup=2: choose a share"),
        ("score=val/loss", "^score=val/loss: the best checkpoint has most of val/acc"),
    ],
)
def test_what_can_not_work_is_refused_before_any_recording_is_read(
    override, sentence, tones, tmp_path, monkeypatch
):
    def read_nothing(self):
        raise AssertionError("the recordings were read first")

    monkeypatch.setattr(
        "xnorkit.data.waveform_datamodule.WaveformDataModule.prepare_data", read_nothing
    )
    (tmp_path / "bad.ckpt").write_text("nothing")
    override = override.format(bad=tmp_path / "bad.ckpt")
    with pytest.raises(ValueError, match=sentence):
        run_job(composed(tmp_path / "run", *tiny(tones, *QUIET, override)))
