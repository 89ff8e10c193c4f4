"""BinaryNet's `Binarize`: the sign or a draw, alone or times the largest magnitude."""

from typing import Literal, get_args

import torch
from torch import Tensor

from xnorkit.binarize.ste import ESTIMATORS, with_gradient_of
from xnorkit.binarize.stochastic import stochastic_sign

QuantMode = Literal["det", "stochastic"]


def require_quant_mode(mode: str, what: str = "quant_mode") -> None:
    """Refuse what is neither of the two."""
    if mode not in get_args(QuantMode):
        raise ValueError(f"{what}={mode!r}: choose det or stochastic.")


def largest_magnitude(x: Tensor) -> Tensor:
    """max|x| as a tensor without axes and without a gradient; 1 where `x` is empty."""
    return x.detach().abs().max() if x.numel() else x.new_ones(())


def quantize_sign(
    x: Tensor,
    quant_mode: QuantMode = "det",
    allow_scale: bool = False,
    estimator: str = "ste_clip",
    generator: torch.Generator | None = None,
) -> Tensor:
    """±1, or ±max|x|: by x's sign, or by chance; the gradient is the estimator's in each case.

    Args:
        x: any shape, floating point.
        quant_mode: `det`: sign(x); `stochastic`: +1 with probability clip((x + 1)/2, 0, 1), for
            training only.
        allow_scale: times max|x|, one for the whole tensor; a draw then goes by x/max|x|. No
            gradient flows through the maximum.
        estimator: name in `ESTIMATORS`; Hubara's release has `ste_identity`.
        generator: of the draws; None is torch's global one.

    Returns:
        Shape and dtype of `x`.

    Raises:
        ValueError: an unknown `quant_mode` or `estimator`.
        TypeError: `x` is not floating point.

    Source: Hubara et al. 2016, eqs. 1 and 2; the authors' PyTorch release (`Binarize`).
    """
    require_quant_mode(quant_mode)
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator={estimator!r}: choose one of {', '.join(ESTIMATORS)}.")
    if quant_mode == "det" and not allow_scale:
        return ESTIMATORS[estimator](x)
    fixed = x.detach()
    scale = largest_magnitude(x) if allow_scale else None
    if quant_mode == "stochastic":
        values = stochastic_sign(fixed if scale is None else fixed / scale, generator)
    else:
        values = ESTIMATORS[estimator](fixed)
    return with_gradient_of(x, values if scale is None else values * scale, estimator)
