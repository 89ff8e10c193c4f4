"""What others see of BinOp: latent weights, in whatever order and whatever goes wrong."""

import copy
import os
import signal

import pytest
import torch
from binop_cases import (
    PlainLoop,
    Regression,
    assert_same,
    batches_of,
    binary_network,
    float16,
    latent,
    plain_network,
    trainer,
)
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import (
    ModelCheckpoint,
    OnExceptionCheckpoint,
    WeightAveraging,
)

from xnorkit import BinOp

NETWORKS = pytest.mark.parametrize("make", [plain_network, binary_network])
ORDERS = pytest.mark.parametrize("binop_first", [True, False])


def in_order(binop_first, *others):
    bin_op = BinOp()
    return [bin_op, *others] if binop_first else [*others, bin_op]


class Spy(Callback):
    """Keeps which weights are binary whenever Lightning calls."""

    def __init__(self):
        self.seen = {}

    def on_train_batch_end(self, trainer, pl_module, *args):
        self.seen.setdefault("batch end", []).append(latent(pl_module.network))

    def on_before_zero_grad(self, trainer, pl_module, optimizer):
        self.seen.setdefault("zero grad", []).append(latent(pl_module.network))

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.seen.setdefault("step", []).append(latent(pl_module.network))

    def on_train_epoch_end(self, trainer, pl_module):
        self.seen.setdefault("epoch end", []).append(latent(pl_module.network))

    def on_exception(self, trainer, pl_module, exception):
        self.seen.setdefault("exception", []).append(latent(pl_module.network))

    def on_validation_epoch_start(self, trainer, pl_module):
        self.seen.setdefault("validation", []).append(latent(pl_module.network))


@NETWORKS
@ORDERS
def test_other_callbacks_find_latent_weights(tmp_path, make, binop_first):
    class ReturnsNone(Regression):
        def training_step(self, batch, batch_idx):
            return None if batch_idx == 2 else super().training_step(batch, batch_idx)

    spy, module = Spy(), ReturnsNone(make())
    callbacks = in_order(binop_first, spy)
    trainer(tmp_path, *callbacks, accumulate_grad_batches=2, limit_val_batches=1).fit(module)
    assert spy.seen.pop("zero grad") == [False, False]  # between forward and backward
    assert spy.seen == {
        "batch end": [True] * 4,
        "step": [True] * 2,
        "validation": [True],
        "epoch end": [True],
    }


class Raises(Regression):
    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        if batch_idx == 2:
            self.go_wrong()
        return loss

    def go_wrong(self):
        raise RuntimeError("a step that goes wrong")


class Interrupted(Raises):
    def go_wrong(self):
        os.kill(os.getpid(), signal.SIGINT)


class Terminated(Raises):
    def go_wrong(self):
        os.kill(os.getpid(), signal.SIGTERM)


@NETWORKS
@ORDERS
@pytest.mark.parametrize("kind", [Raises, Interrupted, Terminated])
def test_a_step_that_raises_or_is_interrupted_leaves_latent_weights(
    tmp_path, make, binop_first, kind
):
    module, spy = kind(make()), Spy()
    reference = PlainLoop(module.network).train(batches_of()[:2])
    reference.gradients(batches_of()[2:3])
    if kind is Terminated:  # Lightning ends the batch, and stops before the next
        reference.rescale()
        reference.optimizer.step()
    saves = OnExceptionCheckpoint(tmp_path)
    run = trainer(tmp_path, *in_order(binop_first, spy), saves, enable_checkpointing=True)
    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises((RuntimeError, SystemExit, KeyboardInterrupt)):
            run.fit(module)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert spy.seen["exception"] == [True]
    assert_same(module.network, reference.network)
    state = torch.load(tmp_path / "on_exception.ckpt", weights_only=True)["state_dict"]
    for name, parameter in module.named_parameters():
        assert torch.equal(state[name], parameter)


def test_a_training_after_one_that_failed_starts_afresh(tmp_path):
    module, bin_op = Raises(plain_network()), BinOp()
    with pytest.raises(RuntimeError, match="goes wrong"):
        trainer(tmp_path, bin_op, accumulate_grad_batches=2).fit(module)
    again = Regression(copy.deepcopy(module.network))
    reference = PlainLoop(module.network).train(batches_of())
    trainer(tmp_path, bin_op).fit(again)
    assert_same(again.network, reference.network)


@NETWORKS
@pytest.mark.parametrize("skipped", [0, 1, 3])
@pytest.mark.parametrize("precision", [None, "float16"])
def test_a_step_that_returns_none(tmp_path, make, skipped, precision):
    class ReturnsNone(Regression):
        def training_step(self, batch, batch_idx):
            return None if batch_idx == skipped else super().training_step(batch, batch_idx)

    dtype = torch.float32 if precision else torch.float64
    module = ReturnsNone(make(dtype), dtype=dtype)
    spy = Spy()
    plugins = [float16()] if precision else []
    run = trainer(tmp_path, spy, BinOp(), accumulate_grad_batches=2, plugins=plugins)
    reference = PlainLoop(module.network)
    run.fit(module)
    assert all(all(seen) for key, seen in spy.seen.items() if key != "zero grad")
    if precision:  # the scaler skips the whole step where the last micro-batch has none
        return
    batches = batches_of()
    for start in (0, 2):
        kept = [batches[i] for i in (start, start + 1) if i != skipped]
        reference.gradients(kept)
        for parameter in reference.network.parameters():
            parameter.grad *= len(kept) / 2  # Lightning divides by 2 in any case
        reference.rescale()
        reference.optimizer.step()
    assert_same(module.network, reference.network)


@ORDERS
@NETWORKS
def test_an_epoch_left_early_by_the_module(tmp_path, make, binop_first):
    class LeavesEarly(Regression):
        def on_train_batch_start(self, batch, batch_idx):
            return -1 if batch_idx == 2 else None

    class EpochAverage(WeightAveraging):
        def should_update(self, step_idx=None, epoch_idx=None):
            return epoch_idx is not None

    module = LeavesEarly(make())
    averaging, spy = EpochAverage(), Spy()
    reference = PlainLoop(module.network)
    after = []
    for _ in range(2):
        reference.train(batches_of()[:2])
        reference.gradients(batches_of()[2:3])  # centred and clamped, then left
        after.append([p.detach().clone() for p in reference.network.parameters()])
    saves = ModelCheckpoint(
        tmp_path, "{epoch}", save_top_k=-1, save_on_train_epoch_end=True, monitor=None,
        auto_insert_metric_name=False,
    )  # fmt: skip
    callbacks = [*in_order(binop_first, spy, averaging), saves]
    trainer(tmp_path, *callbacks, max_epochs=2, enable_checkpointing=True).fit(module)
    assert spy.seen["epoch end"] == [True, True]
    state = torch.load(tmp_path / "1.ckpt", weights_only=True)["current_model_state"]
    for name, expected in zip(dict(module.named_parameters()), after[1], strict=True):
        torch.testing.assert_close(state[name], expected)
    for parameter, a, b in zip(module.parameters(), *after, strict=True):
        torch.testing.assert_close(parameter.detach(), (a + b) / 2)
