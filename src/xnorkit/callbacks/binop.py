"""BinOp: XNOR-Net's training step as a callback, or in a hand-written loop.

In each step, for all target layers: centre and clamp the latent weights, save them, write α·sign(W)
in their place; forward, backward; put the latent weights back, rescale their gradients, step.
Latent weights are in the parameters whenever anything else can look. Formulas: docs/mathematics.md.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any, Self

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor, nn
from torch.optim import Optimizer

from xnorkit.binarize.binop import GradientRule, WeightRule
from xnorkit.binarize.scale import Alpha
from xnorkit.callbacks.binop_checks import require_disjoint, require_one_pass, require_supported
from xnorkit.callbacks.binop_groups import TargetGroup, groups_of
from xnorkit.callbacks.binop_targets import Target, describe, find_targets


class BinOp(Callback):
    """Binarises weights in each step, as XNOR-Net does; moves itself before the other callbacks.

    `Trainer(callbacks=[BinOp()])` is all that it takes. Its targets are xnorkit's binary layers; in
    a module without any, all Conv and Linear layers but the first and the last one. By hand:

        bin_op = BinOp().attach(model)
        for x, y in batches:
            optimizer.zero_grad()
            bin_op.binarize_()
            loss(model(x), y).backward()
            bin_op.restore_()
            bin_op.rescale_gradients_()
            optimizer.step()
            bin_op.clamp_()  # BinaryNet's rule only; nothing for the others

    Binary layers evaluate right by themselves. Plain layers are binarised in each evaluation batch;
    their latent weights come back as they were, so that a validation changes no training (the
    original centres them in its test, too). By hand that is `model.eval()`, `binarize_()`, …,
    `restore_()`.

    Args:
        rule: `chain`, `paper` or `ste`: how gradients are rescaled. None, here and below: as the
            layer's own `weight_rule` says; plain layers have XNOR-Net's (chain, filter, all on).
        alpha: `filter`, `layer`, `max` or `none`: the scale of the binary weights.
        centre: subtract the mean over input channels.
        clamp: clamp to [−1, 1] before binarising.
        centre_factor: the gradient's factor (1 − 1/s).
        scale_by_n: the gradient's factor n.
        clamp_after_step: clamp to [−1, 1] after each optimiser step (BinaryNet).
        targets: names or patterns (`*`, `?`) of the layers, or of modules that contain them, to
            take instead.
        exclude: names or patterns of layers that stay float.

    Attributes:
        targets: list of `Target`: name, weight, rule.
        measure_gradients: when True, `gradient_norms` is filled in the next rescaling.
        gradient_norms: name → L2 norm of the gradient before and after rescaling.

    Raises:
        ValueError: an unknown value; at start: nothing to binarise, or a trainer that can't do it.
    """

    def __init__(
        self,
        rule: GradientRule | None = None,
        alpha: Alpha | None = None,
        centre: bool | None = None,
        clamp: bool | None = None,
        centre_factor: bool | None = None,
        scale_by_n: bool | None = None,
        clamp_after_step: bool | None = None,
        targets: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
    ) -> None:
        fields: dict[str, Any] = {
            "rule": rule,
            "alpha": alpha,
            "centre": centre,
            "clamp": clamp,
            "centre_factor": centre_factor,
            "scale_by_n": scale_by_n,
            "clamp_after_step": clamp_after_step,
        }
        self._changes = {name: value for name, value in fields.items() if value is not None}
        WeightRule(**self._changes)  # refuses what is none
        self._wanted = None if targets is None else _names(targets)
        self._unwanted = () if exclude is None else _names(exclude)
        self.targets: list[Target] = []
        self.measure_gradients = False
        self.gradient_norms: dict[str, tuple[Tensor, Tensor]] = {}
        self._groups: list[TargetGroup] = []
        self._module: nn.Module | None = None
        self._step_open = False  # between the first binary weights of a step and the rescaling
        self._stepped = False

    # By hand

    def attach(self, module: nn.Module) -> Self:
        """Find the targets in `module`.

        Raises:
            ValueError: there is none, or `targets` or `exclude` name a layer that is not there.
        """
        self.restore_()
        self.targets = find_targets(module, self._changes, self._wanted, self._unwanted)
        self._groups = groups_of(self.targets)
        self._module = module
        self._step_open = self._stepped = False
        return self

    def binarize_(self) -> None:
        """Write α·sign(W) in place of the weights; nothing where that is done already.

        In training mode the weights are centred and clamped for good, once a step: a step ends with
        `rescale_gradients_`. In eval mode only plain layers change, and `restore_` gives back what
        was there.

        Raises:
            RuntimeError: nothing is attached.
        """
        if self._module is None:
            raise RuntimeError("BinOp has no module: call attach(module) first.")
        if self._module.training:
            self._binarize_for_training()
        else:
            self._binarize_for_evaluation()

    def _binarize_for_training(self) -> None:
        for group in self._groups:
            group.binarize("training", centre=not self._step_open)
        self._step_open = True

    def _binarize_for_evaluation(self) -> None:
        for group in self._groups:
            if group.plain:
                group.binarize("evaluation")

    def restore_(self) -> None:
        """Write the latent weights back; nothing where they are."""
        for group in self._groups:
            group.restore()

    def rescale_gradients_(self) -> None:
        """Turn gradients of the binary weights into those of the latent ones, once a step.

        Raises:
            RuntimeError: the module is in eval mode, where `binarize_` begins no step.
        """
        self.restore_()
        if self._module is not None and not (self._step_open or self._module.training):
            raise RuntimeError(
                f"{type(self._module).__name__} is in eval mode, in which BinOp binarises to "
                "evaluate: these gradients can't be rescaled. Call train() before binarize_()."
            )
        self.gradient_norms = {}
        for group in self._groups:
            self.gradient_norms |= group.rescale_gradients(self.measure_gradients)
        self._step_open = False

    def clamp_(self) -> None:
        """After the optimiser's step: clamp the weights whose rule says so (BinaryNet)."""
        for group in self._groups:
            group.clamp()

    # As a callback

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse what can't work, find the targets."""
        require_supported(trainer, pl_module, stage)
        # First, so that at the end of a batch, of an epoch, and after an error all others find
        # latent weights. A new list: Lightning is iterating over the old one.
        others = [c for c in trainer.callbacks if c is not self]  # type: ignore[attr-defined]  # Lightning sets it, no class declares it
        trainer.callbacks = [self, *others]  # type: ignore[attr-defined]  # Lightning sets it, no class declares it
        if not _builds_layers_later(pl_module):
            self.attach(pl_module)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the targets that are there by now, and say which."""
        self.attach(pl_module)
        require_one_pass(trainer.optimizers)
        callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]  # Lightning sets it, no class declares it
        others = [c.targets for c in callbacks if isinstance(c, BinOp) and c is not self]
        require_disjoint(self.targets, chain.from_iterable(others))
        rank_zero_info(describe(self.targets))

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Binary weights in."""
        self._binarize_for_training()

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Latent weights back; gradients stay, others may be accumulated on them."""
        self.restore_()

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Rescale the accumulated gradients; Lightning clips after this."""
        self.restore_()  # a step that returned None had no backward
        if self._step_open:
            self.rescale_gradients_()
        self._stepped = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Latent weights back if they are not; BinaryNet's are clamped after a step."""
        self.restore_()
        if self._stepped:
            self.clamp_()
        self._stepped = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Latent weights back: `on_train_batch_start` of a module may end the epoch."""
        self.restore_()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Latent weights back."""
        self.restore_()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Latent weights back; their copies are not needed any more."""
        for group in self._groups:
            group.forget()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the latent weights in for the binary ones.

        Wherever these are: weight averaging moves the state to another key.
        """
        for state in checkpoint.values():
            for key, value in state.items() if isinstance(state, dict) else ():
                for group in self._groups:
                    latent = group.latent_of(value)
                    if latent is not None:
                        state[key] = latent

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Latent weights back if they are not."""
        self._start_evaluation(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """As for validation."""
        self._start_evaluation(trainer, pl_module)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """As for validation."""
        self._start_evaluation(trainer, pl_module)

    def _start_evaluation(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.restore_()
        if trainer.state.fn != "fit":
            self.attach(pl_module)

    def on_validation_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Plain layers: binary weights in."""
        self._binarize_for_evaluation()

    def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Plain layers: latent weights back."""
        self.restore_()

    on_test_batch_start = on_predict_batch_start = on_validation_batch_start
    on_test_batch_end = on_predict_batch_end = on_validation_batch_end


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _builds_layers_later(module: LightningModule) -> bool:
    return any(is_overridden(hook, module) for hook in ("setup", "configure_model"))
