"""A learning rate for each binary layer: the optimiser's, times its Glorot coefficient.

Latent weights live in [−1, 1] whatever the width of their layer; a wide layer's would hardly move
at the rate that suits float weights.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from xnorkit.nn import BinaryLayer

LR_SCALES = ("none", "glorot", "glorot_squared")
_FACTOR = "lr_factor"  # in a parameter group


def glorot_coefficient(weight: Tensor) -> float:
    """√((fan in + fan out)/1.5), the inverse of the coefficient of Glorot's initialisation.

    Args:
        weight: (C_out, C_in, …) of a linear layer or convolution.

    Source: Courbariaux et al. 2015 (BinaryConnect), section 2.5; `W_LR_scale` in the authors'
    Theano release.
    """
    taps = math.prod(weight.shape[2:])
    return math.sqrt((weight.shape[0] + weight.shape[1]) * taps / 1.5)


def require_lr_scale(lr_scale: str) -> None:
    """Refuse what is none of `LR_SCALES`."""
    if lr_scale not in LR_SCALES:
        raise ValueError(f"task.lr_scale={lr_scale}: choose one of {', '.join(LR_SCALES)}.")


def scaled_optimizer(
    make: Callable[[Any], Optimizer], module: nn.Module, lr_scale: str = "none"
) -> Optimizer:
    """The optimiser, in which each binary weight has its learning rate times a factor.

    Args:
        make: takes parameters or groups of them.
        module: its trainable parameters are optimised.
        lr_scale: `none`: one rate; `glorot`: times `glorot_coefficient`, for Adam;
            `glorot_squared`: times its square, for SGD.
    """
    if lr_scale == "none":
        return make(p for p in module.parameters() if p.requires_grad)
    optimizer = make(_groups(module, 2 if lr_scale == "glorot_squared" else 1))
    for group in optimizer.param_groups:
        group["lr"] *= group[_FACTOR]
    return optimizer


def _groups(module: nn.Module, power: int) -> list[dict[str, Any]]:
    """Parameters that share a factor, those without one first."""
    factors = {
        id(weight): glorot_coefficient(weight) ** power for weight in _binary_weights(module)
    }
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for parameter in module.parameters():
        if parameter.requires_grad:
            groups.setdefault(factors.get(id(parameter), 1.0), []).append(parameter)
    return [{"params": params, _FACTOR: factor} for factor, params in groups.items() if params]


def _binary_weights(module: nn.Module) -> Iterable[Tensor]:
    return (layer.weight for layer in module.modules() if isinstance(layer, BinaryLayer))
