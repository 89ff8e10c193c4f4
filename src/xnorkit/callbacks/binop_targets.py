"""A module → BinOp's targets: which weights become binary, by which rule, in groups of one rule."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from xnorkit.binarize import in_place
from xnorkit.binarize.binop import XNOR_RULE, WeightRule, has_one_input_channel
from xnorkit.nn import BinaryLayer

PLAIN_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


@dataclass(eq=False)
class Target:
    """One weight that BinOp binarises.

    Attributes:
        name: path of its layer in the module, without `torch.compile`'s prefix; of the first one
            where layers share the weight.
        weight: the parameter.
        rule: how it becomes binary, and how its gradient comes back.
        layers: the binary layers that use it; none where plain torch layers do.
    """

    name: str
    weight: nn.Parameter
    rule: WeightRule
    layers: tuple[BinaryLayer, ...]


def find_targets(
    module: nn.Module,
    changes: Mapping[str, Any],
    wanted: Sequence[str] | None = None,
    unwanted: Sequence[str] = (),
) -> list[Target]:
    """The weights that BinOp binarises, in registration order.

    They are those of all `BinaryLayer`s, or, in a module without any, of all Conv and Linear layers
    but the first and the last one. Shared weights count once; weights that get no gradient, that
    belong to a torchmetrics Metric or that a parametrization computes don't count.

    Args:
        module: any.
        changes: fields of the layers' own rules (plain layers: XNOR-Net's) that are replaced; a
            `BinaryLayer` gets the new rule, so that it evaluates by the same.
        wanted: names or patterns (`*`, `?`) of layers, or of modules that contain them, to take
            instead.
        unwanted: likewise, left out.

    Raises:
        ValueError: there is none, a name or pattern fits no layer, or a weight has no shape yet.
    """
    found = [t for t in _candidates(module) if t.weight.requires_grad]
    _require_matches((*(wanted or ()), *unwanted), found)
    if wanted is not None:
        chosen = [t for t in found if _matches(t.name, wanted)]
    elif binary := [t for t in found if t.layers]:
        chosen = binary
    else:
        chosen = found[1:-1]
    chosen = [t for t in chosen if not _matches(t.name, unwanted)]
    if not chosen:
        raise ValueError(_none_found(module, found))
    for target in chosen:
        _set_rule(target, changes)
    return chosen


def _candidates(module: nn.Module) -> list[Target]:
    found: dict[int, Target] = {}
    for name, layer in _layers(module):
        weight = layer._parameters.get("weight")
        if weight is None:
            continue
        if isinstance(weight, nn.parameter.UninitializedParameter):
            raise ValueError(
                f"{name}: its weight has no shape yet. Run one batch through the lazy module "
                "before BinOp."
            )
        binary = (layer,) if isinstance(layer, BinaryLayer) else ()
        rule = binary[0].weight_rule if binary else XNOR_RULE
        target = found.setdefault(id(weight), Target(name, weight, rule, ()))
        target.layers += binary
    return list(found.values())


def _layers(module: nn.Module, path: tuple[str, ...] = ()) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(module, Metric):
        return
    if isinstance(module, (BinaryLayer, *PLAIN_LAYERS)):
        yield ".".join(path), module
    for name, child in module.named_children():
        yield from _layers(child, path if name == "_orig_mod" else (*path, name))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    parts = name.split(".")
    paths = [".".join(parts[: end + 1]) for end in range(len(parts))]
    return any(fnmatchcase(path, pattern) for path in paths for pattern in patterns)


def _require_matches(patterns: Sequence[str], found: Sequence[Target]) -> None:
    for pattern in patterns:
        if not any(_matches(target.name, [pattern]) for target in found):
            names = ", ".join(target.name for target in found) or "none"
            raise ValueError(f"BinOp: {pattern!r} fits no trainable layer; there are: {names}.")


def _none_found(module: nn.Module, found: Sequence[Target]) -> str:
    names = ", ".join(target.name for target in found) or "none"
    return (
        f"BinOp finds nothing to binarise in {type(module).__name__}: it takes xnorkit's binary "
        "layers, or else all Conv and Linear layers but the first and the last one, of those with "
        f"requires_grad (here: {names}). Name some by targets=, or leave BinOp out."
    )


def _set_rule(target: Target, changes: Mapping[str, Any]) -> None:
    target.rule = replace(target.rule, **changes)
    for layer in target.layers:
        layer.weight_rule = target.rule
    if target.rule.centre and not target.layers and has_one_input_channel(target.weight):
        warnings.warn(
            f"{target.name}, weight of shape {tuple(target.weight.shape)}: with one input channel "
            "a filter centred over channels would be all 0. It is not centred, and its gradient "
            "gets no factor 1 - 1/s. BinOp(exclude=…) leaves it float.",
            stacklevel=2,
        )


def describe(targets: Sequence[Target]) -> str:
    """One line a target: name, shape, rule."""
    width = max(len(t.name) for t in targets)
    lines = [
        f"  {t.name:<{width}}  {tuple(t.weight.shape)}  {t.rule.rule}, alpha {t.rule.alpha}"
        for t in targets
    ]
    return "\n".join([f"BinOp binarises {len(targets)} weights:", *lines])


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
        self._held_for: Literal["training", "evaluation"] | None = None

    def binarize(self, held_for: Literal["training", "evaluation"], centre: bool = True) -> None:
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
        in_place.binarize_(self._weights, self.rule)
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
        found = [t for t in self.targets if t.weight.grad is not None]
        if not found:
            return {}
        gradients = [t.weight.grad for t in found if t.weight.grad is not None]
        before = torch._foreach_norm(gradients) if measure else ()
        in_place.rescale_gradients_([t.weight for t in found], gradients, self.rule)
        after = torch._foreach_norm(gradients) if measure else ()
        names = [t.name for t in found]
        return dict(zip(names, zip(before, after, strict=True), strict=True)) if measure else {}

    def clamp(self) -> None:
        """Clamp the latent weights, where the rule has it after each step."""
        if self.rule.clamp_after_step:
            in_place.clamp_(self._weights)

    def saved(self) -> list[tuple[Tensor, Tensor]]:
        """(weight, its latent values) of each, while binary ones are in place; else nothing."""
        if self._held_for is None:
            return []
        return list(zip(self._weights, self._latent, strict=True))

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
