"""BinOp under Lightning's Trainer: each training equals the plain loop of `binop_cases`."""

import pytest
import torch
from binop_cases import (
    PlainLoop,
    Regression,
    assert_same,
    batches_of,
    binary_network,
    float16,
    inner_weights,
    latent,
    plain_network,
    rescaled,
    trainer,
)

from xnorkit import BinOp
from xnorkit.binarize import BINARYNET_RULE

NETWORKS = pytest.mark.parametrize("make", [plain_network, binary_network])


@NETWORKS
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_module_of_ones_own_needs_nothing_but_the_callback(tmp_path, make, optimizer):
    module = Regression(make(), optimizer)
    reference = PlainLoop(module.network, optimizer=optimizer).train(2 * batches_of())
    trainer(tmp_path, BinOp(), max_epochs=2).fit(module)
    assert_same(module.network, reference.network)


def test_binarynet_is_clamped_after_each_step(tmp_path):
    module = Regression(binary_network(weight_rule=BINARYNET_RULE))
    for weight in inner_weights(module.network):
        weight.data *= 9
    reference = PlainLoop(module.network, "ste", "none", centre=False, clamp_after=True)
    trainer(tmp_path, BinOp()).fit(module)
    assert_same(module.network, reference.train(batches_of()).network)


@NETWORKS
def test_accumulating_four_batches_equals_one_batch_of_four_times_the_size(tmp_path, make):
    small, large = Regression(make(), batch_size=2), Regression(make(), batch_size=8)
    trainer(tmp_path, BinOp(), accumulate_grad_batches=4, max_epochs=2).fit(small)
    trainer(tmp_path, BinOp(), max_epochs=2).fit(large)
    assert_same(small.network, large.network)
    assert_same(large.network, PlainLoop(make()).train(2 * batches_of(8)).network)


def test_an_incomplete_accumulation_at_the_end_of_an_epoch_is_a_step(tmp_path):
    module = Regression(plain_network())
    for weight in inner_weights(module.network):
        weight.data *= 4  # clamped, so that centring twice would show
    reference = PlainLoop(module.network)
    for _ in range(2):
        for group in (batches_of()[:3], batches_of()[3:]):
            reference.gradients(group)
            for parameter in reference.network.parameters():
                parameter.grad *= len(group) / 3  # Lightning divides by 3 in any case
            reference.rescale()
            reference.optimizer.step()
    trainer(tmp_path, BinOp(), accumulate_grad_batches=3, max_epochs=2).fit(module)
    assert_same(module.network, reference.network)


def amp_loop(network, batches, dtype, scaler):
    """The plain loop under autocast, in float32, with a scaler that may be off."""
    loop = PlainLoop(network)
    for batch in batches:
        with torch.autocast("cpu", dtype, cache_enabled=False):
            loop.gradients([batch], backward=lambda loss: scaled_backward(loss, scaler))
        scaler.unscale_(loop.optimizer)
        loop.rescale()
        scaler.step(loop.optimizer)
        scaler.update()
    return loop.network


def scaled_backward(loss, scaler):
    with torch.autocast("cpu", enabled=False):
        scaler.scale(loss).backward()


@NETWORKS
def test_bfloat16_autocast(tmp_path, make):
    module = Regression(make(torch.float32), dtype=torch.float32)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    expected = amp_loop(module.network, batches_of(dtype=torch.float32), torch.bfloat16, scaler)
    trainer(tmp_path, BinOp(), precision="bf16-mixed").fit(module)
    assert_same(module.network, expected, rtol=1e-4, atol=1e-5)
    assert latent(module.network)


@NETWORKS
def test_float16_with_a_gradient_scaler(tmp_path, make):
    module = Regression(make(torch.float32), dtype=torch.float32)
    scaler = torch.amp.GradScaler("cpu")
    expected = amp_loop(module.network, batches_of(dtype=torch.float32), torch.float16, scaler)
    trainer(tmp_path, BinOp(), plugins=[float16()]).fit(module)
    assert_same(module.network, expected, rtol=1e-4, atol=1e-5)


def test_a_step_skipped_for_infinite_gradients_leaves_latent_weights(tmp_path):
    class Overflows(Regression):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            return loss * 1e38 if batch_idx == 1 else loss

    module = Overflows(plain_network(torch.float32), dtype=torch.float32)
    batches = batches_of(dtype=torch.float32)
    scaler = torch.amp.GradScaler("cpu")
    expected = PlainLoop(module.network)
    for index, batch in enumerate(batches):
        factor = 1e38 if index == 1 else 1.0
        with torch.autocast("cpu", torch.float16, cache_enabled=False):
            expected.gradients([batch], lambda loss, f=factor: scaled_backward(loss * f, scaler))
        scaler.unscale_(expected.optimizer)
        expected.rescale()
        scaler.step(expected.optimizer)
        scaler.update()
    run = trainer(tmp_path, BinOp(), plugins=[float16()])
    run.fit(module)
    assert run.precision_plugin.scaler.get_scale() == 2**15  # halved once
    assert_same(module.network, expected.network, rtol=1e-4, atol=1e-5)


def test_clipping_sees_rescaled_gradients(tmp_path):
    class Clips(Regression):
        def configure_gradient_clipping(self, optimizer, gradient_clip_val, **kwargs):
            self.seen = [w.grad.clone() for w in inner_weights(self.network)]
            self.clip_gradients(optimizer, gradient_clip_val, "norm")
            self.clipped = torch.stack([p.grad.norm() for p in self.network.parameters()]).norm()

    module = Clips(plain_network())
    reference = PlainLoop(module.network)
    reference.gradients(batches_of()[:1])
    raw = [w.grad.clone() for w in reference.weights]
    trainer(tmp_path, BinOp(), max_steps=1, gradient_clip_val=0.01).fit(module)
    for weight, before, seen in zip(reference.weights, raw, module.seen, strict=True):
        torch.testing.assert_close(seen, rescaled(weight.detach(), before))
    assert module.clipped.item() == pytest.approx(0.01, rel=1e-4)  # Lightning adds 1e-6


@NETWORKS
@pytest.mark.parametrize("whole", [True, False])
def test_compiled_modules_train_alike(tmp_path, make, whole):
    module = Regression(make())
    reference = PlainLoop(module.network).train(batches_of())
    network = module.network
    if whole:
        compiled = torch.compile(module, backend="eager")
    else:
        module.network = torch.compile(network, backend="eager")
        compiled = module
    bin_op = BinOp()
    trainer(tmp_path, bin_op, limit_val_batches=1).fit(compiled)
    assert [t.name for t in bin_op.targets] == ["network.2", "network.5"]
    assert_same(network, reference.network)


@pytest.mark.parametrize("hook", ["setup", "configure_model"])
def test_layers_that_a_hook_builds_are_found(tmp_path, hook):
    class Late(Regression):
        def __init__(self):
            super().__init__(None)

        def build(self, stage=None):
            if self.network is None:
                self.network = plain_network()

    setattr(Late, hook, lambda self, stage=None: self.build())
    module = Late()
    trainer(tmp_path, BinOp()).fit(module)
    assert_same(module.network, PlainLoop(plain_network()).train(batches_of()).network)


def test_targets_are_said_at_start(tmp_path, caplog):
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        trainer(tmp_path, BinOp(rule="paper"), max_steps=1).fit(Regression(plain_network()))
    assert "network.2  (6, 4, 2, 2)  paper, alpha filter" in caplog.text
    assert "network.5  (8, 24)  paper, alpha filter" in caplog.text


def test_the_copies_of_the_weights_are_given_back_at_the_end(tmp_path):
    bin_op = BinOp()
    trainer(tmp_path, bin_op).fit(Regression(plain_network()))
    assert all(group._latent == [] for group in bin_op._groups)
