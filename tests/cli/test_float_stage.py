"""The float stage: the twin's run before the binary one, its weights, what is left to train."""

import pytest
import torch
from runs import composed, tiny

from xnorkit.cli import float_stage
from xnorkit.cli.checks import Refused
from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.train import run_job

HALF = ("callbacks=checkpoint", "logger=none", "test=false", "recipe.float_stage.share=0.5")


def weights(checkpoint):
    return torch.load(checkpoint, weights_only=True)["state_dict"]


@pytest.mark.parametrize(("share", "total", "number"), [(0, 9, 0), (0.3, 56, 17), (0.3, 1, 0)])
def test_the_twin_has_its_share_of_the_epochs(share, total, number, tmp_path):
    cfg = composed(tmp_path, f"recipe.float_stage.share={share}", f"trainer.max_epochs={total}")
    assert float_stage.epochs(cfg) == number
    assert float_stage.epochs_left(cfg) == total - number


def test_a_float_network_and_one_that_starts_elsewhere_have_no_twin(tmp_path):
    assert (
        float_stage.epochs(composed(tmp_path, "model=float", "recipe.float_stage.share=0.5")) == 0
    )
    given = composed(tmp_path, "init_from=a.ckpt", "recipe.float_stage.share=0.5")
    assert float_stage.epochs(given) == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (["recipe.float_stage.share=1"], "share=1: give a share"),
        (["recipe.float_stage.share=0.5", "trainer.max_epochs=-1"], "a share of what"),
    ],
)
def test_a_share_of_nothing_is_refused(changes, sentence, tmp_path):
    with pytest.raises(Refused, match=sentence):
        float_stage.epochs(composed(tmp_path, *changes))


def test_the_twins_best_weights_start_the_binary_network(tones, tmp_path):
    frozen = "optimizer.lr=${recipe.lr}", "recipe.lr=0"  # the binary stage keeps what it was given
    run_job(composed(tmp_path, *tiny(tones, *HALF, *frozen)))
    run = RunFolder(tmp_path)
    twin, binary = weights(run.float_stage.best), weights(run.last)
    for name in ("network.stem.weight", "network.head.weight", "network.head.bias"):
        assert torch.equal(twin[name], binary[name]), name
    assert torch.load(run.last, weights_only=True)["epoch"] == 0  # one epoch of the two is its own


def test_a_resumed_run_does_not_train_the_twin_again(tones, tmp_path):
    run = RunFolder(tmp_path)
    run_job(composed(tmp_path, *tiny(tones, *HALF)))
    before, final = run.float_stage.best.stat().st_mtime_ns, weights(run.last)
    for checkpoint in run.checkpoints.iterdir():  # as if it had been stopped between the two
        checkpoint.unlink()
    run_job(composed(tmp_path, f"resume={tmp_path}"), [f"resume={tmp_path}"])
    assert run.float_stage.best.stat().st_mtime_ns == before
    again = weights(run.last)
    assert all(torch.equal(again[name], value) for name, value in final.items())
