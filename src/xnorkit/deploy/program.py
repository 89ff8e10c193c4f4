"""A network as a flat list of typed ops; what model.xnor says beside the numbers.

The program follows from the config alone. Its numbers are tensors named `<op>.<field>`, whose
dtypes and shapes it knows, so the size of model.xnor is known before training.
"""

import re
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from xnorkit.deploy.ops import OPS, Map, Op, Value, Window
from xnorkit.deploy.ops.op import Specs, is_name
from xnorkit.deploy.xnor_file import XnorFile, XnorFileError

FEATURES = "features."  # begins the names of tensors that no op has: the front end's statistics

# What a program says becomes C++: in a file from anywhere, only this may, and names.
_WORD = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)  # op, kind, steps


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

    def tensor_specs(self) -> Specs:
        """Name → dtype's numpy name and shape of every number that the program needs."""
        return {
            f"{op.name}.{field}": spec
            for op in self.ops
            for field, spec in op.tensors(self.values).items()
        }

    def misfit(self) -> str | None:
        """The first op whose C++ would read or write what is not there; None: there is none.

        Its values are of the shapes and kinds that follow from its arguments.
        """
        if self.values[0].map.reals != prod(self.input_shape):
            return "input"
        there = range(len(self.values))
        for op in self.ops:
            known = all(index in there for index in (*op.inputs, op.output))
            if not known or not op.fits(self.values):
                return op.name
        last = self.values[self.output]
        return (
            None if (last.kind, last.map.reals) == ("real", prod(self.output_shape)) else "output"
        )

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


def program_of(file: XnorFile, where: str) -> Program:
    """The program of a file whose tensors are those that it needs.

    Args:
        file: that was found whole; by whomever it was written.
        where: what it is called in errors.

    Raises:
        XnorFileError: the program is more than names and numbers or has something unknown, or a
            tensor is missing, too many, or of another type or shape.
    """
    _refuse_code(file.metadata.program, where)
    try:
        program = Program.from_json(file.metadata.program)
        specs, misfit = program.tensor_specs(), program.misfit()
    except (ValueError, LookupError, ArithmeticError, TypeError, AttributeError) as error:
        raise XnorFileError(f"{where}: its program is none ({error!r}). Deploy again.") from None
    if misfit is not None:
        raise XnorFileError(
            f"{where}: {misfit} of its program does not fit the rest. Deploy again."
        )
    found: Specs = {name: (array.dtype.name, array.shape) for name, array in file.tensors.items()}
    for name in sorted(specs.keys() | found.keys()):
        other = name.startswith(FEATURES) and name not in specs
        if not other and specs.get(name) != found.get(name):
            raise XnorFileError(
                f"{where}: its program has {_told(specs.get(name))} for {name}, its data have "
                f"{_told(found.get(name))}. Write it again from the checkpoint: "
                "xnorkit-deploy CKPT."
            )
    return program


def _told(spec: tuple[str, tuple[int, ...]] | None) -> str:
    return "nothing" if spec is None else f"{spec[0]} of shape {spec[1]}"


def _refuse_code(program: Any, where: str) -> None:
    """Refuse what would be more in the generated C++ than names and numbers."""
    nodes: list[tuple[str, Any]] = [("", program)]
    while nodes:
        key, node = nodes.pop()
        if isinstance(node, dict):
            nodes.extend(node.items())
        elif isinstance(node, list):
            nodes.extend((key, item) for item in node)
        elif isinstance(node, str):
            if not (is_name(node) if key == "name" else _WORD.fullmatch(node)):
                raise XnorFileError(
                    f"{where}: its program has {key}={node!r}, which no C++ is made from. "
                    "Rename that module, or don't trust the file."
                )
        elif not isinstance(node, int):
            raise XnorFileError(f"{where}: its program has {key}={node!r}, which no program has.")
