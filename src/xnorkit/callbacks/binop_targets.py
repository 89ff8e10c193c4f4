"""A module → BinOp's targets: which weights become binary, by which rule."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from torch import nn
from torchmetrics import Metric

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
    but the first and the last one. Shared weights count once. Weights don't count that belong to a
    torchmetrics Metric, that a parametrization computes, or that get no gradient (unless none gets
    one: a frozen module is evaluated as it was trained).

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
    candidates = _candidates(module)
    found = [t for t in candidates if t.weight.requires_grad] or candidates
    _require_matches((*(wanted or ()), *unwanted), found)
    if wanted is not None:
        chosen = [t for t in found if _matches(t.name, wanted)]
    elif any(t.layers for t in candidates):
        chosen = [t for t in found if t.layers]
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
            raise ValueError(
                f"BinOp: {pattern!r} fits no layer that is trained; there are: {names}."
            )


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
        + (f", {t.rule.bits} bits" if t.rule.bits > 1 else "")
        for t in targets
    ]
    return "\n".join(["BinOp binarises in each step:", *lines])
