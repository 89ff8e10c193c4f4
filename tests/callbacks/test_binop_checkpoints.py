"""Every checkpoint holds latent weights; a resumed training continues bit for bit."""

from pathlib import Path

import pytest
import torch
from binop_cases import (
    PlainLoop,
    Regression,
    Resumable,
    assert_same,
    batches_of,
    binary_network,
    is_binary,
    latent,
    plain_network,
    trainer,
)
from lightning.pytorch.callbacks import (
    EMAWeightAveraging,
    ModelCheckpoint,
)

from xnorkit import BinOp

NETWORKS = pytest.mark.parametrize("make", [plain_network, binary_network])


WEIGHTS = ("network.2.weight", "network.5.weight")


def in_order(binop_first, *others):
    bin_op = BinOp()
    return [bin_op, *others] if binop_first else [*others, bin_op]


def state_is_latent(state):
    return not any(is_binary(value) for name, value in state.items() if name in WEIGHTS)


@NETWORKS
def test_checkpoints_every_n_steps_under_accumulation_hold_latent_weights(tmp_path, make):
    module = Regression(make(), batch_size=2)
    reference = PlainLoop(module.network)
    checkpoints = ModelCheckpoint(
        tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1, auto_insert_metric_name=False
    )
    run = trainer(
        tmp_path, BinOp(), checkpoints, accumulate_grad_batches=2, enable_checkpointing=True
    )
    run.fit(module)
    batches = batches_of(2)
    for step in range(1, 5):
        reference.step(*batches[2 * step - 2 : 2 * step])
        state = torch.load(tmp_path / f"{step}.ckpt", weights_only=True)["state_dict"]
        for name, parameter in reference.network.named_parameters():
            torch.testing.assert_close(state[f"network.{name}"], parameter.detach())


class SavesInside(Regression):
    """Saves a checkpoint between forward and backward, where binary weights are in place."""

    path = Path()

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.trainer.save_checkpoint(self.path / f"inside{batch_idx}.ckpt")
        assert not latent(self.network)
        return loss


@NETWORKS
@pytest.mark.parametrize("averaging", [None, "first", "last"])
def test_a_checkpoint_saved_inside_of_a_step_holds_latent_weights(tmp_path, make, averaging):
    module = SavesInside(make())
    module.path = tmp_path
    others = [EMAWeightAveraging(decay=0.5)] if averaging else []
    reference = PlainLoop(module.network)
    trainer(tmp_path, *in_order(averaging != "first", *others)).fit(module)
    for index, batch in enumerate(batches_of()):
        reference.gradients([batch])
        saved = torch.load(tmp_path / f"inside{index}.ckpt", weights_only=True)
        states = [saved["current_model_state"], saved["state_dict"]] if averaging else []
        state = states[0] if averaging else saved["state_dict"]
        for name, parameter in reference.network.named_parameters():
            torch.testing.assert_close(state[f"network.{name}"], parameter.detach())
        assert all(map(state_is_latent, states))
        reference.rescale()
        reference.optimizer.step()


@NETWORKS
@pytest.mark.parametrize("accumulate", [1, 2])
def test_resuming_in_mid_epoch_continues_bit_for_bit(tmp_path, make, accumulate):
    arguments = {"accumulate_grad_batches": accumulate, "max_epochs": 2}
    straight = Resumable(make(), "adam", batch_size=2)
    saves = ModelCheckpoint(
        tmp_path, "{step}", every_n_train_steps=3, save_top_k=-1, auto_insert_metric_name=False
    )
    trainer(tmp_path, BinOp(), saves, enable_checkpointing=True, **arguments).fit(straight)
    resumed = Resumable(make(), "adam", batch_size=2)
    for weight in resumed.parameters():
        torch.nn.init.zeros_(weight)
    # With 8 batches an epoch: step 3 is in the middle of the first one.
    run = trainer(tmp_path, BinOp(), **arguments)
    run.fit(resumed, ckpt_path=tmp_path / "3.ckpt", weights_only=True)
    assert run.global_step == 16 // accumulate
    assert_same(resumed.network, straight.network, rtol=0, atol=0)
