"""k-bit quantisation on [−1, 1], of which sign is the 1-bit case."""

from typing import Any

import torch
from torch import Tensor

from xnorkit.binarize.sign import inside, require_floating
from xnorkit.binarize.ste import sign

MAX_BITS = 16  # more is float: a float32 holds no finer grid that trains differently


class _QuantizeK(torch.autograd.Function):
    generate_vmap_rule = True  # and `setup_context`: torch.func (vmap, grad) asks for both

    @staticmethod
    def forward(x: Tensor, bits: int) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32)).clamp(-1, 1)
        levels = float(2**bits - 1)
        steps: Tensor = torch.round(levels * (wide + 1) / 2)
        return (steps / levels * 2 - 1).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return gradient * inside(x), None


def quantize_k(x: Tensor, bits: int) -> Tensor:
    """The nearest of 2^k evenly spaced values in [−1, 1]; gradient g·1[|x| ≤ 1].

    q_k(x) = 2·(round((2^k − 1)·(x + 1)/2)/(2^k − 1) − ½), ties to even, x clamped to [−1, 1].

    Args:
        x: any shape, floating point.
        bits: k, 1 … 16; 1 is `sign` (rounding half to even would send 0 to −1).

    Returns:
        Shape and dtype of `x`; NaN stays NaN, except at 1 bit.

    Raises:
        TypeError: `x` is not floating point.
        ValueError: `bits` out of range.

    Source: Rastegari et al. 2016, section 3.2.
    """
    require_floating(x, "quantize_k")
    if bits not in range(1, MAX_BITS + 1):
        raise ValueError(f"bits={bits}: quantize_k takes a whole number of bits, 1 … {MAX_BITS}.")
    if bits == 1:
        return sign(x)
    result: Tensor = _QuantizeK.apply(x, bits)  # type: ignore[no-untyped-call]  # torch annotates no apply
    return result
