"""Elementwise steps in each channel: α, bias, BatchNorm, ReLU, hard tanh."""

from dataclasses import dataclass
from typing import ClassVar

from xnorkit.deploy.ops.op import Map, Op, Specs, Value

# What each step reads, and whether one number a channel or one for all.
STEP_FIELDS = {
    "Scale": {"scale": True},
    "Bias": {"bias": True},
    "Affine": {"scale": True, "bias": True},  # two roundings
    "AffineFused": {"scale": True, "bias": True},  # one, as by fma
    "Relu": {},
    "Clamp": {"low": False, "high": False},
}


def step_specs(steps: tuple[str, ...], channels: int) -> Specs:
    """The fields of all steps on so many channels."""
    return {
        f"{field}{index}": ("float32", (channels if of_channel else 1,))
        for index, step in enumerate(steps)
        for field, of_channel in STEP_FIELDS[step].items()
    }


@dataclass(frozen=True)
class Pointwise(Op):
    """Steps in order, each rounded to float32.

    Attributes:
        steps: keys of STEP_FIELDS; the fields of step i end in i.
    """

    steps: tuple[str, ...]

    kind: ClassVar[str] = "pointwise"

    def shape(self, values: tuple[Value, ...]) -> Map:
        """Its input's; without steps it is a copy, which may be flat."""
        where, out = self.input_map(values), self.output_map(values)
        return out if not self.steps and out.reals == where.reals else where

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """The fields of all steps."""
        return step_specs(self.steps, self.input_map(values).c)

    def cpp(self, values: tuple[Value, ...]) -> str:
        """Pointwise<map, steps…>."""
        return f"Pointwise<{', '.join([self.input_map(values).cpp(), *self.steps])}>"
