"""Real values → sign bits, each channel with its threshold."""

from dataclasses import dataclass
from typing import ClassVar

from xnorkit.deploy.ops.op import Op, Specs, Value


@dataclass(frozen=True)
class Threshold(Op):
    """bit = (x < threshold) ≠ flip; 1 is −1."""

    kind: ClassVar[str] = "threshold"
    gives = ("bits",)

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """Threshold and flip, one a channel."""
        channels = (self.input_map(values).c,)
        return {"threshold": ("float32", channels), "flip": ("uint8", channels)}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """Threshold<map>."""
        return f"Threshold<{self.input_map(values).cpp()}>"
