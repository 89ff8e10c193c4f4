"""What the engine races against: a rival, what it answers, and torch's own sides."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

Model = Literal["network", "float twin"]
Prepare = Callable[[Tensor], Callable[[], Any]]

FLOAT_TOLERANCE = 1e-4
INT8_TOLERANCE = 0.1


@dataclass(frozen=True)
class Rival:
    """Another way to compute the network, or its float twin.

    Attributes:
        name: as in tables.
        model: which of the two it computes.
        prepare: inputs (N, …) → a call without arguments that computes their logits (N, classes);
            what a user does once, such as a change of layout, is done by then.
        tolerance: how far its logits may be from torch's, as a share of the range of torch's.
        batched: whether it takes more than one sample at a time.
    """

    name: str
    model: Model
    prepare: Prepare
    tolerance: float = FLOAT_TOLERANCE
    batched: bool = True


@dataclass(frozen=True)
class Missing:
    """A rival that could not be raced.

    Attributes:
        name: as in tables.
        reason: why.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Answers:
    """A rival's logits beside torch's on the same inputs.

    Attributes:
        difference: the largest, of a logit.
        agreement: share of the inputs with the same top-1 answer.
        faithful: whether the difference is within the rival's tolerance.
    """

    difference: float
    agreement: float
    faithful: bool


@torch.no_grad()
def check(rival: Rival, reference: nn.Module, inputs: Tensor) -> Answers:
    """Compare a rival's logits with those of the module that it computes.

    Args:
        rival: its `model` says which module that is.
        reference: in evaluation mode.
        inputs: (N, …), at least one.
    """
    wanted = reference(inputs).numpy()
    parts = [inputs] if rival.batched else rows(inputs)
    got = np.concatenate([np.asarray(rival.prepare(part)()) for part in parts])
    allowed = rival.tolerance * float(np.ptp(wanted))
    difference = float(np.abs(got - wanted).max())
    agreement = float((_top(got) == _top(wanted)).mean())
    return Answers(difference, agreement, difference <= allowed)  # NaN is not


def rows(inputs: Tensor) -> list[Tensor]:
    """(N, …) → N times (1, …)."""
    return [row[None] for row in inputs]


def torch_sides(network: nn.Module, twin: nn.Module, inputs: Tensor) -> Iterator[Rival]:
    """Network and float twin in torch eager, in both memory layouts where there are two.

    Args:
        network: in evaluation mode.
        twin: in evaluation mode; raced with its BatchNorms folded.
        inputs: (N, …), of which only the number of dimensions counts.
    """
    models: dict[Model, nn.Module] = {"network": network, "float twin": folded(twin)}
    for model, module in models.items():
        yield Rival("torch eager", model, _eager(module, torch.contiguous_format))
        if inputs.ndim == 4:
            last = _eager(module, torch.channels_last)
            yield Rival("torch eager, channels_last", model, last)


def folded(module: nn.Module) -> nn.Module:
    """A copy whose BatchNorms are part of the convolution or linear layer right before them.

    Others stay, and all of them do where torch.fx can't follow the forward.
    """
    module = copy.deepcopy(module).eval()
    try:
        traced = fx.symbolic_trace(module)
    except Exception:  # whatever a forward does with a symbolic tensor
        return module
    parts = dict(traced.named_modules())
    calls = Counter(node.target for node in traced.graph.nodes)
    for node in traced.graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        whole = _fused(parts[str(before.target)], parts[str(node.target)])
        if whole is not None and calls[before.target] == calls[node.target] == 1:
            _replace(traced, before, whole)
            _replace(traced, node, nn.Identity())
    return traced


def _fused(layer: nn.Module, norm: nn.Module) -> nn.Module | None:
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    if not isinstance(norm, norms) or norm.running_mean is None:
        return None
    # Exact types: a subclass may do something else with its weights.
    if type(layer) in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
        return fuse_conv_bn_eval(layer, norm)  # type: ignore[type-var]  # it takes every torch convolution
    return fuse_linear_bn_eval(layer, norm) if type(layer) is nn.Linear else None


def _replace(traced: fx.GraphModule, node: fx.Node, module: nn.Module) -> None:
    parent, _, name = str(node.target).rpartition(".")
    setattr(traced.get_submodule(parent), name, module)


def _eager(module: nn.Module, layout: torch.memory_format) -> Prepare:
    module = copy.deepcopy(module).to(memory_format=layout)  # type: ignore[call-overload]  # torch's overloads for modules lack it

    def prepare(inputs: Tensor) -> Callable[[], Any]:
        x = inputs.contiguous(memory_format=layout)
        return lambda: module(x)

    return prepare


def _top(logits: NDArray[Any]) -> NDArray[np.intp]:
    top: NDArray[np.intp] = logits.reshape(len(logits), -1).argmax(1)
    return top
