"""Features, loss, metrics: the LightningModule that trains a classifier under any scheme."""

from collections.abc import Callable, Sequence
from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

from xnorkit.features.features import name_in_batch
from xnorkit.tasks.learning_rates import require_lr_scale, scaled_optimizer
from xnorkit.tasks.losses import LOSSES, training_loss

Batch = dict[str, Tensor]


class Classification(LightningModule):
    """Samples → features → logits, trained by a loss on them.

    Args:
        network: features (N, …) → logits (N, len(labels)).
        frontend: what a batch has under the name that it `takes` → features; augments in training.
        labels: class names, in the order of the logits.
        optimizer: takes the parameters, gives the optimiser.
        scheduler: takes the optimiser and `total_steps`, gives a scheduler that is stepped after
            each optimiser step; None keeps the learning rate.
        label_smoothing: in [0, 1); of the training loss only.
        loss: `cross_entropy`, or `square_hinge` (the authors' of BinaryNet).
        lr_scale: `none`, `glorot` or `glorot_squared`: the binary layers' learning rates, see
            `scaled_optimizer`.
        title: of the data set, for figures and reports.
        hyperparameters: plain dict, list, str and numbers, saved in every checkpoint.

    Raises:
        ValueError: an option out of range or unknown, or fewer than two labels.
    """

    def __init__(
        self,
        network: nn.Module,
        frontend: nn.Module,
        labels: Sequence[str],
        optimizer: Callable[[Any], Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
        label_smoothing: float = 0.0,
        loss: str = "cross_entropy",
        lr_scale: str = "none",
        title: str = "",
        hyperparameters: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        require_lr_scale(lr_scale)
        if len(labels) < 2:
            raise ValueError(f"labels={list(labels)}: a classifier needs at least two.")
        self.network = network
        self.frontend = frontend
        self.labels = tuple(labels)
        self.title = title
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._training_loss = training_loss(loss, label_smoothing)
        self._loss = LOSSES[loss]
        self._lr_scale = lr_scale
        self._hparams_name = "hyperparameters"  # the name under which Lightning saves them
        self._set_hparams(hyperparameters or {})
        classes = len(self.labels)
        self.train_accuracy = MulticlassAccuracy(classes, average="micro")
        self.val_accuracy = MulticlassAccuracy(classes, average="micro")
        self.test_accuracy = MulticlassAccuracy(classes, average="micro")
        self.val_confusion = MulticlassConfusionMatrix(classes)
        self.test_confusion = MulticlassConfusionMatrix(classes)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, …) → logits (N, classes)."""
        result: Tensor = self.network(features)
        return result

    def logits(self, batch: Batch) -> Tensor:
        """Logits (N, classes) of a batch of the data module."""
        result: Tensor = self(self.frontend(batch[name_in_batch(self.frontend)], batch["key"]))
        return result

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch."""
        logits = self.logits(batch)
        loss = self._training_loss(logits, batch["label"])
        self.train_accuracy(logits, batch["label"])
        size = len(batch["label"])
        self.log("train/loss", loss, on_step=True, on_epoch=True, batch_size=size)
        self.log("loss", loss, prog_bar=True, logger=False)  # one column of the bar, not two
        self.log("train/acc", self.train_accuracy, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Accuracy, loss and confusion matrix on the validation split."""
        self._evaluate("val", batch, self.val_accuracy, self.val_confusion)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Accuracy, loss and confusion matrix on the test split."""
        self._evaluate("test", batch, self.test_accuracy, self.test_confusion)

    def _evaluate(
        self,
        split: str,
        batch: Batch,
        accuracy: MulticlassAccuracy,
        confusion: MulticlassConfusionMatrix,
    ) -> None:
        logits, labels = self.logits(batch), batch["label"]
        accuracy(logits, labels)
        confusion.update(logits, labels)
        loss = self._loss(logits.float(), labels)
        self.log(f"{split}/loss", loss, on_epoch=True, batch_size=len(labels), sync_dist=True)
        self.log(f"{split}/acc", accuracy, on_epoch=True, prog_bar=True, batch_size=len(labels))

    def on_validation_epoch_start(self) -> None:
        """Begin the confusion matrix anew; it stays readable until the next validation."""
        self.val_confusion.reset()

    def on_test_epoch_start(self) -> None:
        """Begin the confusion matrix anew; it stays readable after the test."""
        self.test_confusion.reset()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser and scheduler of the configuration."""
        if self._optimizer is None:
            raise ValueError("this Classification was built without an optimizer: pass optimizer=.")
        optimizer = scaled_optimizer(self._optimizer, self, self._lr_scale)
        if self._scheduler is None:
            return optimizer
        total = int(self.trainer.estimated_stepping_batches)
        scheduler = self._scheduler(optimizer, total_steps=total)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }
