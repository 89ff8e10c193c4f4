"""task=compression, from config to report: in this process, on the real sample photographs."""

import json

import pytest
import torch
from runs import composed, tiny
from tiny_pictures import waves

import xnorkit
from xnorkit.cli.checks import Refused
from xnorkit.cli.deploy import main as deploy
from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.train import run_job
from xnorkit.data.images.image_file import as_image
from xnorkit.tasks import Compression

SMALL = (
    "task=compression", "network.channels=4", "network.planes=8", "data.crop=32",
    "data.crops=32", "recipe.epochs=2",
)  # fmt: skip
QUIET = ("logger=none", "callbacks=none")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with everything that is on by default."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    run_job(composed(folder.path, *SMALL))
    return folder


def test_the_task_picks_model_network_data_and_no_deploy_unless_told_otherwise():
    cfg = composed("run", "task=compression")
    assert cfg.title == "float_compressor_sample_images"
    assert (cfg.network.channels, cfg.network.planes, cfg.deploy) == (128, 192, {})
    assert (cfg.score, cfg.recipe.lr, cfg.callbacks.checkpoint.monitor) == (
        "val/psnr",
        2e-3,
        "val/psnr",
    )
    assert composed("run", "task=compression", "model=bwn").title.startswith("bwn_compressor")


def test_the_run_folder_has_checkpoints_result_and_report(run):
    result = json.loads(run.result.read_text())
    assert {"val/psnr", "test/psnr", "test/ms_ssim", "test/bpp", "data"} <= result.keys()
    report = json.loads((run.path / "report" / "report.json").read_text())
    assert [p["name"] for p in report["pictures"]] == ["astronaut", "rocket", "flower"]
    assert report["mean"]["bpp"] == pytest.approx(result["test/bpp"])
    assert report["mean"]["psnr"] == pytest.approx(result["test/psnr"], abs=1e-3)
    assert "1/32" in (run.path / "report" / "report.md").read_text()
    assert run.best.is_file()
    assert run.last.is_file()


def test_a_checkpoint_becomes_the_module_again(run):
    module = xnorkit.load(run.best)
    assert isinstance(module, Compression)
    assert not module.training
    saved = torch.load(run.best, weights_only=True)["state_dict"]
    assert all(torch.equal(module.state_dict()[name], value) for name, value in saved.items())


def test_the_checkpoint_alone_is_tested_with_the_same_result(run, tmp_path, capsys):
    given = ["fit=false", f"ckpt_path={run.best}"]
    psnr = run_job(composed(tmp_path, *given), given)
    assert psnr == pytest.approx(json.loads(run.result.read_text())["test/psnr"], abs=1e-4)
    assert "test/bpp" in capsys.readouterr().out


def test_a_resumed_run_ends_as_one_that_was_never_stopped(tmp_path):
    options = (*SMALL, *QUIET, "test=false", "scheduler=none", "+trainer.limit_val_batches=0")
    whole, parts = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "parts")
    run_job(composed(whole.path, *options))
    run_job(composed(parts.path, *options, "recipe.epochs=1"))
    changed = [f"resume={parts.path}", "trainer.max_epochs=2"]
    run_job(composed(parts.path, *changed), changed)
    once, twice = (torch.load(r.last, weights_only=True)["state_dict"] for r in (whole, parts))
    assert all(torch.equal(once[name], twice[name]) for name in once)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("deploy=native",), "deploy with task=compression: .* Set deploy=none"),
        (("model=xnor",), "model=xnor: .* Take model=float"),
        (("data=digits",), "Digits gives pictures of 1 colour"),
        (("task.loss=ms_ssim",), "pictures of 32x32: its five scales need 176"),
        (("task.loss=psnr",), "task.loss=psnr: choose mse or ms_ssim"),
        (("task=classification", "network=mlp", "model=float"), "SampleImages has no labels"),
    ],
)
def test_what_cannot_work_is_refused_before_training(options, sentence, tmp_path):
    small = [o for o in SMALL if "digits" not in str(options) or not o.startswith("data.")]
    if "task=classification" in options:
        small = ["data=sample_images", "deploy=none"]
    with pytest.raises(Refused, match=sentence):
        run_job(composed(tmp_path, *small, *options, *QUIET))
    assert not RunFolder(tmp_path).checkpoints.exists()


def test_a_users_own_images_are_learned_from_in_the_size_that_was_asked_for(tmp_path):
    (tmp_path / "images" / "holiday").mkdir(parents=True)
    for i in range(40):
        as_image(waves(40, 60, i)).save(tmp_path / "images" / "holiday" / f"{i}.png")
    own = ("data=image_folder", f"data.root={tmp_path / 'images'}", "data.size=[24,48]")
    small = [option for option in SMALL if not option.startswith("data.")]
    run_job(composed(tmp_path / "run", *small, *own, *QUIET))
    result = json.loads(RunFolder(tmp_path / "run").result.read_text())
    assert result["test/psnr"] > 5
    module = xnorkit.load(RunFolder(tmp_path / "run").best)
    assert (module.labels, module.frontend) == ((), None)


@pytest.mark.slow
def test_two_processes_train_and_one_tests_all_pictures(tmp_path):
    run_job(composed(tmp_path, *SMALL, *QUIET, "trainer=ddp_cpu"))
    result = json.loads(RunFolder(tmp_path).result.read_text())
    assert {"val/psnr", "test/psnr", "test/ms_ssim", "test/bpp"} <= result.keys()


def test_speech_is_no_picture(tones, tmp_path):
    options = [o for o in tiny(tones) if not o.startswith("network.")]
    with pytest.raises(Refused, match="AudioFolder gives no pictures"):
        run_job(composed(tmp_path, *options, "task=compression", *QUIET))


def test_xnorkit_deploy_says_what_runs_a_compression(run, capsys):
    assert deploy([str(run.best)]) == 2
    assert "is run by xnorkit-compress and xnorkit-decompress" in capsys.readouterr().err
