"""k-bit quantisation: of [−1, 1], where sign is the 1-bit case, and of [0, 1].

With M = 2^k − 1 and u = 0 … M, a value stands for a whole number, its code:

| function | values | code | u | who |
| --- | --- | --- | --- | --- |
| `quantize_k` | (2u − M)/M | 2u − M, odd | round(M·(x + 1)/2) | XNOR-Net |
| `quantize_unit` | u/M | u | round(M·x) | DoReFa-Net |

Ties go to even, x is clamped first. An odd code is a sum of ±2^j, 0 ≤ j < k, in one way: so an
engine splits it into k planes of ±1.
"""

from typing import Any, Literal

import torch
from torch import Tensor

from xnorkit.binarize.function import applied
from xnorkit.binarize.sign import inside, require_floating
from xnorkit.binarize.ste import sign

Range = Literal["signed", "unit"]  # [−1, 1] or [0, 1]

MAX_BITS = 16  # more is float: a float32 holds no finer grid that trains differently


class _Quantize(torch.autograd.Function):
    generate_vmap_rule = True  # and `setup_context`: torch.func (vmap, grad) asks for both

    @staticmethod
    def forward(x: Tensor, bits: int, of: Range, as_codes: bool) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        levels = float(2**bits - 1)
        if of == "unit":
            codes = torch.round(levels * wide.clamp(0, 1))
        else:
            codes = 2 * torch.round(levels * (wide.clamp(-1, 1) + 1) / 2) - levels
        return (codes if as_codes else codes / levels).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, Range, bool], output: Tensor) -> None:
        x, bits, ctx.of, as_codes = inputs
        ctx.save_for_backward(x)
        ctx.factor = 2**bits - 1 if as_codes else 1

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (x,) = ctx.saved_tensors
        mask = inside(x) if ctx.of == "signed" else ((x >= 0) & (x <= 1)).to(x.dtype)
        return gradient * mask * ctx.factor, None, None, None


def _quantize(x: Tensor, bits: int, of: Range, as_codes: bool, function: str) -> Tensor:
    require_floating(x, function)
    require_bits(bits, f"{function} takes")
    return applied(_Quantize, x, bits, of, as_codes)


def require_bits(bits: int, who: str, most: int = MAX_BITS) -> None:
    """Refuse a number of bits that is not 1 … `most`."""
    if bits not in range(1, most + 1):
        raise ValueError(f"bits={bits}: {who} a whole number of bits, 1 … {most}.")


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
    if bits == 1:
        require_floating(x, "quantize_k")
        return sign(x)
    return _quantize(x, bits, "signed", False, "quantize_k")


def quantize_unit(x: Tensor, bits: int) -> Tensor:
    """The nearest of 2^k evenly spaced values in [0, 1]; gradient g·1[0 ≤ x ≤ 1].

    round((2^k − 1)·x)/(2^k − 1), ties to even, x clamped to [0, 1]; with one bit 1 where x > ½.

    Args:
        x: any shape, floating point.
        bits: k, 1 … 16.

    Returns:
        Shape and dtype of `x`; NaN stays NaN.

    Raises:
        TypeError: `x` is not floating point.
        ValueError: `bits` out of range.

    Source: Zhou et al. 2016 (DoReFa-Net), eqs. 5 and 11.
    """
    return _quantize(x, bits, "unit", False, "quantize_unit")


def level_codes(x: Tensor, bits: int, of: Range = "signed") -> Tensor:
    """The whole numbers that `quantize_k` or `quantize_unit` stand for: value · (2^k − 1).

    Args:
        x: any shape, floating point; in bfloat16 up to 8 bits are exact.
        bits: k, 1 … 16.
        of: `signed`: codes are odd, within ±(2^k − 1); `unit`: 0 … 2^k − 1.

    Returns:
        Shape and dtype of `x`; the gradient is the value's times 2^k − 1.

    Raises:
        TypeError: `x` is not floating point.
        ValueError: `bits` out of range.
    """
    if of == "signed" and bits == 1:
        return quantize_k(x, 1)
    return _quantize(x, bits, of, True, "level_codes")
