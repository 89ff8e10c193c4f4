"""Elementwise torch modules → the steps of a Pointwise op, with torch's very roundings.

What torch's eval BatchNorm computes on a CPU, read in its source and measured (2.13, x86):
α = γ·(1/√(var + ε)), β = b − mean·α, y = x·α + β, all in float32. With ATEN_CPU_CAPABILITY avx2
and avx512 the compiler contracts β and y to one rounding each (fma), with `default` it does not.
Contiguous, channels_last and (N, C) tensors give the same bits, in the vector body and in the tail,
on maps of 1×1 and with N = 1. Only a tensor with gaps or with permuted axes (a slice, a transpose)
goes another way, ((x − mean)·(1/√(var + ε)))·γ + b; no layer or pool of torch or xnorkit returns
one. So which steps there are follows from the modules' types and from one probe of the machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from xnorkit.deploy.channelwise import ChannelBias, ChannelScale
from xnorkit.deploy.fold import DROPOUTS, NORMS, FoldError, require_foldable

Floats = NDArray[np.float32]

_GRID = 2**17  # integers: a second at 64 channels


@dataclass(frozen=True)
class Step:
    """One elementwise operation, rounded to float32.

    Attributes:
        name: Scale x·a; Bias x + b; Affine x·a + b in two roundings; AffineFused in one; Relu
            x < 0 ? 0 : x; Clamp x < low ? low : x > high ? high : x. (−0.0 and NaN pass both, as
            in torch.)
        fields: its numbers: `scale` and `bias` (C,), `low` and `high` (1,), float32.
    """

    name: str
    fields: dict[str, Tensor]


@dataclass(frozen=True)
class _Rule:
    kinds: tuple[type[nn.Module], ...]
    name: Callable[[], str | None]
    fields: Callable[[Any], dict[str, Tensor]] = lambda _: {}


def is_elementwise(module: nn.Module) -> bool:
    """Whether a module has steps, be they none."""
    return any(isinstance(module, rule.kinds) for rule in _RULES)


def step_names(module: nn.Module) -> tuple[str, ...]:
    """Names of the steps that a module becomes; none for one that does nothing in evaluation.

    They depend on its type and on the machine, never on its numbers.

    Raises:
        FoldError: a module that has no steps.
    """
    name = _rule(module).name()
    return () if name is None else (name,)


def chain_steps(modules: Sequence[nn.Module], where: str = "") -> list[Step]:
    """The steps of modules in evaluation mode, in order.

    Args:
        modules: BatchNorm1d, BatchNorm2d, ReLU, ReLU6, Hardtanh, Identity, Dropout, ChannelScale,
            ChannelBias.
        where: path of the first in the network, for errors.

    Raises:
        FoldError: a module that has no steps, or that `require_foldable` refuses; a BatchNorm
            whose α or β is not finite.
    """
    steps = []
    for module in modules:
        require_foldable(module, where)
        fields = _rule(module).fields(module)
        steps += [Step(name, fields) for name in step_names(module)]
    for step in steps:
        for field, numbers in step.fields.items():
            _require_finite(numbers, f"{step.name}.{field}", where)
    return steps


def evaluate_steps(steps: Sequence[Step], x: Floats) -> Floats:
    """What the engine makes of x (N, C, …), in numpy; equal to torch bit for bit."""
    with np.errstate(all="ignore"):
        for step in steps:
            numbers = {field: _broadcast(value, x.ndim) for field, value in step.fields.items()}
            x = _FORMULAS[step.name](x, **numbers)
    return x


def first_departure(
    modules: Sequence[nn.Module], channels: int, largest: int, dims: int = 2
) -> str | None:
    """Where the steps of modules give another float than torch on a grid of integers.

    Args:
        modules: as `chain_steps` takes them.
        channels: C.
        largest: of the sums' magnitude: all integers −largest…largest are compared in all channels,
            or, where they are more than 2^17, so many evenly spread ones.
        dims: axes after the channels: 0, 1 or 2.

    Returns:
        The first channel and sum whose floats differ in a bit, with both; None: there is none.

    Raises:
        FoldError: as `chain_steps`.
    """
    steps = chain_steps(modules)
    integers = torch.arange(-largest, largest + 1, 1 + 2 * largest // _GRID)
    for part in torch.split(integers, max(1, 2**18 // channels)):
        x = part.float().reshape(-1, *(1,) * (dims + 1)).repeat(1, channels, *(1,) * dims)
        ours = evaluate_steps(steps, x.numpy())
        with torch.no_grad():
            torchs = nn.Sequential(*modules)(x.clone()).numpy()  # an inplace ReLU writes into it
        same = (ours.view(np.int32) == torchs.view(np.int32)) | (np.isnan(ours) & np.isnan(torchs))
        if not same.all():
            place = tuple(np.argwhere(~same)[0])
            return (
                f"channel {place[1]}, sum {int(x.numpy()[place])}: torch gives {torchs[place]!s}, "
                f"{' ► '.join(step.name for step in steps)} {ours[place]!s}"
            )
    return None


@cache
def batch_norm_is_fused() -> bool:
    """Whether torch's eval BatchNorm rounds x·α + β once here, probed once a process.

    With x = α = 1 + 2^-23 and β = −(1 + 2^-22), x·α + β is 2^-46, and 0 if x·α is rounded first.

    Raises:
        FoldError: memory formats or positions differ; then steps can't be torch's everywhere.
    """
    step, channels = 2**-23, 35  # 35: vectors of 8 and 16 and a tail, as an axis and as a map
    maps = (
        torch.empty(2, channels, 5, 7, dtype=torch.float32),
        torch.empty(2, channels, 5, 7, dtype=torch.float32).to(memory_format=torch.channels_last),
        torch.empty(2, channels, dtype=torch.float32),
    )
    ones = torch.ones(channels, dtype=torch.float32)
    zeros = torch.zeros_like(ones)
    found: set[float] = set()
    for x in maps:
        y = F.batch_norm(
            x.fill_(1 + step), zeros, ones, ones * (1 + step), ones * -(1 + 2 * step), eps=0.0
        )
        found.update(y.flatten().tolist())
    if found not in ({0.0}, {step**2}):
        raise FoldError(
            f"BatchNorm of torch {torch.__version__} rounds differently in different layouts: "
            f"{sorted(found)}. Set ATEN_CPU_CAPABILITY=avx2, or train without an engine: "
            "deploy=none."
        )
    return found == {step**2}


def _rule(module: nn.Module) -> _Rule:
    for rule in _RULES:
        if isinstance(module, rule.kinds):
            return rule
    known = ", ".join(kind.__name__ for rule in _RULES for kind in rule.kinds)
    raise FoldError(
        f"{type(module).__name__} has no elementwise step; known are {known}. Use one of them, or "
        "train without an engine: deploy=none."
    )


def _affine(norm: Any) -> dict[str, Tensor]:
    """α and β as torch computes them, read off its own outputs."""
    variance = norm.running_var
    zeros = torch.zeros_like(variance)
    with torch.no_grad():
        one = torch.ones_like(variance)[None]
        scale = F.batch_norm(one, zeros, variance, norm.weight, None, eps=norm.eps)[0]
        if norm.weight is not None:
            scale = scale.copysign(norm.weight)  # a zero's sign is lost in 1·α + 0
        # x·α is −0.0 here, which leaves β as it is, −0.0 included.
        x = zeros.copysign(-scale)[None]
        bias = F.batch_norm(x, norm.running_mean, variance, norm.weight, norm.bias, eps=norm.eps)[0]
    return {"scale": scale, "bias": bias}


def _limits(clamp: Any) -> dict[str, Tensor]:
    limits = torch.tensor([clamp.min_val, clamp.max_val], dtype=torch.float64)
    largest = torch.finfo(torch.float32).max  # an infinite limit is none; model.xnor holds none
    limits = limits.clamp(-largest, largest).float()
    return {"low": limits[:1], "high": limits[1:]}


_RULES = (
    _Rule((nn.Identity, *DROPOUTS), lambda: None),
    _Rule((nn.ReLU,), lambda: "Relu"),
    _Rule((nn.Hardtanh,), lambda: "Clamp", _limits),  # ReLU6 is one
    _Rule((ChannelScale,), lambda: "Scale", lambda module: {"scale": module.scale}),
    _Rule((ChannelBias,), lambda: "Bias", lambda module: {"bias": module.bias}),
    _Rule(NORMS, lambda: "AffineFused" if batch_norm_is_fused() else "Affine", _affine),
)


def _require_finite(numbers: Tensor, name: str, where: str) -> None:
    wrong = (~numbers.isfinite()).nonzero()
    if len(wrong):
        raise FoldError(
            f"{where or 'steps'}: {name} of channel {int(wrong[0])} is "
            f"{float(numbers[int(wrong[0])])}: its BatchNorm overflows. Deploy an earlier "
            "checkpoint, or train without an engine: deploy=none."
        )


def _broadcast(numbers: Tensor, rank: int) -> Floats:
    return numbers.numpy().reshape(-1, *(1,) * (rank - 2))


def _fma(x: Floats, scale: Floats, bias: Floats) -> Floats:
    """x·scale + bias in one rounding.

    float64 holds the product exactly. Its sum with the bias is rounded to odd: rounding that to
    float32 then gives the float32 nearest to the exact sum, as 53 ≥ 24 + 2 bits.
    """
    product, addend = x.astype(np.float64) * scale, bias.astype(np.float64)
    total = product + addend
    back = total - product
    error = (product - (total - back)) + (addend - back)  # exact: Knuth's two-sum
    bits = total.view(np.int64)
    inexact_even = (error != 0) & np.isfinite(total) & (bits & 1 == 0)
    outwards = np.where((error > 0) == (total > 0), 1, -1)
    return np.where(inexact_even, bits + outwards, bits).view(np.float64).astype(np.float32)


_FORMULAS: dict[str, Callable[..., Floats]] = {
    "Scale": lambda x, scale: x * scale,
    "Bias": lambda x, bias: x + bias,
    "Affine": lambda x, scale, bias: x * scale + bias,
    "AffineFused": _fma,
    "Relu": lambda x: np.where(x < 0, np.float32(0), x),
    "Clamp": lambda x, low, high: np.where(x < low, low, np.where(x > high, high, x)),
}
