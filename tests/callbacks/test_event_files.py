"""What a user finds in TensorBoard and metrics.csv after one run, read back from the files."""

import csv

import pytest
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_speech import Tones, task, trainer

from xnorkit.callbacks.binary_monitor import SCALARS, BinaryMonitor
from xnorkit.callbacks.binop import BinOp
from xnorkit.callbacks.dashboard import Dashboard
from xnorkit.callbacks.event_files import has_tensorboard, logged_step, writers
from xnorkit.callbacks.figures import Figures
from xnorkit.callbacks.metrics_csv import MetricsCSV

LAYERS = ("network.blocks.0.layer", "network.blocks.1.layer")
EVERY = 2
STEPS = 9  # three epochs of three


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run with all callbacks and three loggers, trained and tested."""
    folder = tmp_path_factory.mktemp("run")
    loggers = [
        TensorBoardLogger(folder, name="", version="tensorboard", default_hp_metric=False),
        CSVLogger(folder, name="", version="lightning", flush_logs_every_n_steps=1),
        MetricsCSV(folder, flush_logs_every_n_steps=1),
    ]
    callbacks = [
        BinaryMonitor(EVERY),
        Figures(),
        Dashboard({"scheme": "xnor"}),
        LearningRateMonitor("step"),
        BinOp(),
    ]
    run = trainer(folder, logger=loggers, callbacks=callbacks, max_epochs=3, log_every_n_steps=1)
    module = task()
    run.fit(module, datamodule=Tones())
    run.test(module, datamodule=Tones(), verbose=False)
    return folder


@pytest.fixture(scope="module")
def events(folder):
    everything = dict.fromkeys(("scalars", "images", "histograms", "tensors"), 0)
    return EventAccumulator(str(folder / "tensorboard"), everything).Reload()


def steps(events, tag):
    return [event.step for event in events.Scalars(tag)]


def test_loss_accuracy_and_learning_rate_are_there(events):
    assert steps(events, "train/loss_step") == list(range(STEPS))
    assert steps(events, "lr-SGD") == list(range(STEPS))
    for tag in ("train/loss_epoch", "train/acc", "val/loss", "val/acc"):
        assert steps(events, tag) == [2, 5, 8], tag
    for tag in ("test/loss", "test/acc"):
        assert len(steps(events, tag)) == 1, tag


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("scalar", SCALARS)
def test_each_scalar_of_each_layer_is_there_at_every_nth_step(events, layer, scalar):
    assert steps(events, f"binary/{layer}/{scalar}") == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("layer", LAYERS)
def test_latent_weights_have_a_histogram_an_epoch(events, layer):
    histograms = events.Histograms(f"binary/{layer}/latent")
    assert [h.step for h in histograms] == [3, 6, 9]
    sizes = {LAYERS[0]: 16 * 12, LAYERS[1]: 12 * 8}
    assert {h.histogram_value.num for h in histograms} == {sizes[layer]}


@pytest.mark.parametrize("tag", ["confusion/val", "confusion/test", "examples/spectrograms"])
def test_figures_are_there(events, tag):
    for image in events.Images(tag):
        assert image.encoded_image_string.startswith(b"\x89PNG")
        assert min(image.width, image.height) > 100


def test_hparams_and_layout_are_there(events):
    assert {
        "_hparams_/experiment",
        "_hparams_/session_start_info",
        "_hparams_/session_end_info",
        "custom_scalars__config__",
    } <= set(events.summary_metadata)


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("path", ["lightning/metrics.csv", "metrics.csv"])
def test_the_csv_has_every_row_although_its_columns_came_one_after_the_other(folder, events, path):
    table = rows(folder / path)
    tags = [t for t in events.Tags()["scalars"] if t not in ("epoch", "hp_metric")]
    assert len(tags) > 15
    for tag in tags:
        written = [(int(r["step"]), float(r[tag])) for r in table if r[tag] != ""]
        assert [step for step, _ in written] == steps(events, tag), tag
        values = [event.value for event in events.Scalars(tag)]
        assert [value for _, value in written] == pytest.approx(values), tag


def test_other_ranks_write_nothing(tmp_path, monkeypatch):
    run = trainer(tmp_path, logger=TensorBoardLogger(tmp_path))
    monkeypatch.setattr(type(run), "is_global_zero", False)
    assert has_tensorboard(run)
    assert writers(run) == []


def test_without_a_tensorboard_logger_there_is_no_writer(tmp_path):
    run = trainer(tmp_path, logger=CSVLogger(tmp_path))
    assert not has_tensorboard(run)
    assert writers(run) == []


def test_logged_step_counts_the_optimisers_steps(tmp_path):
    run = trainer(tmp_path, max_steps=3)
    run.fit(BoringModel())
    assert logged_step(run) == 3


@pytest.mark.slow
def test_two_processes_write_one_record_and_do_not_wait_for_each_other(tmp_path):
    logger = TensorBoardLogger(tmp_path, name="", version="tensorboard", default_hp_metric=False)
    callbacks = [BinaryMonitor(EVERY), Figures(), Dashboard({"scheme": "xnor"}), BinOp()]
    strategy = DDPStrategy(start_method="spawn", process_group_backend="gloo")
    run = trainer(
        tmp_path, logger=logger, callbacks=callbacks, strategy=strategy, devices=2, max_epochs=2
    )
    run.fit(task(), datamodule=Tones(batch_size=4))
    written = EventAccumulator(str(tmp_path / "tensorboard"), {"images": 0}).Reload()
    assert len(list((tmp_path / "tensorboard").glob("*tfevents*"))) == 1
    assert steps(written, f"binary/{LAYERS[0]}/flip_ratio") == [0, 2, 4]
    assert len(written.Images("confusion/val")) == 2
    assert len(written.Images("examples/spectrograms")) == 1
