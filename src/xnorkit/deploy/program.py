"""A network as a flat list of typed ops; what model.xnor says beside the numbers.

The program follows from the config alone. Its numbers are tensors named `<op>.<field>`, whose
dtypes and shapes it knows, so the size of model.xnor is known before training.
"""

from dataclasses import asdict, dataclass
from typing import Any

from xnorkit.deploy.ops import OPS, Map, Op, Value, Window

Spec = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Program:
    """Ops in the order in which they run; value 0 is the input, the last op's output the result.

    Attributes:
        values: what flows between ops.
        ops: each writes one value.
        input_shape: of one sample as torch has it, (C, H, W), (C, L) or (C,).
        output_shape: of one sample as torch has it.
    """

    values: tuple[Value, ...]
    ops: tuple[Op, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    @property
    def output(self) -> int:
        """Index of the result."""
        return self.ops[-1].output if self.ops else 0

    def tensor_specs(self) -> dict[str, Spec]:
        """Name → dtype's numpy name and shape of every number that the program needs."""
        return {
            f"{op.name}.{field}": spec
            for op in self.ops
            for field, spec in op.tensors(self.values).items()
        }

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {
            "input_shape": list(self.input_shape),
            "output_shape": list(self.output_shape),
            "values": [{"kind": value.kind, **asdict(value.map)} for value in self.values],
            "ops": [{"op": op.kind, **asdict(op)} for op in self.ops],
        }

    @classmethod
    def from_json(cls, node: dict[str, Any]) -> "Program":
        """The program of a file.

        Raises:
            ValueError: an op or an argument that this version does not know.
        """
        try:
            return cls(
                tuple(_value(value) for value in node["values"]),
                tuple(_op(op) for op in node["ops"]),
                tuple(node["input_shape"]),
                tuple(node["output_shape"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"the program has something unknown: {error}. Deploy again.") from None


def _value(node: dict[str, Any]) -> Value:
    return Value(node["kind"], Map(node["h"], node["w"], node["c"]))


def _op(node: dict[str, Any]) -> Op:
    arguments = dict(node)
    kind = {op.kind: op for op in OPS}[arguments.pop("op")]
    if "window" in arguments:
        arguments["window"] = Window(**arguments["window"])
    tuples = {k: tuple(v) for k, v in arguments.items() if isinstance(v, list)}
    return kind(**{**arguments, **tuples})
