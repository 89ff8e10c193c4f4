"""The ops of a program, one a file: what each needs, which C++ class computes it, how it lowers."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from xnorkit.deploy.ops import (
    add,
    average_pool,
    binary_conv2d,
    bitplane_conv2d,
    bwn_conv2d,
    float_conv2d,
    input_scale,
    int8_conv2d,
    max_pool,
    pointwise,
    quantise,
    threshold,
)
from xnorkit.deploy.ops.op import Kind, Map, Op, Specs, Value, Window
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLayer, BinaryLinear
from xnorkit.nn.int8_stem import Int8Conv1d, Int8Conv2d, Int8Linear

OPS: tuple[type[Op], ...] = (
    add.Add,
    average_pool.AveragePool,
    binary_conv2d.BinaryConv2d,
    bitplane_conv2d.BitplaneConv2d,
    bwn_conv2d.BwnConv2d,
    float_conv2d.FloatConv2d,
    input_scale.InputScale,
    input_scale.Multiply,
    int8_conv2d.Int8Conv2d,
    max_pool.MaxPool,
    pointwise.Pointwise,
    quantise.Quantise,
    threshold.Threshold,
)

Rule = Callable[..., Any]


def _lower_binary(builder: Any, stream: Any, layer: Any, path: str) -> Any:
    if layer.input_scale in ("batch", "max"):
        raise Unsupported(
            path, f"input_scale={layer.input_scale!r} is one number of the whole batch, so an "
            "answer depends on the samples beside it; an engine sees one. Use none, tensor or map."
        )  # fmt: skip
    if layer.input_sign is None:
        return bwn_conv2d.lower(builder, stream, layer, path)
    one = layer.weight_rule.bits == layer.input_bits == 1
    return (binary_conv2d if one else bitplane_conv2d).lower(builder, stream, layer, path)


_BY_CLASS: dict[type[nn.Module], Rule] = {
    BinaryConv1d: _lower_binary,
    BinaryConv2d: _lower_binary,
    BinaryLinear: _lower_binary,
    Int8Conv1d: int8_conv2d.lower,
    Int8Conv2d: int8_conv2d.lower,
    Int8Linear: int8_conv2d.lower,
    nn.Conv1d: float_conv2d.lower,
    nn.Conv2d: float_conv2d.lower,
    nn.Linear: float_conv2d.lower,
    nn.MaxPool1d: max_pool.lower,
    nn.MaxPool2d: max_pool.lower,
    nn.AvgPool1d: average_pool.lower,
    nn.AvgPool2d: average_pool.lower,
    nn.AdaptiveAvgPool1d: average_pool.lower_adaptive,
    nn.AdaptiveAvgPool2d: average_pool.lower_adaptive,
}


# What a subclass may override and still compute the same in evaluation.
_HARMLESS = {"extra_repr", "reset_parameters", "train"}


def is_layer(module: nn.Module) -> bool:
    """Whether a module is one to the program, and never looked into."""
    return isinstance(module, (BinaryLayer, *_BY_CLASS))


def rule_of(module: nn.Module) -> Rule | None:
    """The rule that lowers a module: (builder, stream, module, path) → stream; None for others.

    A subclass that overrides what its layer computes is another layer.
    """
    classes = type(module).__mro__
    for index, kind in enumerate(classes):
        if kind in _BY_CLASS:
            return _BY_CLASS[kind] if not _overridden(classes[:index], kind) else None
    return None


def _overridden(classes: Sequence[type], kind: type) -> set[str]:
    """Methods of `kind` that subclasses have made their own, but for harmless ones."""
    own = {name for one in classes for name in vars(one) if callable(getattr(kind, name, None))}
    return {n for n in own if n == "__call__" or not n.startswith("__")} - _HARMLESS


__all__ = ["OPS", "Kind", "Map", "Op", "Rule", "Specs", "Value", "Window", "is_layer", "rule_of"]
