"""Elementwise modules before a sign → one threshold a channel, found by running torch on them.

bit = (value < threshold) ≠ flip, and a bit is 1 exactly where torch's output is < 0. Nothing is
derived from γ, β, mean and variance: the modules are evaluated, so the threshold has every
rounding of the torch build and CPU capability that folds. That thresholds found on (G, C, 1, 1)
hold in each layout in which a network runs is what `steps.py` says and probes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xnorkit.nn.layer_options import MAX_EXACT

Function = Callable[[Tensor], Tensor]

INT32 = torch.iinfo(torch.int32)

_CHUNK = 2**20  # elements a call: 4 MiB, and the few copies that modules make of them
_LARGEST = 0x7F7FFFFF  # bits of the largest finite float32
_TRUSTED = (127 + 64) << 23  # bits of 2^64: beyond it a chain may overflow, and inf·0 is NaN
_SAMPLE = 8193  # points over all floats: 16 in each power of two
_NEIGHBOURS = 1000  # floats on each side of a switch that are compared one by one

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d)


class FoldError(ValueError):
    """What can't be folded; the message says where, what was found, and the way out."""


@dataclass(frozen=True)
class Thresholds:
    """Sign bits by comparison.

    Attributes:
        threshold: (C,), int32 for integer values and float32 for real ones. A channel that never
            switches has the lowest value there is (int32's lowest, −inf) for +1, the highest for
            −1.
        flip: (C,) uint8, 1 where the output falls as the value rises.
    """

    threshold: Tensor
    flip: Tensor

    def bits(self, values: Tensor) -> Tensor:
        """Values (…, C) → bool like them, True where the sign is −1."""
        return (values < self.threshold) != self.flip.bool()


def integer_thresholds(
    function: Function, channels: int, low: int, high: int, dims: int = 2, where: str = ""
) -> Thresholds:
    """Thresholds of the sign of a function of integers, from its value at every one of them.

    Args:
        function: elementwise in each channel, (G, C, 1, …) → the same shape; modules in eval mode.
        channels: C.
        low: smallest integer; zero padding makes all of −K…K possible, not only those of K's
            parity.
        high: largest integer.
        dims: axes after the channels: 0, 1 or 2.
        where: path of the layer in the network, for errors.

    Returns:
        int32 thresholds, exact for every integer low…high.

    Raises:
        FoldError: the sign switches more than once, an output is NaN, `require_foldable` refuses
            the function, or float32 does not hold the integers.
    """
    if not -MAX_EXACT <= low <= high <= MAX_EXACT:
        raise FoldError(
            f"{_at(where)}sums from {low} to {high}: give low ≤ high, within ±2^24 (float32)."
        )
    require_foldable(function, where)
    first = _bits(
        function, torch.full((1, channels), float(low), dtype=torch.float32), dims, where
    )[0]
    switches = []
    rows = max(1, _CHUNK // channels)
    for start in range(low, max(high, low + 1), rows):
        integers = torch.arange(start, min(start + rows, high) + 1)  # chunks overlap by one
        bits = _bits(function, integers.float()[:, None].expand(-1, channels), dims, where)
        row, of = (bits[1:] != bits[:-1]).nonzero(as_tuple=True)
        switches.append(torch.stack([integers[row + 1], of]))
    value, channel = torch.cat(switches, 1)
    _require_one_switch(value, channel, channels, where)
    threshold = torch.where(first, INT32.max, INT32.min)
    threshold[channel] = value
    return Thresholds(threshold.to(torch.int32), _flips(first, channel))


def real_thresholds(
    function: Function, channels: int, dims: int = 2, where: str = ""
) -> Thresholds:
    """Thresholds of the sign of a function of real values, by bisection over ordered floats.

    The 2^32 − 2^24 finite floats, in order, are numbered; 32 evaluations find the float at which
    the sign switches. The result is compared with torch on 8193 floats from end to end, on the
    1000 floats on each side of the switch, and on −0.0. Where a chain overflows to NaN beyond
    2^64, only what lies within is looked at.

    Args:
        function: elementwise in each channel, (G, C, 1, …) → the same shape; modules in eval mode.
        channels: C.
        dims: axes after the channels: 0, 1 or 2.
        where: path of the sign in the network, for errors.

    Returns:
        float32 thresholds; −inf and inf where the sign never switches.

    Raises:
        FoldError: as `integer_thresholds`.
    """
    require_foldable(function, where)

    def bits_at(keys: Tensor) -> Tensor:
        return _bits(function, _float_of(keys), dims, where)

    low, high = (_end(function, channels, dims, sign, where) for sign in (-1, 1))
    first = bits_at(low[None])[0]
    (switching,) = (bits_at(high[None])[0] != first).nonzero(as_tuple=True)
    switch = _bisect(bits_at, low, high, first)
    infinite = torch.full((channels,), torch.inf, dtype=torch.float32)
    threshold = torch.where(first, infinite, -infinite)
    threshold[switching] = _float_of(switch)[switching]
    found = Thresholds(threshold, _flips(first, switching))
    for values in _sample(low, high, switch):
        _require_agreement(found, values, _bits(function, values, dims, where), where)
    return found


def pool_mask(after: Function, channels: int, dims: int = 2, where: str = "") -> Tensor:
    """How a max-pool acts on the sign bits of what comes after it: 0 is AND, 1 is OR.

    Proof. Let u_i be the values under a window, b(u) = (u < t) ≠ flip the bit of the function
    after the pool, so that b(u_i) are the bits there are and b(max u_i) the bit there should be.
    flip = 0: max u_i < t exactly if every u_i < t, so b(max u_i) = AND b(u_i).
    flip = 1: max u_i ≥ t exactly if some u_i ≥ t, so b(max u_i) = OR b(u_i).
    A constant b is either. torch's border is −inf and never the maximum, nor does a window lie
    wholly in it: taps outside the map are left out on both sides. Nothing is asked of what comes
    before the pool; of several pools each takes the mask of all that follows it. A pool right
    before the sign has b(u) = (u < 0): AND.

    Args:
        after: all modules between the pool and the sign; as `real_thresholds` takes them.
        channels: C.
        dims: axes after the channels: 0, 1 or 2.
        where: path of the pool in the network, for errors.

    Returns:
        uint8 (C,).

    Raises:
        FoldError: as `real_thresholds`.
    """
    return real_thresholds(after, channels, dims, where).flip


def require_foldable(function: Function, where: str = "") -> None:
    """Refuse what has no fixed function of one value, and numbers that are none.

    Args:
        function: looked at if it is a module.
        where: its path in the network, for errors.

    Raises:
        FoldError: a parameter or buffer that is not finite or not float32, a BatchNorm without
            running statistics, a BatchNorm or dropout in training mode.
    """
    if not isinstance(function, nn.Module):
        return
    for name, module in function.named_modules():
        path = _join(where, name)
        if isinstance(module, (*NORMS, *DROPOUTS)) and module.training:
            raise FoldError(f"{_at(path)}{type(module).__name__} is in training mode. Call eval().")
        if isinstance(module, NORMS) and module.running_mean is None:
            raise FoldError(
                f"{_at(path)}{type(module).__name__}(track_running_stats=False) takes its "
                "statistics from the batch. Use track_running_stats=True."
            )
    for name, numbers in (*function.named_parameters(), *function.named_buffers()):
        if numbers.is_floating_point():
            _require_finite(numbers.detach(), _join(where, name))


def _require_finite(numbers: Tensor, path: str) -> None:
    if numbers.dtype != torch.float32:
        raise FoldError(f"{path} is {numbers.dtype}: an engine computes in float32. Call float().")
    wrong = (~numbers.isfinite()).flatten().nonzero()
    if len(wrong):
        place = int(wrong[0])
        raise FoldError(
            f"{path}[{place}] is {float(numbers.flatten()[place])}: training diverged. "
            "Deploy an earlier checkpoint, or train again with a lower learning rate."
        )


def _evaluate(function: Function, values: Tensor, dims: int, where: str) -> Tensor:
    """The function's output at values (G, C), like them."""
    # A copy: it is dense, and an inplace ReLU may write into it.
    x = values.clone(memory_format=torch.contiguous_format).reshape(*values.shape, *(1,) * dims)
    with torch.no_grad():
        y = function(x)
    if y.shape != x.shape:
        raise FoldError(
            f"{_at(where)}{tuple(x.shape)} became {tuple(y.shape)}: before a sign only "
            "elementwise modules can be folded."
        )
    return y.reshape(values.shape)


def _bits(function: Function, values: Tensor, dims: int, where: str) -> Tensor:
    y = _evaluate(function, values, dims, where)
    wrong = y.isnan().nonzero()
    if len(wrong):
        row, channel = wrong[0].tolist()
        raise FoldError(
            f"{_at(where)}channel {channel} gives NaN for {float(values[row, channel]):g}: its "
            "numbers overflow. Deploy an earlier checkpoint, or train without an engine: "
            "deploy=none."
        )
    return y < 0


def _flips(first: Tensor, switching: Tensor) -> Tensor:
    """1 where a channel that switches begins with +1."""
    flip = torch.zeros(len(first), dtype=torch.uint8)
    flip[switching] = (~first[switching]).to(torch.uint8)
    return flip


def _require_one_switch(value: Tensor, channel: Tensor, channels: int, where: str) -> None:
    worst = (torch.bincount(channel, minlength=channels) > 1).nonzero()
    if len(worst):
        found = value[channel == int(worst[0])].tolist()
        shown = ", ".join(map(str, found[:4])) + (", …" if len(found) > 4 else "")
        raise FoldError(_not_monotone(where, int(worst[0]), f"at {shown}"))


def _require_agreement(found: Thresholds, values: Tensor, bits: Tensor, where: str) -> None:
    wrong = (found.bits(values) != bits).nonzero()
    if len(wrong):
        row, channel = wrong[0].tolist()
        switch, value = float(found.threshold[channel]), float(values[row, channel])
        known = "" if switch in (-torch.inf, torch.inf) else f"at {switch:g} and "
        raise FoldError(_not_monotone(where, channel, f"{known}near {value:g}"))


def _not_monotone(where: str, channel: int, places: str) -> str:
    return (
        f"{_at(where)}channel {channel}: the sign switches more than once, {places}, so it is not "
        "that of one threshold. Use modules that only rise or only fall, or train without an "
        "engine: deploy=none."
    )


def _float_of(keys: Tensor) -> Tensor:
    """The key-th float32 in ascending order, ±0 being the 0th: int64 → float32."""
    return torch.where(keys >= 0, keys, -keys - 2**31).to(torch.int32).view(torch.float32)


def _end(function: Function, channels: int, dims: int, sign: int, where: str) -> Tensor:
    """Key of the outermost float on one side that is looked at, (C,)."""
    keys = torch.full((channels,), sign * _LARGEST)
    overflows = _evaluate(function, _float_of(keys)[None], dims, where)[0].isnan()
    return torch.where(overflows, sign * _TRUSTED, keys)


def _bisect(bits_at: Function, low: Tensor, high: Tensor, first: Tensor) -> Tensor:
    """Key of the first float whose bit is not that at `low`; `high` if there is none."""
    while int((high - low).max()) > 1:
        middle = (low + high) >> 1
        same = bits_at(middle[None])[0] == first
        low, high = torch.where(same, middle, low), torch.where(same, high, middle)
    return high


def _sample(low: Tensor, high: Tensor, switch: Tensor) -> Iterator[Tensor]:
    """Floats (G, C) on which a threshold is compared with torch, in chunks."""
    dense = torch.linspace(-_LARGEST, _LARGEST, _SAMPLE, dtype=torch.float64).long()
    near = torch.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    rows = max(1, _CHUNK // len(low))
    for around, offsets in ((torch.zeros_like(low), dense), (switch, near)):
        for part in torch.split(offsets, rows):
            yield _float_of((part[:, None] + around).clamp(low, high))
    yield torch.full((1, len(low)), -0.0, dtype=torch.float32)


def _join(*names: str) -> str:
    return ".".join(name for name in names if name)


def _at(where: str) -> str:
    return f"{where}: " if where else ""
