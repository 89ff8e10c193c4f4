"""The ops of a program, one a file: what each needs, which C++ class computes it, how it lowers."""

from collections.abc import Callable
from typing import Any

from torch import nn

from xnorkit.deploy.ops import (
    add,
    average_pool,
    binary_conv2d,
    bwn_conv2d,
    float_conv2d,
    input_scale,
    int8_conv2d,
    max_pool,
    pointwise,
    threshold,
)
from xnorkit.deploy.ops.op import Kind, Map, Op, Specs, Value, Window
from xnorkit.nn import BinaryLayer
from xnorkit.nn.int8_stem import Int8Conv1d, Int8Conv2d, Int8Linear

OPS: tuple[type[Op], ...] = (
    add.Add,
    average_pool.AveragePool,
    binary_conv2d.BinaryConv2d,
    bwn_conv2d.BwnConv2d,
    float_conv2d.FloatConv2d,
    input_scale.InputScale,
    input_scale.Multiply,
    int8_conv2d.Int8Conv2d,
    max_pool.MaxPool,
    pointwise.Pointwise,
    threshold.Threshold,
)

Rule = Callable[..., Any]

_BY_CLASS: dict[type[nn.Module], Rule] = {
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


def rule_of(module: nn.Module) -> Rule | None:
    """The rule that lowers a module: (builder, stream, module, path) → stream; None for others.

    Subclasses of torch's layers have their own forward, so only the class itself counts.
    """
    if isinstance(module, BinaryLayer):
        return bwn_conv2d.lower if module.input_sign is None else binary_conv2d.lower
    return _BY_CLASS.get(type(module))


__all__ = ["OPS", "Kind", "Map", "Op", "Rule", "Specs", "Value", "Window", "rule_of"]
