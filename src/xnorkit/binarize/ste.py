r"""Estimators of sign's gradient. All give the same ±1; they differ in what flows back.

| name | gradient for incoming g | who |
| --- | --- | --- |
| `ste_clip` | g·1[\|x\| ≤ 1] | BinaryNet's hard tanh, XNOR-Net. Begin here |
| `ste_identity` | g | Hubara's PyTorch release |
| `ste_approx` | g·2(1 − \|x\|)·1[\|x\| ≤ 1] | Bi-Real Net: the derivative of a piecewise parabola |
| `ste_swish` | g·β(2 − βx·tanh(βx/2))/(1 + cosh βx), β = 5 | BNN+, Darabi et al. |
| `ste_clamp_grad` | clamp(g, −1, 1) | a variant found in public XNOR code |

At x = NaN the value is +1; the first, third and fourth then let no gradient through.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xnorkit.binarize.function import applied
from xnorkit.binarize.sign import inside, require_floating, sign_values

SWISH_BETA = 5.0  # Darabi et al. 2018, section 3.1


def _identity(x: Tensor, gradient: Tensor) -> Tensor:
    # A new tensor: the caller may go on to write into the one that came in.
    return gradient.clone()


def _clip(x: Tensor, gradient: Tensor) -> Tensor:
    return gradient * inside(x)


def _approx(x: Tensor, gradient: Tensor) -> Tensor:
    return gradient * (2 - 2 * x.abs().nan_to_num(nan=1.0)).clamp(min=0)


def _swish(x: Tensor, gradient: Tensor) -> Tensor:
    # 1/(1 + cosh z) = 2σ(z)σ(−z), which can't overflow; past |z| = 1000 it is 0 in every dtype.
    z = (SWISH_BETA * x).clamp(-1000, 1000).nan_to_num(nan=1000.0)
    bell = 2 * torch.sigmoid(z) * torch.sigmoid(-z)
    return gradient * (SWISH_BETA * (2 - z * torch.tanh(z / 2)) * bell)


def _clamp_grad(x: Tensor, gradient: Tensor) -> Tensor:
    return gradient.clamp(-1, 1)


_GRADIENTS = {
    "ste_clip": _clip,
    "ste_identity": _identity,
    "ste_approx": _approx,
    "ste_swish": _swish,
    "ste_clamp_grad": _clamp_grad,
}


class _Sign(torch.autograd.Function):
    generate_vmap_rule = True  # and `setup_context`: torch.func (vmap, grad) asks for both

    @staticmethod
    def forward(x: Tensor, name: str) -> Tensor:
        return sign_values(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, str], output: Tensor) -> None:
        x, ctx.name = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return _GRADIENTS[ctx.name](x, gradient), None


def _sign(x: Tensor, name: str) -> Tensor:
    require_floating(x, name)
    return applied(_Sign, x, name)


class _Values(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, values: Tensor, name: str) -> Tensor:
        return values.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, str], output: Tensor) -> None:
        x, _, ctx.name = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return _GRADIENTS[ctx.name](x, gradient), None, None


def with_gradient_of(x: Tensor, values: Tensor, estimator: str) -> Tensor:
    """`values`, with the gradient for x that an estimator of `ESTIMATORS` has.

    Args:
        x: any shape, floating point.
        values: like `x`; no gradient flows to them.
        estimator: its name.
    """
    return applied(_Values, x, values, estimator)


def ste_clip(x: Tensor) -> Tensor:
    """±1 by the sign rule; gradient g·1[|x| ≤ 1].

    Args:
        x: any shape, floating point.

    Returns:
        ±1, shape and dtype of `x`.

    Raises:
        TypeError: `x` is not floating point.

    Source: Hubara et al. 2016, eq. 4.
    """
    return _sign(x, "ste_clip")


def ste_identity(x: Tensor) -> Tensor:
    """±1 by the sign rule; gradient g, everywhere. Arguments and errors as `ste_clip`.

    Source: Bengio et al. 2013; Hubara's PyTorch release.
    """
    return _sign(x, "ste_identity")


def ste_approx(x: Tensor) -> Tensor:
    """±1 by the sign rule; gradient g·2(1 − |x|) on [−1, 1]. Arguments and errors as `ste_clip`.

    Source: Liu et al. 2018 (Bi-Real Net), section 3.3.
    """
    return _sign(x, "ste_approx")


def ste_swish(x: Tensor) -> Tensor:
    """±1 by the sign rule; gradient of SignSwish with β = 5. Arguments and errors as `ste_clip`.

    Source: Darabi et al. 2018 (BNN+), eq. 6.
    """
    return _sign(x, "ste_swish")


def ste_clamp_grad(x: Tensor) -> Tensor:
    """±1 by the sign rule; gradient clamp(g, −1, 1). Arguments and errors as `ste_clip`."""
    return _sign(x, "ste_clamp_grad")


sign = ste_clip  # the default of every layer

ESTIMATORS: dict[str, Callable[[Tensor], Tensor]] = {
    "ste_clip": ste_clip,
    "ste_identity": ste_identity,
    "ste_approx": ste_approx,
    "ste_swish": ste_swish,
    "ste_clamp_grad": ste_clamp_grad,
}
