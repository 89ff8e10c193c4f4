"""Targets of one rule → latent weights out, α·sign(W) in, and back; gradients rescaled."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from xnorkit.binarize import in_place
from xnorkit.binarize.binop import WeightRule
from xnorkit.callbacks.binop_targets import Target

Purpose = Literal["training", "evaluation"]


class TargetGroup:
    """Targets of one rule, that change together.

    Args:
        targets: not empty; all of `BinaryLayer`s or all of plain layers.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets
        self.rule = targets[0].rule
        self.plain = not targets[0].layers
        self._weights: list[Tensor] = [t.weight for t in targets]
        self._latent: list[Tensor] = []
        self._scales: list[Tensor] | None = None  # α of the step's weights, until the rescaling
        self._held_for: Purpose | None = None

    def binarize(self, held_for: Purpose, centre: bool = True) -> None:
        """Save the latent weights, write α·sign(W) in their place; nothing where it is done.

        Args:
            held_for: `training` keeps the latent weights centred and clamped; `evaluation` only
                binarises so, and gives them back as they were.
            centre: centre and clamp first.
        """
        if self._held_for == held_for:
            return
        self.restore()
        if centre and held_for == "training":
            in_place.centre_and_clamp_(self._weights, self.rule)
        self._save()
        self._held_for = held_for  # before the first write: an interrupt may come at any time
        if centre and held_for == "evaluation":
            in_place.centre_and_clamp_(self._weights, self.rule)
        rule = replace(self.rule, quant_mode="det") if held_for == "evaluation" else self.rule
        scales = in_place.binarize_(self._weights, rule)
        if held_for == "training":
            self._scales = scales
        self._tell_layers(True)

    def _save(self) -> None:
        if not all(map(_same_kind, self._latent, self._weights)) or not self._latent:
            # Inference tensors could not be written in training.
            with torch.inference_mode(False):
                self._latent = [torch.empty_like(w) for w in self._weights]
        with torch.no_grad():
            torch._foreach_copy_(self._latent, self._weights)

    def _tell_layers(self, binary: bool) -> None:
        for target in self.targets:
            for layer in target.layers:
                layer.holds_binary_weight = binary

    @torch.no_grad()
    def restore(self) -> None:
        """Write the latent weights back, if they are not there."""
        if self._held_for is not None:
            torch._foreach_copy_(self._weights, self._latent)
            self._tell_layers(False)
            self._held_for = None

    def rescale_gradients(self, measure: bool) -> dict[str, tuple[Tensor, Tensor]]:
        """Rescale the gradients that are there; their norms before and after, if asked for."""
        found = [(i, t.weight.grad) for i, t in enumerate(self.targets)]
        present = [(i, gradient) for i, gradient in found if gradient is not None]
        if not present:
            return {}
        gradients = [gradient for _, gradient in present]
        weights = [self._weights[i] for i, _ in present]
        scales = [self._scales[i] for i, _ in present] if self._scales else self._scales
        before = torch._foreach_norm(gradients) if measure else ()
        in_place.rescale_gradients_(weights, gradients, self.rule, scales)
        self._scales = None
        after = torch._foreach_norm(gradients) if measure else ()
        names = [self.targets[i].name for i, _ in present]
        return {n: (b, a) for n, b, a in zip(names, before, after, strict=False)}

    def clamp(self) -> None:
        """Clamp the latent weights, where the rule has it after each step."""
        if self.rule.clamp_after_step:
            in_place.clamp_(self._weights)

    def latent_of(self, value: object) -> Tensor | None:
        """A copy of the latent weight, if `value` is a binary one that stands in its place."""
        if self._held_for is None or not isinstance(value, Tensor):
            return None
        for weight, latent in zip(self._weights, self._latent, strict=True):
            if value.data_ptr() == weight.data_ptr() and value.shape == weight.shape:
                return latent.clone()
        return None

    def forget(self) -> None:
        """Give the memory of the saved weights back."""
        self.restore()
        self._latent = []


def _same_kind(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.device == b.device


def groups_of(targets: Sequence[Target]) -> list[TargetGroup]:
    """The targets, grouped by rule and kind."""
    kinds: dict[tuple[WeightRule, bool], list[Target]] = {}
    for target in targets:
        kinds.setdefault((target.rule, bool(target.layers)), []).append(target)
    return [TargetGroup(group) for group in kinds.values()]
