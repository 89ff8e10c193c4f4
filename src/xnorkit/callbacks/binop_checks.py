"""What BinOp refuses, and the way out."""

from collections.abc import Iterable, Sequence

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy
from torch.optim import LBFGS, Optimizer

from xnorkit.callbacks.binop_targets import Target


def require_supported(trainer: Trainer, module: LightningModule, stage: str) -> None:
    """Refuse strategies that shard weights, and manual optimisation.

    Raises:
        ValueError: it is one of these.
    """
    strategy = trainer.strategy
    if isinstance(strategy, (FSDPStrategy, DeepSpeedStrategy, ModelParallelStrategy)):
        raise ValueError(
            f"strategy={type(strategy).__name__}: it shards the weights that BinOp must see whole. "
            "Use DDP or one device."
        )
    if stage == "fit" and not module.automatic_optimization:
        raise ValueError(
            f"{type(module).__name__}.automatic_optimization=False: BinOp can't see where a step "
            "begins. Instead of giving it to the Trainer, call binarize_(), restore_() and "
            "rescale_gradients_() of BinOp().attach(self) in training_step."
        )


def require_one_pass(optimizers: Iterable[Optimizer]) -> None:
    """Refuse optimisers that compute several gradients a step.

    Raises:
        ValueError: LBFGS is among them.
    """
    if any(isinstance(optimizer, LBFGS) for optimizer in optimizers):
        raise ValueError(
            "optimizer LBFGS: it runs forward and backward several times a step, all but the first "
            "without BinOp's binary weights. Use SGD or Adam."
        )


def require_disjoint(targets: Sequence[Target], others: Iterable[Target]) -> None:
    """Refuse two BinOps on one weight: the second would save the first one's binary weights.

    Raises:
        ValueError: a target is in both.
    """
    weights = {id(target.weight) for target in others}
    for target in targets:
        if id(target.weight) in weights:
            raise ValueError(
                f"{target.name}: two BinOps have it among their targets. Give the Trainer one, or "
                "tell them apart by targets= and exclude=."
            )
