"""Each logged number against plain loops over what the network computed with."""

import math
from itertools import pairwise

import pytest
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from monitor_cases import (
    BINARY,
    INPUTS,
    OUTPUTS,
    Memory,
    Tiny,
    centred_negative,
    different,
    fit,
    negative,
    norm,
    orders,
    share,
)
from tiny_speech import Tones, task, trainer
from torch import nn

from xnorkit.binarize.binop import BINARYNET_RULE, XNOR_RULE
from xnorkit.callbacks.binary_monitor import BinaryMonitor, watched_weights
from xnorkit.callbacks.binop import BinOp
from xnorkit.nn import BinaryConv2d


@pytest.mark.parametrize("callbacks", orders(), ids=["BinOp first", "BinOp last"])
def test_flip_ratio_is_the_share_of_signs_that_differ_in_the_next_forward(tmp_path, callbacks):
    module = Tiny()
    flips = fit(tmp_path, module, callbacks).series(f"{BINARY}/flip_ratio")
    signs = [negative(weight) for weight in module.used]  # ±α, as the forward saw them
    expected = [different(a, b) for a, b in pairwise(signs)]
    assert len(flips) == len(signs) == 12
    assert [flips[i] for i in range(11)] == pytest.approx(expected)
    assert 0 < sum(expected) < 11


def test_flip_ratio_without_binop_is_that_of_the_centred_weights(tmp_path):
    module = Tiny(lr=0.05)
    flips = fit(tmp_path, module, [BinaryMonitor(1)]).series(f"{BINARY}/flip_ratio")
    signs = [centred_negative(weight) for weight in [*module.used, module.after[-1]]]
    expected = [different(a, b) for a, b in pairwise(signs)]
    assert list(flips.values()) == pytest.approx(expected)
    assert sum(expected) > 0


@pytest.mark.parametrize("rule", [XNOR_RULE, BINARYNET_RULE], ids=["xnor", "binarynet"])
@pytest.mark.parametrize("callbacks", orders(), ids=["BinOp first", "BinOp last"])
def test_outside_counts_latent_weights_before_any_clamp(tmp_path, callbacks, rule):
    module = Tiny(rule)
    outside = fit(tmp_path, module, callbacks).series(f"{BINARY}/outside")
    expected = [share([[abs(v) > 1 for v in r] for r in w.tolist()]) for w in module.after]
    assert list(outside.values()) == pytest.approx(expected, abs=1e-6)
    assert 0 < sum(expected) < len(expected)


def test_weights_that_are_not_a_number_count_as_outside(tmp_path):
    module = Tiny(lr=math.nan)
    memory = fit(tmp_path, module, [BinaryMonitor(1)], max_steps=1)
    assert memory.series(f"{BINARY}/outside") == {0: 1.0}


@pytest.mark.parametrize("callbacks", [*orders(), [BinaryMonitor(1)]], ids=["1", "2", "in graph"])
def test_alpha_is_the_mean_magnitude_of_centred_and_clamped_weights(tmp_path, callbacks):
    module = Tiny()
    logged = fit(tmp_path, module, callbacks).series(f"{BINARY}/alpha")
    expected = []
    for weight in module.after:
        magnitudes = []
        for row in weight.tolist():
            mean = sum(row) / len(row)
            magnitudes += [min(1.0, abs(value - mean)) for value in row]
        expected.append(sum(magnitudes) / len(magnitudes))
    assert list(logged.values()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("callbacks", orders(), ids=["BinOp first", "BinOp last"])
def test_gradient_norms_are_those_before_and_after_rescaling(tmp_path, callbacks):
    module = Tiny()
    memory = fit(tmp_path, module, callbacks, gradient_clip_val=0.1)
    before = memory.series(f"{BINARY}/grad_norm_before")
    after = memory.series(f"{BINARY}/grad_norm_after")
    assert list(before.values()) == pytest.approx([norm(g) for g in module.grad_before])
    assert list(after.values()) == pytest.approx([norm(g) for g in module.grad_after])
    assert before != after


def test_without_binop_only_the_norm_after_rescaling_is_there(tmp_path):
    module = Tiny()
    memory = fit(tmp_path, module, [BinaryMonitor(1)])
    after = memory.series(f"{BINARY}/grad_norm_after")
    assert list(after.values()) == pytest.approx([norm(g) for g in module.grad_after])
    assert memory.series(f"{BINARY}/grad_norm_before") == {}


@pytest.mark.parametrize("callbacks", [[BinOp(), BinaryMonitor(3)], [BinaryMonitor(3)]])
def test_every_nth_step_is_measured_from_the_first_on(tmp_path, callbacks):
    memory = fit(tmp_path, Tiny(), callbacks)
    assert [step for step, row in memory.rows if f"{BINARY}/alpha" in row] == [0, 3, 6, 9]


def test_gradients_are_measured_by_binop_in_the_logged_steps_only(tmp_path):
    asked = []

    class Asking(BinOp):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            asked.append(self.measure_gradients)
            super().on_before_optimizer_step(trainer, pl_module, optimizer)

    fit(tmp_path, Tiny(), [Asking(), BinaryMonitor(4)], max_epochs=1)
    assert asked == [True, False, False, False, True, False]


@pytest.mark.parametrize("callbacks", orders(), ids=["BinOp first", "BinOp last"])
def test_accumulated_micro_batches_are_one_step(tmp_path, callbacks):
    module = Tiny(lr=0.1)
    memory = fit(tmp_path, module, callbacks, accumulate_grad_batches=3)
    flips = memory.series(f"{BINARY}/flip_ratio")
    assert list(flips) == [0, 1, 2, 3]
    signs = [negative(weight) for weight in module.used[::3]]
    expected = [different(a, b) for a, b in pairwise(signs)]
    assert list(flips.values())[:3] == pytest.approx(expected)
    before = memory.series(f"{BINARY}/grad_norm_before")
    assert list(before.values()) == pytest.approx([norm(g) for g in module.grad_before[2::3]])


@pytest.mark.parametrize("callbacks", orders(), ids=["BinOp first", "BinOp last"])
def test_a_step_that_returns_none_disturbs_no_other(tmp_path, callbacks):
    module = Tiny(skip={1})
    memory = fit(tmp_path, module, callbacks, max_epochs=1)
    outside = memory.series(f"{BINARY}/outside")
    expected = [share([[abs(v) > 1 for v in r] for r in w.tolist()]) for w in module.after]
    assert [outside[i] for i in range(len(expected))] == pytest.approx(expected, abs=1e-6)


def weights_after(folder, module, callbacks, **arguments):
    torch.manual_seed(0)
    fit(folder, module, callbacks, **arguments)
    return module.state_dict()


def test_measuring_changes_nothing(tmp_path):
    alone = weights_after(tmp_path, Tiny(), [BinOp()])
    watched = weights_after(tmp_path, Tiny(), [BinaryMonitor(1), BinOp()])
    assert all(torch.equal(alone[name], watched[name]) for name in alone)


def test_no_step_hook_is_left_behind(tmp_path):
    run = trainer(tmp_path, logger=Memory(), callbacks=[BinOp(), BinaryMonitor(1)], max_steps=3)
    run.fit(Tiny())
    assert not run.optimizers[0]._optimizer_step_post_hooks


class Leaves(Tiny):
    def on_train_batch_start(self, batch, batch_idx):
        return -1 if batch_idx == 2 else None


@pytest.mark.parametrize("first", [True, False])
def test_histograms_hold_latent_weights_after_an_epoch_left_early(tmp_path, monkeypatch, first):
    drawn = []
    logger = TensorBoardLogger(tmp_path)
    monkeypatch.setattr(
        logger.experiment, "add_histogram", lambda tag, values, step: drawn.append((tag, values))
    )
    callbacks = [BinaryMonitor(), BinOp()] if first else [BinOp(), BinaryMonitor()]
    module = Leaves(lr=0.01)
    trainer(tmp_path, logger=logger, callbacks=callbacks).fit(module)
    ((tag, values),) = drawn
    assert tag == f"{BINARY}/latent"
    assert torch.equal(values, module.binary.weight.detach().flatten())
    assert len(values.abs().unique()) > OUTPUTS  # more than one magnitude a filter


def test_a_network_of_nans_still_trains_on(tmp_path):
    run = trainer(tmp_path, logger=TensorBoardLogger(tmp_path), callbacks=[BinaryMonitor(1)])
    run.fit(Tiny(lr=math.nan))
    assert run.global_step == 6


@pytest.mark.parametrize(
    "arguments",
    [{"logger": False}, {"fast_dev_run": True}, {"num_sanity_val_steps": 2, "logger": Memory()}],
)
def test_it_trains_without_logger_in_fast_dev_run_and_with_sanity_check(tmp_path, arguments):
    run = trainer(tmp_path, callbacks=[BinaryMonitor(1), BinOp()], **arguments)
    run.fit(Tiny())
    assert run.state.finished


def test_a_network_without_binary_layers_logs_nothing(tmp_path):
    class Plain(Tiny):
        def __init__(self):
            super().__init__()
            self.network[1] = nn.Linear(INPUTS, OUTPUTS, bias=False)

    assert not [k for _, row in fit(tmp_path, Plain(), [BinaryMonitor(1)]).rows for k in row
                if k.startswith("binary/")]  # fmt: skip


def test_shared_weights_are_watched_once_and_compiled_modules_keep_their_name(tmp_path):
    conv = BinaryConv2d(2, 2, 3)
    twin = BinaryConv2d(2, 2, 3)
    twin.weight = conv.weight
    model = nn.ModuleDict({"_orig_mod": nn.ModuleDict({"first": conv, "second": twin})})
    assert [w.name for w in watched_weights(trainer(tmp_path), model)] == ["first"]


def test_metrics_csv_gets_every_measured_step(tmp_path):
    logger = CSVLogger(tmp_path, name="", version="", flush_logs_every_n_steps=2)
    callbacks = [BinaryMonitor(2), BinOp(), LearningRateMonitor("step")]
    run = trainer(tmp_path, logger=logger, callbacks=callbacks, max_epochs=2, log_every_n_steps=1)
    run.fit(task(), datamodule=Tones())
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("binary/network.blocks.0.layer/alpha")
    assert sum(line.split(",")[column] != "" for line in lines[1:]) == 3


def test_an_interval_below_one_is_refused():
    with pytest.raises(ValueError, match="every_n_steps=0"):
        BinaryMonitor(0)
