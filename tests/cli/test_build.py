"""Config nodes become objects; what has nothing to do is left out."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, ProgressBar
from runs import composed, tiny

from xnorkit.callbacks import BinOp
from xnorkit.callbacks.exact_resume import ExactResume
from xnorkit.callbacks.graceful_stop import GracefulStop
from xnorkit.checkpoint_files import CheckpointFiles
from xnorkit.cli import build
from xnorkit.cli.checks import Refused
from xnorkit.cli.run_folder import RunFolder
from xnorkit.networks import KWSCNN
from xnorkit.nn import BinaryLayer
from xnorkit.schemes import XNOR, Float


@pytest.fixture(scope="module")
def cfg(tones, tmp_path_factory):
    return composed(tmp_path_factory.mktemp("run"), *tiny(tones))


def callbacks(cfg, scheme=XNOR, logged=True, watched=True):
    net = KWSCNN(scheme(), (1, 8, 13), 3)
    return build.callbacks(cfg, net, RunFolder(Path("run")), logged=logged, watched=watched)


def kinds(found):
    return {type(callback) for callback in found}


def test_a_binary_network_gets_binop_and_every_run_what_it_needs(cfg):
    found = callbacks(cfg)
    assert {BinOp, ModelCheckpoint, ExactResume, GracefulStop} <= kinds(found)
    assert isinstance(found[-1], GracefulStop)
    checkpoint = next(c for c in found if isinstance(c, ModelCheckpoint))
    assert (checkpoint.monitor, checkpoint.mode, checkpoint.filename) == ("val/acc", "max", "best")


def test_a_float_network_gets_no_binop(cfg):
    assert BinOp not in kinds(callbacks(cfg, Float))


def test_without_a_logger_the_learning_rate_is_not_monitored(cfg):
    assert LearningRateMonitor in kinds(callbacks(cfg))
    assert LearningRateMonitor not in kinds(callbacks(cfg, logged=False))


def test_jobs_side_by_side_have_no_progress_bar(cfg):
    assert any(isinstance(c, ProgressBar) for c in callbacks(cfg))
    assert not any(isinstance(c, ProgressBar) for c in callbacks(cfg, watched=False))


def test_callbacks_none_keeps_the_checkpoint(tones, tmp_path):
    found = callbacks(composed(tmp_path, *tiny(tones, "callbacks=none")))
    assert BinOp not in kinds(found)
    assert ModelCheckpoint in kinds(found)


def test_checkpoints_are_written_whole(cfg):
    assert isinstance(build.trainer(cfg, [], []).strategy.checkpoint_io, CheckpointFiles)


def test_a_constructors_error_is_a_sentence_with_the_configs_key(tones, tmp_path):
    cfg = composed(tmp_path, *tiny(tones, "model.alpha=wrong"))
    with pytest.raises(Refused, match=r"^model: alpha='wrong': choose one of"):
        build.instantiate(cfg, "model")


def test_a_key_that_the_class_does_not_take_is_a_sentence(tones, tmp_path):
    cfg = composed(tmp_path, *tiny(tones, "+network.colour=red"))
    with pytest.raises(Refused, match="colour"):
        build.instantiate(cfg, "network")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("model.bits=5", "^network: blocks.0.layer: weights of 5 bits; an engine has up to 4"),
        ("model.input_scale=batch", "^network: blocks.0.layer: .* one number of the whole batch"),
    ],
)
@pytest.mark.filterwarnings("ignore:input_scale='batch'")
def test_what_no_engine_can_is_refused_before_training(tones, tmp_path, override, sentence):
    cfg = composed(tmp_path, *tiny(tones, "deploy=native", override))
    data = build.datamodule(cfg)
    network = build.network(cfg, data.features, data.labels)
    with pytest.raises(Refused, match=sentence):
        build.plan(cfg, network, data)


def test_the_float_twin_of_a_deploy_changes_no_draw_of_the_training(cfg):
    datamodule = build.datamodule(cfg)
    before = torch.get_rng_state()
    twin = build.float_twin(cfg, datamodule)
    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(twin, KWSCNN)
    assert not any(isinstance(module, BinaryLayer) for module in twin.modules())
