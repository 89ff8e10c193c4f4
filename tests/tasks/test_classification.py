import math

import pytest
import torch
from lightning.pytorch import Trainer
from tiny_pictures import Waves
from torch import nn
from torch.utils.data import DataLoader

from xnorkit.tasks import Classification

LABELS = ("yes", "no", "up")


class Scale(nn.Module):
    """A frontend: int16 → float features, and a memory of what it was called with."""

    def forward(self, waveform, key=None):
        self.keys = key
        return waveform.float() / 32768


def batches():
    generator = torch.Generator().manual_seed(0)
    waveforms = torch.randint(-3000, 3000, (24, 8), generator=generator, dtype=torch.int16)
    labels = torch.arange(24) % 3
    waveforms[:, 0] = (labels * 10000).to(torch.int16)
    rows = [
        {"waveform": w, "label": y, "key": torch.tensor(i)}
        for i, (w, y) in enumerate(zip(waveforms, labels, strict=True))
    ]
    return DataLoader(rows, batch_size=8)


def task(**arguments):
    torch.manual_seed(0)
    arguments = {"optimizer": lambda p: torch.optim.Adam(p, 0.05), **arguments}
    return Classification(nn.Linear(8, 3), Scale(), LABELS, **arguments)


def trainer(tmp_path, **arguments):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(
        default_root_dir=tmp_path, accelerator="cpu", **{"max_epochs": 1, **quiet, **arguments}
    )


def test_fit_and_test_log_loss_and_accuracy_of_every_split(tmp_path):
    run = trainer(tmp_path, max_epochs=40, enable_checkpointing=False)
    module = task()
    run.fit(module, batches(), batches())
    assert {"train/loss", "train/acc", "val/loss", "val/acc"} <= set(run.callback_metrics)
    (result,) = run.test(module, batches(), verbose=False)
    assert result["test/acc"] == 1.0
    assert module.test_confusion.compute().tolist() == [[8, 0, 0], [0, 8, 0], [0, 0, 8]]
    assert module.val_confusion.compute().sum() == 24


def test_label_smoothing_is_in_the_training_loss_only():
    batch = next(iter(batches()))
    smooth, plain = task(label_smoothing=0.2), task()
    log_p = plain.logits(batch).log_softmax(1)
    picked = log_p.gather(1, batch["label"][:, None])[:, 0]
    for module, weight in ((smooth, 0.2), (plain, 0.0)):
        module.log = lambda *a, **k: None
        expected = -((1 - weight) * picked + weight * log_p.mean(1)).mean()
        assert math.isclose(module.training_step(batch, 0).item(), expected.item(), rel_tol=1e-5)


def test_the_keys_of_the_batch_reach_the_frontend():
    batch = next(iter(batches()))
    module = task()
    module.logits(batch)
    assert torch.equal(module.frontend.keys, batch["key"])


def test_scheduler_steps_with_the_optimiser_and_knows_the_total(tmp_path):
    seen = {}

    def halve(optimizer, total_steps):
        seen["total"] = total_steps
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)

    module = task(scheduler=halve)
    trainer(tmp_path, max_epochs=2, enable_checkpointing=False).fit(module, batches(), batches())
    assert seen["total"] == 6
    assert module.optimizers().param_groups[0]["lr"] == pytest.approx(0.05 * 0.5**6)


def test_hyperparameters_in_a_checkpoint_are_plain_and_load_weights_only(tmp_path):
    module = task(hyperparameters={"config": {"model": "xnor"}, "labels": list(LABELS)})
    run = trainer(tmp_path)
    run.fit(module, batches(), batches())
    run.save_checkpoint(tmp_path / "x.ckpt")
    state = torch.load(tmp_path / "x.ckpt", weights_only=True)
    assert state["hyper_parameters"]["config"] == {"model": "xnor"}
    assert "train_accuracy.tp" not in state["state_dict"]


@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_label_smoothing_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="label_smoothing"):
        task(label_smoothing=value)


def test_one_label_and_a_missing_optimizer_are_refused():
    with pytest.raises(ValueError, match="at least two"):
        Classification(nn.Linear(2, 1), Scale(), ["yes"])
    with pytest.raises(ValueError, match="optimizer"):
        Classification(nn.Linear(2, 2), Scale(), ["yes", "no"]).configure_optimizers()


def test_data_without_labels_are_refused():
    with pytest.raises(ValueError, match="task=classification: Waves has no labels"):
        Classification.check_data(Waves(), {})
