"""How an engine and torch agree: what was counted, and what of it is refused."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

TIE = 1e-4  # torch's two best logits are nearer: either answer is right
EXACT_LOGITS = 1e-4  # the head alone is float
FLOAT_LOGITS = 1e-3  # all of it is float
AGREEMENT = 0.998  # where exactness ends before the head


class DisagreementError(ValueError):
    """The engine does not give torch's answers; the message names where they part."""


@dataclass
class LayerCheck:
    """One binary layer.

    Attributes:
        path: in the network.
        exact: whether its input is torch's to the bit, by construction.
        outputs: how many outputs were compared.
        wrong_alone: of them, how many differ given torch's own input bits.
        inputs: how many of them were compared.
        wrong_in_whole: of them, how many differ when the engine computes all before it too.
        inputs_are: `bits`, or `codes` of several.
    """

    path: str
    exact: bool
    outputs: int = 0
    wrong_alone: int = 0
    inputs: int = 0
    wrong_in_whole: int = 0
    inputs_are: str = "bits"


@dataclass
class Validation:
    """What was compared, and how it came out.

    Attributes:
        layers: the binary layers, in order.
        exact_until: op from which on the engine has a tolerance; None: none has.
        samples: inputs seen.
        agreeing: same top-1 answer, ties left out.
        ties: torch's two best logits nearer than TIE.
        torch_correct: right answers of torch, where labels were given.
        engine_correct: right answers of the engine.
        flipped: samples where a bit that reaches a binary layer is not torch's.
        largest_difference: of a logit.
        largest_alike: of a logit in the other samples: there no flipped sign explains it.
        confusion: (classes, classes) counts of the engine's answers, rows are labels.
    """

    layers: list[LayerCheck]
    exact_until: str | None
    samples: int = 0
    agreeing: int = 0
    ties: int = 0
    torch_correct: int = 0
    engine_correct: int = 0
    flipped: int = 0
    largest_difference: float = 0.0
    largest_alike: float = 0.0
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    @property
    def agreement(self) -> float:
        """Share of the samples without ties that have torch's answer."""
        decided = self.samples - self.ties
        return self.agreeing / decided if decided else 1.0

    @property
    def exact(self) -> bool:
        """Whether every bit before the head is torch's by construction."""
        return bool(self.layers) and all(layer.exact for layer in self.layers)

    def lines(self) -> list[str]:
        """What a terminal shows."""
        rows = [
            f"{layer.path}: {layer.wrong_alone} of {layer.outputs:,} outputs differ given torch's "
            f"input, {layer.wrong_in_whole} of {layer.inputs:,} input {layer.inputs_are} in the "
            "whole"
            for layer in self.layers
        ]
        until = self.exact_until
        exact = "exact up to the head" if until is None else f"exact before {until}"
        return [
            *rows,
            f"{exact}; top-1 agreement {self.agreement:.4f} on {self.samples} samples "
            f"({self.ties} ties), largest difference of a logit {self.largest_difference:.2g}",
        ]


def refuse_wrong_bits(found: Validation) -> None:
    """Raise DisagreementError for the first binary layer that differs where it may not."""
    for check in found.layers:
        if check.wrong_alone:
            raise DisagreementError(
                f"{check.path}: {check.wrong_alone} of {check.outputs:,} outputs of the engine "
                f"differ from torch's, given the same input {check.inputs_are}. The engine of this "
                "network is wrong: please report it with the checkpoint; deploy=none trains "
                "without."
            )
    for check in found.layers:
        if check.exact and check.wrong_in_whole:
            raise DisagreementError(
                f"{check.path}: {check.wrong_in_whole} of {check.inputs:,} input "
                f"{check.inputs_are} of the engine differ from torch's, the first layer where "
                "they do."
            )


def refuse_wrong_answers(found: Validation) -> None:
    """Raise DisagreementError for answers or logits outside tolerance."""
    wanted = 1.0 if found.exact else AGREEMENT
    if found.agreement < wanted:
        raise DisagreementError(
            f"top-1 agreement {found.agreement:.4f} with torch; at least {wanted} is required."
        )
    largest = EXACT_LOGITS if found.exact else FLOAT_LOGITS
    if not found.largest_alike <= largest:
        raise DisagreementError(
            f"logits differ from torch's by up to {found.largest_alike:.2g} where all signs are "
            f"torch's; at most {largest} is allowed."
        )
