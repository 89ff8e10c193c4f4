"""Features, loss, metrics: the LightningModule that trains a classifier under any scheme."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

from xnorkit.features.features import name_in_batch
from xnorkit.tasks.learning_rates import require_lr_scale
from xnorkit.tasks.losses import LOSSES, training_loss
from xnorkit.tasks.task import Batch, Task


class Classification(Task):
    """Samples → features → logits, trained by a loss on them.

    Args:
        network: features (N, …) → logits (N, len(labels)).
        frontend: what a batch has under the name that it `takes` → features; augments in training.
        labels: class names, in the order of the logits.
        optimizer: see `Task`.
        scheduler: see `Task`.
        label_smoothing: in [0, 1); of the training loss only.
        loss: `cross_entropy`, or `square_hinge` (the authors' of BinaryNet).
        lr_scale: `none`, `glorot` or `glorot_squared`: the binary layers' learning rates, see
            `scaled_optimizer`.
        title: see `Task`.
        hyperparameters: see `Task`.

    Raises:
        ValueError: an option out of range or unknown, or fewer than two labels.
    """

    metrics = scores = ("acc",)
    has_engine = True

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
        super().__init__(network, optimizer, scheduler, title, hyperparameters)
        require_lr_scale(lr_scale)
        if len(labels) < 2:
            raise ValueError(f"labels={list(labels)}: a classifier needs at least two.")
        self.frontend = frontend
        self.labels = tuple(labels)
        self._training_loss = training_loss(loss, label_smoothing)
        self._loss = LOSSES[loss]
        self._lr_scale = lr_scale
        classes = len(self.labels)
        self.train_accuracy = MulticlassAccuracy(classes, average="micro")
        self.val_accuracy = MulticlassAccuracy(classes, average="micro")
        self.test_accuracy = MulticlassAccuracy(classes, average="micro")
        self.val_confusion = MulticlassConfusionMatrix(classes)
        self.test_confusion = MulticlassConfusionMatrix(classes)

    @classmethod
    def check_data(cls, data: Any, options: Mapping[str, Any]) -> None:
        """Features and labels; see `Task`."""
        if data.features is None or not data.labels:
            raise ValueError(
                f"task=classification: {type(data).__name__} has no labels to learn. Take other "
                "data, or task=compression."
            )

    @classmethod
    def network_arguments(cls, features: Any, labels: Sequence[str]) -> dict[str, Any]:
        """The input's shape and the number of logits."""
        return {"input_shape": features.output_shape, "num_classes": len(tuple(labels))}

    @classmethod
    def own_arguments(cls, features: Any, labels: Sequence[str]) -> dict[str, Any]:
        """The features go into the task, with their statistics."""
        return {"frontend": features, "labels": labels}

    def example_input(self) -> Tensor:
        """One sample's features."""
        return torch.zeros(1, *self.frontend.output_shape)

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
