"""What a network's first layer, over real input, is made of."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

from torch import nn

from xnorkit.binarize.binop import BINARYNET_RULE
from xnorkit.nn.conv import BinaryConv1d, BinaryConv2d
from xnorkit.nn.int8_stem import Int8Conv1d, Int8Conv2d, Int8Linear
from xnorkit.nn.linear import BinaryLinear

Stem = Literal["float", "int8", "binary"]

_INT8 = {nn.Conv1d: Int8Conv1d, nn.Conv2d: Int8Conv2d, nn.Linear: Int8Linear}
_BINARY = {nn.Conv1d: BinaryConv1d, nn.Conv2d: BinaryConv2d, nn.Linear: BinaryLinear}


def stem_class(stem: Stem, layer: type[nn.Module]) -> Callable[..., nn.Module]:
    """What makes a first layer; it takes torch's arguments.

    Args:
        stem: `float`: `layer` itself. `int8`: input and weights in 8 bits, see `Int8Layer`.
            `binary`: weights of ±1 over the real input, BinaryNet's first layer (Hubara et al.
            2016, algorithm 1 and section 2.3).
        layer: nn.Conv1d, nn.Conv2d or nn.Linear.

    Raises:
        ValueError: another stem.
    """
    kinds: dict[str, Callable[..., Any]] = {
        "float": layer,
        "int8": _INT8[layer],
        "binary": partial(_BINARY[layer], input_sign=None, weight_rule=BINARYNET_RULE),
    }
    if stem not in kinds:
        raise ValueError(f"network.stem={stem!r}: choose {', '.join(get_args(Stem))}.")
    return kinds[stem]
