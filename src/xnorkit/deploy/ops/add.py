"""The sum of two real maps: a shortcut."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

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
    if left.map != right.map or left.flat != right.flat:
        raise Unsupported(path, f"a sum of {left.map} and {right.map}; shapes must be equal.")
    out = Value("real", left.map)
    index = builder.emit(Add, path, [builder.as_real(left), builder.as_real(right)], out)
    return left.at(index, left.map, left.dims)
