"""What `cli` asks of a task, and what every task does alike: the optimiser, the hyper-parameters.

| question | asked | `classification` answers |
| --- | --- | --- |
| `check_data` | before anything is read or fetched | at least two labels |
| `network_arguments` | where the network is built | the features' shape, the number of labels |
| `own_arguments` | where the task is built | features and labels |
| `example_input` | at the start, to count what a layer costs | one sample's features |
| `facts` | the same | nothing more |
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xnorkit.tasks.learning_rates import scaled_optimizer

Batch = dict[str, Tensor]


class Task(LightningModule):
    """A network with its loss and metrics.

    Args:
        network: what is trained.
        optimizer: takes the parameters, gives the optimiser.
        scheduler: takes the optimiser and `total_steps`, gives a scheduler that is stepped after
            each optimiser step; None keeps the learning rate.
        title: of the data set, for figures and reports.
        hyperparameters: plain dict, list, str and numbers, saved in every checkpoint.

    Attributes:
        metrics: names below `val/` and `test/`.
        scores: those of which more is better: the best checkpoint has most of one; () takes any.
        has_engine: whether `deploy` makes C++ of it.
        frontend: what makes the network's input of a batch, where the task has one.
        labels: class names, where the task has any.
    """

    metrics: ClassVar[tuple[str, ...]] = ()
    scores: ClassVar[tuple[str, ...]] = ()
    has_engine: ClassVar[bool] = False

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[[Any], Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
        title: str = "",
        hyperparameters: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.network: Any = network  # a module with what the task asks of it
        self.frontend: Any = None
        self.labels: tuple[str, ...] = ()
        self.title = title
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._lr_scale = "none"  # of its binary layers' learning rates, see `scaled_optimizer`
        self._hparams_name = "hyperparameters"  # the name under which Lightning saves them
        self._set_hparams(hyperparameters or {})

    @classmethod
    def check_data(cls, data: Any, options: Mapping[str, Any]) -> None:
        """Refuse a data set that the task can't learn from.

        Args:
            data: a data module, nothing of it read yet.
            options: the task's own.

        Raises:
            ValueError: with the sentence.
        """

    @classmethod
    def network_arguments(cls, features: Any, labels: Sequence[str]) -> dict[str, Any]:
        """What the network's constructor needs beside its configuration and the scheme."""
        return {}

    @classmethod
    def own_arguments(cls, features: Any, labels: Sequence[str]) -> dict[str, Any]:
        """What the task's constructor needs beside what every task takes."""
        return {}

    def example_input(self) -> Tensor:
        """A batch of one, as the network takes it."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """What the start screen says beside scheme, network and data."""
        return {}

    def forward(self, x: Tensor) -> Tensor:
        """The network's answer."""
        result: Tensor = self.network(x)
        return result

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser and scheduler of the configuration."""
        if self._optimizer is None:
            raise ValueError(
                f"this {type(self).__name__} was built without an optimizer: pass optimizer=."
            )
        optimizer = scaled_optimizer(self._optimizer, self, self._lr_scale)
        if self._scheduler is None:
            return optimizer
        steps = self.trainer.estimated_stepping_batches
        total = int(steps) if math.isfinite(steps) else 0  # the schedule says that it needs an end
        scheduler = self._scheduler(optimizer, total_steps=total)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }
