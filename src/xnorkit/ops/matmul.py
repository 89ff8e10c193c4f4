"""Products of packed signs: xnor_gemm (bits → integers), xnor_linear (real rows → floats)."""

import ctypes
from math import prod

import torch
from torch import Tensor

from xnorkit.ops.kernels import (
    OpError,
    isa,
    library,
    require_cpu,
    require_done,
    require_threads,
    threads_of,
)
from xnorkit.ops.signs import RANGES, require_packed, require_signed

MOST_EXACT = 2**24  # float32 holds every integer up to it
_MOST_COUNTED = 2**31 - 64  # int32 holds it, whole words too

torch.library.define(
    "xnorkit::xnor_gemm", "(Tensor a, Tensor b, SymInt k, int? threads=None) -> Tensor"
)
torch.library.define(
    "xnorkit::xnor_linear",
    "(Tensor x, Tensor weight, Tensor? scale=None, Tensor? bias=None, int? threads=None) -> Tensor",
)


def xnor_gemm(a: Tensor, b: Tensor, k: int, *, threads: int | None = None) -> Tensor:
    """Dot products of rows of ±1, as bits: a·bᵀ = k − 2·popcount(a xor b).

    Args:
        a: (…, M, ⌈k/8⌉) or (⌈k/8⌉,), uint8 of `pack_bits`, on the CPU.
        b: (N, ⌈k/8⌉), likewise.
        k: true length of a row, at most 2³¹ − 64; bits after it are not looked at.
        threads: among which the work is shared out at most; by default torch's.

    Returns:
        (…, M, N) or (N,), int32, in −k … k and of k's parity. It has no gradient.

    Raises:
        OpError: another dtype, device or shape.
    """
    y: Tensor = torch.ops.xnorkit.xnor_gemm(a, b, k, threads)
    return y


def xnor_linear(
    x: Tensor,
    weight: Tensor,
    scale: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    threads: int | None = None,
) -> Tensor:
    """sign(x)·signsᵀ·scale + bias, the product exact, then two roundings as torch has them.

    Args:
        x: (…, K), floating point, signed integers or bool (True is −1), on the CPU; its signs are
            packed on the way. K at most 2²⁴.
        weight: (N, ⌈K/8⌉), uint8: `pack_bits` of a weight (N, K).
        scale: (N,) or (1,), float32, e.g. XNOR-Net's α; None: 1.
        bias: (N,), float32; None: 0.
        threads: among which the work is shared out at most; by default torch's.

    Returns:
        (…, N), float32. Its backward raises: train with `xnorkit.nn.BinaryLinear`, pack afterwards.

    Raises:
        OpError: another dtype, device or shape.
    """
    y: Tensor = torch.ops.xnorkit.xnor_linear(x, weight, scale, bias, threads)
    return y


def require_factors(scale: Tensor | None, bias: Tensor | None, weight: Tensor) -> None:
    """Refuse a scale or bias that does not belong to these filters."""
    filters = weight.shape[0]
    for name, values, shapes in (
        ("scale", scale, ((filters,), (1,))),
        ("bias", bias, ((filters,),)),
    ):
        if values is None:
            continue
        require_cpu(name, values, weight)
        if values.dtype != torch.float32 or tuple(values.shape) not in shapes:
            raise OpError(
                f"{name} is {values.dtype} of shape {tuple(values.shape)}: the {filters} filters "
                f"take float32 of shape {' or '.join(map(str, shapes))}."
            )


def per_filter(values: Tensor | None, filters: int) -> Tensor | None:
    """One number a filter, side by side in memory."""
    return None if values is None else values.expand(filters).contiguous()


def address(values: Tensor | None) -> int | None:
    """Of the first element; None is C's null."""
    return None if values is None else values.data_ptr()


def no_gradient(name: str, layer: str) -> None:
    """Make an op's backward a sentence."""

    def backward(*_: object) -> None:
        raise RuntimeError(
            f"xnorkit.ops.{name} has no gradient: bits have none. Train with xnorkit.nn.{layer} "
            "and pack afterwards, or call it under torch.no_grad()."
        )

    torch.library.register_autograd(f"xnorkit::{name}", backward)


def _gemm_like(a: Tensor, b: Tensor, k: int, threads: int | None = None) -> Tensor:
    require_cpu("a", a)
    require_cpu("b", b, a)
    require_packed("a", a, k)
    require_packed("b", b, k)
    require_threads(threads)
    if b.dim() != 2:
        raise OpError(f"b has shape {tuple(b.shape)}: give it two axes, (N, {b.shape[-1]}).")
    if k > _MOST_COUNTED:
        raise OpError(f"k={k}: int32 counts to {_MOST_COUNTED}. Add up products of pieces.")
    return a.new_empty((*a.shape[:-1], b.shape[0]), dtype=torch.int32)


def _gemm(a: Tensor, b: Tensor, k: int, threads: int | None = None) -> Tensor:
    y = _gemm_like(a, b, k, threads)
    a, b = a.contiguous(), b.contiguous()
    done = library().xnor_gemm(
        isa(), a.data_ptr(), prod(a.shape[:-1]), b.data_ptr(), b.shape[0], k, y.data_ptr(),
        threads_of(threads),
    )  # fmt: skip
    require_done(done)
    return y


def _linear_like(
    x: Tensor, weight: Tensor, scale: Tensor | None = None, bias: Tensor | None = None,
    threads: int | None = None,
) -> Tensor:  # fmt: skip
    require_cpu("x", x)
    require_cpu("weight", weight, x)
    require_signed("x", x)
    require_threads(threads)
    if x.dim() == 0:
        raise OpError("x has no axis of features. Give it one: x.reshape(1).")
    if x.shape[-1] > MOST_EXACT:
        raise OpError(f"x has {x.shape[-1]} features: float32 sums are exact to {MOST_EXACT}.")
    require_packed("weight", weight, x.shape[-1])
    if weight.dim() != 2:
        raise OpError(f"weight has shape {tuple(weight.shape)}: give (N, {weight.shape[-1]}).")
    require_factors(scale, bias, weight)
    return x.new_empty((*x.shape[:-1], weight.shape[0]), dtype=torch.float32)


def _linear(
    x: Tensor, weight: Tensor, scale: Tensor | None = None, bias: Tensor | None = None,
    threads: int | None = None,
) -> Tensor:  # fmt: skip
    y = _linear_like(x, weight, scale, bias, threads)
    filters = weight.shape[0]
    x, weight = x.contiguous(), weight.contiguous()
    scale, bias = per_filter(scale, filters), per_filter(bias, filters)
    done = library().xnor_linear(
        isa(), x.data_ptr(), ctypes.byref(RANGES[x.dtype]), prod(x.shape[:-1]), weight.data_ptr(),
        filters, x.shape[-1], address(scale), address(bias), y.data_ptr(), threads_of(threads),
    )  # fmt: skip
    require_done(done)
    return y


torch.library.impl("xnorkit::xnor_gemm", "CompositeExplicitAutograd", _gemm)
torch.library.impl("xnorkit::xnor_linear", "CompositeExplicitAutograd", _linear)
torch.library.register_fake("xnorkit::xnor_gemm", _gemm_like)
torch.library.register_fake("xnorkit::xnor_linear", _linear_like)
no_gradient("xnor_linear", "BinaryLinear")
