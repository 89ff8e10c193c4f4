"""fit=false: a checkpoint is tested as it was trained, on the data given."""

import json

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
from omegaconf import OmegaConf
from runs import composed, tiny, write_tones

from xnorkit.callbacks.graceful_stop import GracefulStop
from xnorkit.checkpoint import load
from xnorkit.cli import evaluate
from xnorkit.cli.checks import Refused
from xnorkit.cli.evaluate import data_node, leave_other_ranks, stores_of, take_progress
from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.train import run_job
from xnorkit.nn import Int8Layer

QUIET = ("logger=none", "callbacks=none")


@pytest.fixture(scope="module")
def trained(tones, tmp_path_factory):
    """A run of the float network, tested too."""
    run = RunFolder(tmp_path_factory.mktemp("trained"))
    run_job(composed(run.path, *tiny(tones, *QUIET, "model=float")))
    return run


def evaluated(folder, trained, *typed):
    run_job(composed(folder, *QUIET, *(typed := alone(trained, *typed))), typed)
    return json.loads(RunFolder(folder).result.read_text())


def alone(trained, *typed):
    return ["fit=false", f"ckpt_path={trained.best}", *typed]


def test_the_accuracy_is_that_of_the_training_run(trained, tmp_path, capsys):
    result = evaluated(tmp_path, trained)
    assert result["test/acc"] == json.loads(trained.result.read_text())["test/acc"]
    shown = capsys.readouterr().out
    assert f"test/acc  {result['test/acc']:.4f}" in shown
    assert "float_kws_cnn_audio_folder" in shown


@pytest.mark.parametrize("net", ["kws_cnn", "mlp"])
def test_an_int8_stem_is_tested_as_it_was_trained(net, tones, tmp_path):
    run = RunFolder(tmp_path / "trained")
    own = [o for o in tiny(tones, *QUIET) if net == "kws_cnn" or not o.startswith("network.")]
    run_job(composed(run.path, *own, f"network={net}", "network.stem=int8"))
    result = evaluated(tmp_path / "alone", run)
    assert result["test/acc"] == json.loads(run.result.read_text())["test/acc"]
    stem = load(run.best).network.stem
    assert isinstance(stem, Int8Layer)
    assert stem.raw_input_step != 0  # learned


def test_other_data_are_used_with_the_checkpoints_features_and_labels(trained, tmp_path):
    write_tones(tmp_path / "other", clips=12, names=["middle", "high"])
    result = evaluated(tmp_path / "run", trained, f"data.root={tmp_path / 'other'}")
    assert 0 <= result["test/acc"] <= 1
    saved = OmegaConf.load(RunFolder(tmp_path / "run").config)
    assert saved.data.root == str(tmp_path / "other")
    assert saved.data.samples == 4000  # from the checkpoint, not from the defaults
    assert saved.network.widths == [8, 8]


@pytest.mark.parametrize("source", ["auto", "embedded", "download"])
def test_a_root_that_is_typed_counts_wherever_the_checkpoints_data_came_from(source):
    saved = {"_target_": "xnorkit.data.SpeechCommands", "source": source, "root": None}
    node = data_node(
        {**saved, "test_root": "/old"},
        OmegaConf.create({"data_dir": "/stores"}),
        {"data.root": "/new"},
    )
    assert (node["source"], node["root"], node["test_root"]) == ("root", "/new", None)


def test_data_with_unknown_labels_are_refused(trained, tmp_path):
    folder = write_tones(tmp_path / "other", clips=12, names=["middle"])
    (folder / "middle").rename(folder / "whistle")
    for file in folder.glob("*_list.txt"):
        file.write_text(file.read_text().replace("middle", "whistle"))
    with pytest.raises(Refused, match="does not know: whistle; it knows high, low, middle"):
        evaluated(tmp_path / "run", trained, f"data.root={folder}")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("model=xnor", "model: Float → XNOR"),
        ("network.widths=[8,16]", r"network.widths: \[8, 8\] → \[8, 16\]"),
        ("data.features.log_mel.n_mels=4", "the features are the checkpoint's"),
    ],
)
def test_what_the_checkpoint_says_can_not_be_changed(typed, sentence, trained, tmp_path):
    with pytest.raises(Refused, match=sentence):
        evaluated(tmp_path, trained, typed)


def test_after_a_fit_of_several_processes_rank_0_goes_on_alone(tmp_path):
    leave_other_ranks()  # nothing to leave
    rendezvous = f"file://{tmp_path}/rendezvous"
    torch.distributed.init_process_group("gloo", init_method=rendezvous, rank=0, world_size=1)
    leave_other_ranks()
    assert not torch.distributed.is_initialized()


def test_the_parent_of_spawned_ranks_learns_their_last_step(trained):
    trainer = Trainer(logger=False, enable_progress_bar=False, enable_model_summary=False)
    take_progress(trainer, trained)
    saved = torch.load(trained.last, weights_only=True)
    assert trainer.global_step == saved["global_step"] > 0
    assert trainer.current_epoch == saved["epoch"]


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "no.ckpt").write_text("no")
    typed = ["fit=false", f"ckpt_path={tmp_path / 'no.ckpt'}"]
    with pytest.raises(ValueError, match="not a checkpoint that can be read safely"):
        run_job(composed(tmp_path, *QUIET, *typed), typed)


def test_stores_are_the_trainings_where_they_are_on_this_machine(tmp_path):
    assert stores_of({"data_dir": str(tmp_path)}, "default") == str(tmp_path)
    assert stores_of({"data_dir": str(tmp_path / "elsewhere")}, "default") == "default"


def test_the_test_runs_in_one_process(tones, tmp_path):
    cfg = composed(tmp_path, *tiny(tones, "trainer=ddp_cpu"))
    active = [ModelCheckpoint(), GracefulStop(tmp_path), RichProgressBar()]
    trainer = evaluate.tester(cfg, active, [])
    assert trainer.world_size == 1
    assert not {ModelCheckpoint, GracefulStop} & {type(c) for c in trainer.callbacks}
    assert RichProgressBar in {type(c) for c in trainer.callbacks}
