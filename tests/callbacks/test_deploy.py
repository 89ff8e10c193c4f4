"""Deploy after fit: what it writes, what it keeps when something fails, what it refuses before."""

import json

import jsonschema
import numpy as np
import pytest
import torch
from runs import composed, tiny
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from xnorkit.callbacks.deploy import Deploy, best_copies
from xnorkit.checkpoint import load
from xnorkit.cli.checks import Refused
from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.screens import DeployFailed
from xnorkit.cli.train import run_job
from xnorkit.deploy import xnor_file
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.report import litert_side, onnx_sides
from xnorkit.deploy.report.record import SCHEMA

NATIVE = ("callbacks=checkpoint", "logger=none", "deploy=native", "deploy.race_seconds=0")


@pytest.fixture(scope="module")
def run(tones, tmp_path_factory):
    """A run that ends with its engine and a race, without the rivals that take long to convert."""
    folder = RunFolder(tmp_path_factory.mktemp("deployed"))
    raced = ("callbacks=checkpoint", "logger=tensorboard", "deploy=native")
    with pytest.MonkeyPatch.context() as patch:
        for side in (onnx_sides, litert_side):
            patch.setattr(side, "find_spec", lambda name: None)
        run_job(composed(folder.path, *tiny(tones, *raced, "deploy.race_seconds=0.05")))
    return folder


def test_it_follows_every_fit_unless_it_is_switched_off(tmp_path):
    assert composed(tmp_path).deploy._target_ == "xnorkit.callbacks.deploy.Deploy"
    assert composed(tmp_path, "deploy=none").deploy == {}


def test_the_engine_gives_the_best_checkpoints_answers(run):
    engine, task = Engine.load(run.path / "deploy" / "model.xnor"), load(run.best)
    inputs = torch.randn(5, *task.frontend.output_shape)
    with torch.no_grad():
        torch.testing.assert_close(engine(inputs), task.network(inputs), rtol=0, atol=1e-4)
    assert engine.labels == task.labels


def test_the_size_is_what_the_start_said(run):
    result = json.loads(run.result.read_text())
    size = (run.path / "deploy" / "model.xnor").stat().st_size
    assert size == result["packed_bytes"] == result["deploy/bytes"]
    assert result["deploy/agreement"] == 1.0


def test_its_report_is_as_the_schema_says_and_has_the_race(run):
    report = json.loads((run.path / "report" / "report.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    size = (run.path / "deploy" / "model.xnor").stat().st_size
    assert report["sizes"]["file"] == report["sizes"]["stated"] == size
    assert report["agreement"]["exact"]  # its stem is int8
    assert all(layer["wrong_in_whole"] == 0 < layer["inputs"] for layer in report["layers"])
    ours, *others = report["speed"]["sides"]
    assert (ours["name"], ours["model"]) == ("xnorkit", "engine")
    assert {side["model"] for side in others} == {"network", "float twin"}
    assert all(side["answers"]["faithful"] for side in others)
    assert "stem" in report["speed"]["steps"]
    assert {side["name"] for side in report["speed"]["missing"]} >= {"ONNX Runtime int8"}
    assert np.sum(report["confusion"]) == report["agreement"]["samples"] == 12
    pictures = {path.stem for path in (run.path / "report").glob("*.png")}
    assert pictures == {"latency", "sizes", "agreement", "confusion"}


def test_tensorboard_has_its_numbers_and_figures(run):
    [folder] = (run.path / "tensorboard").iterdir()
    events = EventAccumulator(str(folder)).Reload()
    result = json.loads(run.result.read_text())
    for name in ("bytes", "agreement", "latency_us"):
        [scalar] = events.Scalars(f"deploy/{name}")
        assert scalar.value == pytest.approx(result[f"deploy/{name}"])
    assert {"deploy/latency", "deploy/confusion"} <= set(events.Tags()["images"])


def test_the_model_says_how_its_input_is_computed(run):
    metadata = xnor_file.read(run.path / "deploy" / "model.xnor").metadata
    assert metadata.features["n_mels"] == 8
    assert metadata.labels == ("high", "low", "middle")


def test_a_failure_costs_neither_test_nor_checkpoint(tones, tmp_path, monkeypatch, capsys):
    def broken(*arguments, **named):
        raise OSError("the disk is full")

    monkeypatch.setattr("xnorkit.deploy.pipeline.deploy", broken)
    with pytest.raises(DeployFailed, match=r"the disk is full[\s\S]*xnorkit-deploy .*best\.ckpt"):
        run_job(composed(tmp_path, *tiny(tones, *NATIVE)))
    run = RunFolder(tmp_path)
    assert run.best.is_file()
    assert "test/acc" in json.loads(run.result.read_text())
    assert "test/acc" in capsys.readouterr().out


def test_ctrl_c_in_a_build_ends_the_command_after_its_summary(tones, tmp_path, monkeypatch):
    def stopped(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr("xnorkit.deploy.pipeline.deploy", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_job(composed(tmp_path, *tiny(tones, *NATIVE)))
    assert RunFolder(tmp_path).result.is_file()


def test_a_network_without_an_engine_is_refused_before_training(tones, tmp_path, monkeypatch):
    monkeypatch.setattr("xnorkit.schemes.xnor.nn.ReLU", nn.SiLU)
    with pytest.raises(Refused, match=r"relu: SiLU has no engine op.*deploy=none"):
        run_job(composed(tmp_path, *tiny(tones, *NATIVE)))
    assert not RunFolder(tmp_path).last.is_file()


@pytest.mark.parametrize(
    ("overrides", "cxx", "sentence"),
    [
        (["deploy.isa=cray"], None, r"^deploy: isa=cray: no such path\..*deploy=none\.$"),
        ([], "no-such-compiler", r"xnorkit\[compiler\].*deploy=none\.$"),
    ],
)
def test_an_engine_that_can_not_be_built_here_is_refused_before_training(
    tones, tmp_path, monkeypatch, overrides, cxx, sentence
):
    if cxx is not None:
        monkeypatch.setenv("CXX", cxx)
    with pytest.raises(Refused, match=sentence):
        run_job(composed(tmp_path, *tiny(tones, *NATIVE, *overrides)))
    assert not RunFolder(tmp_path).last.is_file()


def test_a_finished_run_is_deployed_when_it_is_resumed(tones, tmp_path, engine_cache):
    off = ("callbacks=checkpoint", "logger=none", "trainer.max_epochs=2")
    run_job(composed(tmp_path, *tiny(tones, *off)))
    given = [f"resume={tmp_path}", "deploy=native", "deploy.race_seconds=0",
             f"deploy.cache_dir={engine_cache}"]  # fmt: skip
    run_job(composed(tmp_path, *given), given)
    assert Engine.load(tmp_path / "deploy" / "model.xnor").labels == ("high", "low", "middle")
    assert json.loads(RunFolder(tmp_path).result.read_text())["deploy/agreement"] == 1.0


@pytest.mark.slow
def test_the_parent_of_spawned_ranks_deploys(tones, tmp_path):
    run_job(composed(tmp_path, *tiny(tones, *NATIVE, "trainer=ddp_cpu")))
    assert (tmp_path / "deploy" / "model.xnor").is_file()
    assert json.loads(RunFolder(tmp_path).result.read_text())["deploy/agreement"] == 1.0
    sizes = json.loads((tmp_path / "report" / "report.json").read_text())["sizes"]
    assert sizes["file"] == sizes["stated"]


def test_without_a_checkpoint_there_is_nothing_to_deploy(tones, tmp_path, caplog):
    run_job(composed(tmp_path, *tiny(tones, *NATIVE, "+trainer.fast_dev_run=true")))
    assert "nothing to deploy" in caplog.text


def test_without_a_test_the_validation_split_proves_it(tones, tmp_path):
    run_job(composed(tmp_path, *tiny(tones, *NATIVE, "test=false")))
    result = json.loads(RunFolder(tmp_path).result.read_text())
    assert "test/acc" not in result
    assert result["deploy/agreement"] == 1.0


def test_copies_are_of_the_checkpoint_and_change_nothing(run):
    task = load(run.best).train()
    with torch.no_grad():
        task.network.head.bias += 1
    network, frontend = best_copies(run.best, task)
    assert not network.training
    assert torch.equal(network.head.bias + 1, task.network.head.bias)
    assert torch.equal(frontend.standardise.mean, task.frontend.standardise.mean)


def test_another_kind_of_module_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"xnorkit\.compile"):
        Deploy(tmp_path).on_fit_start(None, nn.Linear(1, 1))


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_race_of_no_length_is_refused_before_training(seconds, tmp_path):
    with pytest.raises(ValueError, match=f"race_seconds={seconds}: give a length of time, or 0"):
        Deploy(tmp_path, race_seconds=seconds)
