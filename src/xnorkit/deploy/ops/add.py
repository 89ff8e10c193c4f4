"""The sum of two real maps: a shortcut."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from xnorkit.deploy.ops.op import Op, Specs, Value
from xnorkit.deploy.unsupported import Unsupported

if TYPE_CHECKING:
    from xnorkit.deploy.stream import Builder, Stream


@dataclass(frozen=True)
class Add(Op):
    """IEEE addition is exact in torch's order: a + b has one rounding and is commutative."""

    kind: ClassVar[str] = "add"
    takes = (("real",), ("real",))

    def fits(self, values: tuple[Value, ...]) -> bool:
        """So, and both are of one shape."""
        return super().fits(values) and len({values[index].map for index in self.inputs}) == 1

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """None."""
        return {}

    def cpp(self, values: tuple[Value, ...]) -> str:
        """Add<map>."""
        return f"Add<{self.input_map(values).cpp()}>"


def lower(builder: "Builder", left: "Stream", right: "Stream", path: str) -> "Stream":
    """The sum of two streams of one shape."""
    if left.flat != right.flat:  # one has been through what sees a vector: then both must be one
        left, right = (builder.as_vector(one) if one.flat else one for one in (left, right))
    if left.shape != right.shape or left.map != right.map:
        raise Unsupported(path, f"a sum of {left.shape} and {right.shape}; shapes must be equal.")
    if not _same_order(left.order, right.order):
        raise Unsupported(
            path, "a sum of a flattened map and a vector, which an engine stores in other orders. "
            "Add before flattening."
        )  # fmt: skip
    out = Value("real", left.map)
    index = builder.emit(Add, path, [builder.as_real(left), builder.as_real(right)], out)
    return replace(left, source=index, source_dims=left.dims, pending=())


def _same_order(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))
