import re

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler
from tiny_speech import Tones, task, trainer

from xnorkit.callbacks.binary_monitor import SCALARS, BinaryMonitor
from xnorkit.callbacks.binop import BinOp
from xnorkit.callbacks.dashboard import Dashboard, chart_layout
from xnorkit.schemes import Float

HPARAMS = {"scheme": "xnor", "seed": 3, "lr": 2e-3, "nothing": None}


def run_of(folder, **arguments):
    logger = TensorBoardLogger(folder, name="", version="", default_hp_metric=False)
    callbacks = [Dashboard(HPARAMS), *arguments.pop("callbacks", [])]
    return trainer(folder, logger=logger, callbacks=callbacks, **arguments)


def read(folder):
    events = EventMultiplexer({"run": str(folder)})
    return events.Reload()


def session_groups(folder):
    """What TensorBoard's HPARAMS page asks its server for."""
    provider = MultiplexerDataProvider(read(folder), str(folder))
    context = Context(TBContext(logdir=str(folder), data_provider=provider))
    request = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=100, allowed_statuses=api_pb2.Status.values()
    )
    return Handler(RequestContext(), context, "", request).run().session_groups


def test_the_hparams_page_shows_the_row_with_the_tests_metrics(tmp_path):
    run, module = run_of(tmp_path, max_epochs=2), task()
    run.fit(module, datamodule=Tones())
    validation = run.callback_metrics["val/acc"].item()
    (tested,) = run.test(module, datamodule=Tones(), verbose=False)
    (group,) = session_groups(tmp_path)
    columns = {k: v.number_value or v.string_value for k, v in group.hparams.items()}
    assert columns == {
        "scheme": "xnor",
        "seed": 3,
        "lr": 2e-3,
        "data_source": "embedded subset",
        "title": "Tones (embedded subset), 3 classes",
    }
    values = {metric.name.tag: metric.value for metric in group.metric_values}
    assert values["test/acc"] == pytest.approx(tested["test/acc"])
    assert values["val/acc"] == pytest.approx(validation)
    assert group.sessions[0].status == api_pb2.STATUS_SUCCESS


class Breaks(Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        raise RuntimeError("broken")


def test_a_run_that_fails_has_its_row(tmp_path):
    with pytest.raises(RuntimeError, match="broken"):
        run_of(tmp_path, callbacks=[Breaks()]).fit(task(), datamodule=Tones())
    (group,) = session_groups(tmp_path)
    assert group.hparams["scheme"].string_value == "xnor"
    assert group.sessions[0].status != api_pb2.STATUS_SUCCESS


def charts(folder):
    """Title → regular expressions of all charts on the CUSTOM SCALARS page."""
    event, *_ = read(folder).Tensors("run", "custom_scalars__config__")
    layout = Layout.FromString(event.tensor_proto.string_val[0])
    return {c.title: list(c.multiline.tag) for page in layout.category for c in page.chart}


def scalar_tags(folder):
    return read(folder).Runs()["run"]["tensors"]


def test_every_curve_of_the_layout_finds_a_scalar_and_every_scalar_a_curve(tmp_path):
    callbacks = [BinOp(), BinaryMonitor(2), LearningRateMonitor("step")]
    run, module = run_of(tmp_path, callbacks=callbacks, log_every_n_steps=1), task()
    run.fit(module, datamodule=Tones())
    run.test(module, datamodule=Tones(), verbose=False)
    found, tags = charts(tmp_path), scalar_tags(tmp_path)
    assert [t for t in found if t not in {s.replace("_", " ") for s in SCALARS}] == [
        "loss",
        "accuracy",
        "learning rate",
    ]
    curves = [curve for chart in found.values() for curve in chart]
    assert len(curves) == 4 + 3 + 1 + 2 * len(SCALARS)  # two binary layers
    for curve in curves:
        assert any(re.match(curve, tag) for tag in tags), curve
    for tag in tags:
        if tag.startswith(("train/", "val/", "test/", "lr-")) or tag.endswith(SCALARS):
            assert any(re.match(curve, tag) for curve in curves), tag


def test_curves_of_layer_1_do_not_take_those_of_layer_10():
    (curve,) = chart_layout(["net.1"])["Binary layers"]["alpha"][1]
    assert re.match(curve, "binary/net.1/alpha")
    assert not re.match(curve, "binary/net.10/alpha")
    assert not re.match(curve, "binary/netx1/alpha")


def test_a_network_without_binary_layers_has_no_page_for_them(tmp_path):
    run_of(tmp_path, max_steps=1).fit(task(Float()), datamodule=Tones())
    assert set(charts(tmp_path)) == {"loss", "accuracy", "learning rate"}


def test_a_resumed_run_keeps_one_row_and_one_layout(tmp_path):
    for _ in range(2):
        run_of(tmp_path, max_steps=1).fit(task(), datamodule=Tones())
    assert len(session_groups(tmp_path)) == 1
    assert "loss" in charts(tmp_path)


@pytest.mark.parametrize("arguments", [{"logger": False}, {"fast_dev_run": True}])
def test_without_tensorboard_it_does_nothing(tmp_path, arguments):
    trainer(tmp_path, callbacks=[Dashboard(HPARAMS)], **arguments).fit(BoringModel())
    assert not list(tmp_path.rglob("*tfevents*"))


def test_a_value_that_is_not_flat_is_refused():
    with pytest.raises(ValueError, match=r"dashboard\.hparams\.betas=\[0\.9, 0\.999\]"):
        Dashboard({"betas": [0.9, 0.999]})
