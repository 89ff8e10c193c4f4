"""Module → what each layer costs: parameters, multiply-accumulates, bytes.

What is counted, for each layer that owns parameters or buffers:

- MACs: of convolutions and linear layers, for the example as it is given (so give a batch of one).
  Border taps count; scales and BatchNorm do not. Binary are those where input and weight are ±1:
  the real input of BWN makes them float. A product of i and j bits is i·j binary ones.
- Packed bytes: 1 bit a binary weight, or its k, rounded up to whole bytes a layer; 1 byte an int8
  weight; 4 bytes for each α, step, bias and every other float parameter or persistent buffer.
  BatchNorm is folded to 2 floats a channel.
- Float bytes: the float32 twin's, 4 for each parameter and buffer, its BatchNorm folded too; it has
  no steps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from math import ceil, prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from xnorkit.nn.binary_layer import BinaryLayer
from xnorkit.nn.int8_stem import Int8Layer

FLOAT_BYTES = 4
FOLDED_FLOATS = 2  # a BatchNorm in evaluation is a·x + b in each channel

Shape = tuple[int, ...]
_Calls = list[tuple[Shape, Shape]]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Counts that add up.

    Attributes:
        binary_parameters: weights of which only the sign, or its k-bit form, is kept.
        float_parameters: all others.
        binary_macs: ±1 times ±1.
        float_macs: all others.
        packed_bytes: as deployed.
        float_bytes: of the float32 twin.
    """

    binary_parameters: int = 0
    float_parameters: int = 0
    binary_macs: int = 0
    float_macs: int = 0
    packed_bytes: int = 0
    float_bytes: int = 0

    @property
    def parameters(self) -> int:
        """Binary and float."""
        return self.binary_parameters + self.float_parameters


@dataclass(frozen=True, kw_only=True)
class LayerSummary(Cost):
    """One layer.

    Attributes:
        name: path in the module, empty for the module itself.
        kind: its class.
        input_shape: of its first call; empty where the example never reaches it.
        output_shape: the same.
    """

    name: str
    kind: str
    input_shape: Shape
    output_shape: Shape


@dataclass(frozen=True)
class Summary:
    """All layers, in the order of registration."""

    layers: tuple[LayerSummary, ...]

    @property
    def total(self) -> Cost:
        """The sum over layers."""
        names = [field.name for field in fields(Cost)]
        return Cost(**{name: sum(getattr(row, name) for row in self.layers) for name in names})

    def __str__(self) -> str:
        names = [field.name for field in fields(Cost)]
        rows = [("layer", "kind", "output", *(name.replace("_", " ") for name in names))]
        for row in self.layers:
            shape = "x".join(map(str, row.output_shape))
            rows.append((row.name, row.kind, shape, *(f"{getattr(row, n):,}" for n in names)))
        rows.append(("total", "", "", *(f"{getattr(self.total, n):,}" for n in names)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(_line(row, widths) for row in rows)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    texts, numbers = slice(0, 3), slice(3, None)
    left = [c.ljust(w) for c, w in zip(cells[texts], widths[texts], strict=True)]
    right = [c.rjust(w) for c, w in zip(cells[numbers], widths[numbers], strict=True)]
    return "  ".join(left + right)


def summarise(module: nn.Module, example_input: Tensor) -> Summary:
    """Cost of every layer, seen by running `module` once in evaluation mode.

    Training flags, BatchNorm statistics and gradients stay as they were. A layer called twice has
    its MACs counted twice and its bytes once; so has a parameter that two layers share.

    Args:
        module: any module; layers of other kinds than named above have bytes but no MACs.
        example_input: what `module` takes; the first size is the batch, best 1.

    Returns:
        One row for each layer with parameters or buffers of its own.
    """
    layers = [(name, layer) for name, layer in module.named_modules() if _own_tensors(layer)]
    calls: dict[nn.Module, _Calls] = {layer: [] for _, layer in layers}
    with _recording(calls), _evaluation(module), torch.no_grad():
        module(example_input)
    seen: set[int] = set()
    return Summary(tuple(_row(name, layer, calls[layer], seen) for name, layer in layers))


def _own_tensors(layer: nn.Module) -> list[Tensor]:
    return [*layer.parameters(recurse=False), *_kept_buffers(layer)]


def _kept_buffers(layer: nn.Module) -> list[Tensor]:
    left_out = layer._non_persistent_buffers_set  # torch has no public name for it
    named = layer.named_buffers(recurse=False)
    return [b for name, b in named if name not in left_out and b.is_floating_point()]


@contextmanager
def _recording(calls: dict[nn.Module, _Calls]) -> Iterator[None]:
    def record(layer: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        calls[layer].append((_shape((*args, *kwargs.values())), _shape(output)))

    hooks = [layer.register_forward_hook(record, with_kwargs=True) for layer in calls]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _shape(values: Any) -> Shape:
    """Of the first tensor."""
    several = values if isinstance(values, tuple | list) else (values,)
    return next((tuple(v.shape) for v in several if isinstance(v, Tensor)), ())


@contextmanager
def _evaluation(module: nn.Module) -> Iterator[None]:
    flags = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in flags:
            part.training = training


def _row(name: str, layer: nn.Module, calls: _Calls, seen: set[int]) -> LayerSummary:
    new = [p for p in layer.parameters(recurse=False) if id(p) not in seen]
    seen.update(map(id, new))
    is_binary = isinstance(layer, BinaryLayer)
    weights = sum(p.numel() for p in new if is_binary and p is layer.weight)
    floats = sum(p.numel() for p in new) - weights
    kept = floats + sum(b.numel() for b in _kept_buffers(layer))
    if isinstance(layer, _BatchNorm):
        kept = FOLDED_FLOATS * layer.num_features
    scales = _scales(layer) if isinstance(layer, BinaryLayer) and weights else 0
    in_bytes, steps = _int8_parameters(layer, new) if isinstance(layer, Int8Layer) else (0, 0)
    macs = sum(_macs(layer, *shapes) for shapes in calls)
    all_binary = is_binary and layer.input_sign is not None
    weight_bits = layer.weight_rule.bits if isinstance(layer, BinaryLayer) else 1
    products = weight_bits * layer.input_bits if isinstance(layer, BinaryLayer) else 1
    input_shape, output_shape = calls[0] if calls else ((), ())
    return LayerSummary(
        name=name,
        kind=type(layer).__name__,
        input_shape=input_shape,
        output_shape=output_shape,
        binary_parameters=weights,
        float_parameters=floats,
        binary_macs=macs * products if all_binary else 0,
        float_macs=0 if all_binary else macs,
        packed_bytes=ceil(weights * weight_bits / 8)
        + in_bytes
        + FLOAT_BYTES * (kept - in_bytes + scales),
        float_bytes=FLOAT_BYTES * (kept - steps + weights),
    )


def _scales(layer: BinaryLayer) -> int:
    """How many α the layer has."""
    return {"filter": layer.weight.shape[0], "layer": 1, "max": 1, "none": 0}[
        layer.weight_rule.alpha
    ]


def _int8_parameters(layer: Int8Layer, new: list[nn.Parameter]) -> tuple[int, int]:
    """How many of the parameters take a byte, and how many are steps."""
    steps = (layer.raw_input_step, layer.raw_weight_step)
    weights = sum(p.numel() for p in new if p is layer.weight)
    return weights, sum(p.numel() for p in new if any(p is step for step in steps))


def _macs(layer: nn.Module, input_shape: Shape, output_shape: Shape) -> int:
    if not isinstance(layer, _ConvNd | nn.Linear):
        return 0
    # A transposed convolution spreads each input value over a filter; the others gather.
    ends = input_shape if isinstance(layer, _ConvTransposeNd) else output_shape
    return prod(ends) * prod(layer.weight.shape[1:])
