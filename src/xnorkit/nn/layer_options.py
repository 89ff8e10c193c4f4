"""Options of a binary layer: what there is to choose, and what can't be combined."""

import warnings
from typing import Literal, get_args

from torch import Tensor

from xnorkit.binarize.binop import MAX_LAYER_BITS, WeightRule, has_one_input_channel
from xnorkit.binarize.kbit import Range, require_bits
from xnorkit.binarize.quant_mode import require_quant_mode
from xnorkit.binarize.ste import ESTIMATORS

InputScale = Literal["none", "map", "tensor", "batch", "max"]

MAX_EXACT = 2**24  # beyond it float32 can't hold every integer


def check_input(input_sign: str | None, input_scale: str, bits: int, range_: str) -> None:
    """Refuse options of the input that are unknown or can't be combined; warn of a batch's scale.

    Raises:
        ValueError: with the value and the way out.
    """
    if input_sign is not None and input_sign not in ESTIMATORS:
        raise ValueError(
            f"input_sign={input_sign!r}: choose one of {', '.join(ESTIMATORS)}, "
            "or None for a real input."
        )
    if input_scale not in get_args(InputScale):
        raise ValueError(
            f"input_scale={input_scale!r}: choose one of {', '.join(get_args(InputScale))}."
        )
    if range_ not in get_args(Range):
        raise ValueError(f"input_range={range_!r}: choose one of {', '.join(get_args(Range))}.")
    require_bits(bits, "an input has", MAX_LAYER_BITS)
    if input_sign != "ste_clip" and (bits, range_) != (1, "signed"):
        raise ValueError(
            f"input_sign={input_sign!r} with input_bits={bits}, input_range={range_!r}: "
            "only one signed bit has a choice of gradients. Use input_sign='ste_clip'."
        )
    _check_scale(input_sign, input_scale, range_)


def _check_scale(input_sign: str | None, input_scale: str, range_: str) -> None:
    if input_scale != "none" and (input_sign is None or range_ == "unit"):
        found = "input_range='unit'" if input_sign is not None else "input_sign=None"
        raise ValueError(
            f"input_scale={input_scale!r} with {found}: such an input has no scale to "
            "restore. Use input_scale='none'."
        )
    if input_scale in ("batch", "max"):
        warnings.warn(
            f"input_scale={input_scale!r} takes one number of the whole batch: an answer depends "
            "on the samples beside it, and no engine can give it. input_scale='tensor' has one a "
            "sample.",
            stacklevel=5,
        )


def check_draws_and_drops(
    mode: str, dropout: float, input_sign: str | None, bits: int, range_: str
) -> None:
    """Refuse an unknown mode, a draw of what is no sign, and a share of dropout that is none.

    Raises:
        ValueError: with the value and the way out.
    """
    require_quant_mode(mode, "input_quant_mode")
    if mode == "stochastic" and (input_sign is None or (bits, range_) != (1, "signed")):
        raise ValueError(
            f"input_quant_mode='stochastic' with input_sign={input_sign!r}, input_bits={bits}, "
            f"input_range={range_!r}: only a sign can be drawn. Use input_quant_mode='det'."
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"input_dropout={dropout}: choose a share in [0, 1).")


def check_weight(weight: Tensor, rule: WeightRule, input_sign: str | None) -> None:
    """Refuse a rule that is none and filters too long to be exact; warn of one input channel.

    Raises:
        TypeError: `rule` is no WeightRule.
        ValueError: sums that float32 can't hold.
    """
    if not isinstance(rule, WeightRule):
        raise TypeError(
            f"weight_rule={rule!r}: give a xnorkit.binarize.WeightRule, or None for XNOR-Net's."
        )
    if weight.numel() == 0:
        return
    terms = weight[0].numel()
    if input_sign is not None and terms >= MAX_EXACT:
        raise ValueError(
            f"{terms} inputs a filter: sums of {MAX_EXACT} and more terms are not exact in "
            "float32. Use groups or a smaller kernel."
        )
    if rule.centre and has_one_input_channel(weight):
        warnings.warn(
            f"weight of shape {tuple(weight.shape)}: with one input channel a filter "
            "centred over channels would be all 0. It is not centred; "
            "WeightRule(centre=False) says so.",
            stacklevel=4,
        )
