"""Random draws from counters: (seed, epoch, index, purpose) → the same numbers, always.

Nothing here keeps state, so what a sample meets in an epoch does not depend on the batch it is
in, on workers, on the device or on where a resumed run began.

Source: splitmix64, Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
"""

import hashlib

import torch
from torch import Tensor

_GAMMA = 0x9E3779B97F4A7C15 - 2**64  # the same 64 bits as a signed number, as torch wants it
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift: torch's own keeps the sign."""
    mask: int = 2 ** (64 - bits) - 1
    return (x >> bits) & mask


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift_right(x, 30)) * _MIX_1
    x = (x ^ _shift_right(x, 27)) * _MIX_2
    return x ^ _shift_right(x, 31)


def _word(*parts: int | str) -> int:
    """A signed 64-bit number that stands for `parts`."""
    text = "/".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)


def key(seed: int, epoch: int, index: Tensor, purpose: str) -> Tensor:
    """One 64-bit key for each index.

    Args:
        seed: the run's seed.
        epoch: counted from 0.
        index: int64, any shape: the sample's place in its data set.
        purpose: what the draw is for; different purposes are independent.

    Returns:
        int64, shape of `index`.
    """
    return _mix(_mix(index * _GAMMA + _word(seed, epoch, purpose)))


def uniform(keys: Tensor, purpose: str, count: int = 1) -> Tensor:
    """Uniform numbers in [0, 1), `count` for each key.

    Args:
        keys: int64 (N,), on any device.
        purpose: what the draw is for; different purposes are independent.
        count: how many numbers a key gives.

    Returns:
        float64 (N, count), on the keys' device.
    """
    steps = torch.arange(1, count + 1, device=keys.device, dtype=torch.int64) * _GAMMA
    bits = _mix(_mix(keys ^ _word(purpose))[:, None] + steps)
    return _shift_right(bits, 11).to(torch.float64) * 2.0**-53


def permutation(seed: int, epoch: int, length: int, purpose: str) -> Tensor:
    """A permutation of 0 … length−1 as int64 (length,)."""
    keys = key(seed, epoch, torch.arange(length, dtype=torch.int64), purpose)
    return torch.argsort(keys, stable=True)
