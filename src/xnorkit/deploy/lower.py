"""Network → Program: torch.fx's graph of the evaluation module, walked once.

A module that the engine can't compute is refused with its path, before anything is trained.
"""

import keyword
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from xnorkit.deploy import fold, steps
from xnorkit.deploy.ops import add, is_layer, rule_of
from xnorkit.deploy.ops.binary_conv2d import BinaryStep
from xnorkit.deploy.ops.op import Map, is_name
from xnorkit.deploy.program import Program
from xnorkit.deploy.stream import Builder, Numbers, Stream
from xnorkit.deploy.trace import SHAPE, evaluated, place_of, traced, without_hooks
from xnorkit.deploy.unsupported import Unsupported

_CPU = torch.device("cpu")  # as a context: a default device of the user's is not ours

SUPPORTED = (
    "binary layers, Conv1d/2d, Linear, BatchNorm1d/2d, ReLU, ReLU6, Hardtanh, MaxPool1d/2d, "
    "AvgPool1d/2d, AdaptiveAvgPool1d/2d, Flatten, Dropout, Identity, a sum of two maps; as "
    "functions relu, flatten(x, 1) and +, all else as modules: AdaptiveAvgPool2d(1) for a mean, "
    "Flatten for a view"
)


@dataclass(frozen=True)
class Lowered:
    """A program and where its numbers come from.

    Attributes:
        program: what the config alone determines.
        numbers: for each op, a function that gives its tensors from the trained modules.
        network: the evaluation module, on the CPU in float32.
        binary: the layers of it that became binary convolutions, in order.
        checks: op that makes floats of integer sums → `steps.first_departure` of it.
        unordered: names of ops that torch may sum in another order: adaptive average pools.
    """

    program: Program
    numbers: dict[str, Numbers]
    network: nn.Module
    binary: tuple[BinaryStep, ...]
    checks: dict[str, Callable[[], str | None]]
    unordered: frozenset[str]

    def tensors(self) -> dict[str, Tensor]:
        """All of the program's numbers: thresholds folded, weights packed.

        Raises:
            FoldError: a parameter is NaN or infinite, or a channel is not monotone.
        """
        fold.require_foldable(self.network)  # names a damaged parameter by its full path
        with _CPU:
            return {
                f"{op.name}.{field}": value.contiguous()
                for op in self.program.ops
                for field, value in self.numbers[op.name]().items()
            }

    def departures(self) -> dict[str, str]:
        """Ops that make other floats of integer sums than torch → the first such sum.

        None, as long as torch's BatchNorm rounds in one of the two ways that `steps` knows.
        """
        with _CPU:
            found = {name: check() for name, check in self.checks.items()}
        return {name: sentence for name, sentence in found.items() if sentence is not None}


def lower(network: nn.Module, example: Tensor) -> Lowered:
    """The program of a network in evaluation mode.

    Args:
        network: module of one tensor, trained or not; its training flag is not looked at.
        example: what it takes, (N, C, H, W), (N, C, L) or (N, C); its shape alone counts.

    Raises:
        Unsupported: with the path of the module and the way out.
    """
    if not isinstance(example, Tensor):
        raise Unsupported("", f"an example of type {type(example).__name__}; give it a tensor.")
    shape = tuple(example.shape[1:])
    where = _input_map(shape)
    with _CPU:
        network = without_hooks(evaluated(network), shape)
        _refuse_names(path for path, _ in network.named_modules())
        builder, output_shape = _Walker(traced(network, shape, is_layer), where).walk()
    program = builder.program(shape, output_shape)
    _refuse_names(op.name for op in program.ops)
    return Lowered(
        program, builder.numbers, network, tuple(builder.binary), builder.checks,
        frozenset(builder.unordered),
    )  # fmt: skip


def _refuse_names(names: Iterable[str]) -> None:
    for name in names:
        if not is_name(name):
            raise Unsupported(
                f"{name[:80]!r}", "a module's name stands in C++, so it has no quote, backslash or "
                "control character, no )json, and 512 characters at the most."
            )  # fmt: skip
        if any(map(keyword.iskeyword, name.split("."))):
            raise Unsupported(name, "a word of Python, which torch.fx can't take for a name.")


class _Walker:
    def __init__(self, graph: fx.GraphModule, where: Map) -> None:
        self.graph, self.where = graph, where
        self.builder = Builder(where)
        self.streams: dict[fx.Node, Stream] = {}

    def walk(self) -> tuple[Builder, tuple[int, ...]]:
        *nodes, output = self.graph.graph.nodes
        for node in nodes:
            stream = self._lowered(node)
            if (1, *stream.shape) != node.meta[SHAPE]:
                raise Unsupported(
                    place_of(node), f"torch makes {node.meta[SHAPE]} there, an engine "
                    f"{(1, *stream.shape)}."
                )  # fmt: skip
            self.streams[node] = self.builder.settled(stream) if len(node.users) > 1 else stream
        return self._finish(output)

    def _finish(self, node: fx.Node) -> tuple[Builder, tuple[int, ...]]:
        [result] = node.args
        if not isinstance(result, fx.Node):
            raise Unsupported("", f"it returns {result}; an engine returns one tensor.")
        stream = self.streams[result]
        if stream.order is not None:
            raise Unsupported("", "it ends in an elementwise module after a flattened map.")
        self.builder.finish(stream)
        return self.builder, stream.shape

    def _lowered(self, node: fx.Node) -> Stream:
        if node.op == "placeholder":
            dims = len(node.meta[SHAPE]) - 2
            return Stream(0, self.where, dims, dims)
        if node.op == "call_module":
            path = str(node.target)
            module = self.graph.get_submodule(path)
            return self._module(self._input(node, path), module, path)
        if node.op == "get_attr":
            raise Unsupported(
                str(node.target), "forward uses this tensor itself; an engine has layers' numbers."
            )
        return self._function(node)

    def _input(self, node: fx.Node, path: str) -> Stream:
        arguments = [a for a in (*node.args, *node.kwargs.values()) if isinstance(a, fx.Node)]
        if len(arguments) != 1:
            raise Unsupported(path, "it takes several inputs; one is supported.")
        return self.streams[arguments[0]]

    def _module(self, stream: Stream, module: nn.Module, path: str) -> Stream:
        rule = rule_of(module)
        if rule is not None:
            lowered: Stream = rule(self.builder, stream, module, path)
            return lowered
        if isinstance(module, nn.Flatten):
            return _flattened(stream, module, path)
        if not steps.is_elementwise(module):
            raise Unsupported(
                path, f"{type(module).__name__} has no engine op. Supported are {SUPPORTED}."
            )
        if stream.flat and isinstance(module, fold.NORMS):
            stream = self.builder.as_vector(stream)
        return stream.then(path, module)

    def _function(self, node: fx.Node) -> Stream:
        name, nodes = node.name, node.all_input_nodes
        module = _as_module(node)
        if module is not None:
            return self._module(self.streams[nodes[0]], module, name)
        if node.target in _SUMS and node.kwargs.keys() <= {"input", "other"}:
            terms: list[Any] = [*node.args, *node.kwargs.values()]
            if [type(term) for term in terms] == [fx.Node, fx.Node]:
                left, right = (self.streams[term] for term in terms)
                return add.lower(self.builder, left, right, name)
        raise Unsupported(name, f"{_called(node)} has no engine op. Supported are {SUPPORTED}.")


_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
_RELUS = (torch.relu, F.relu, "relu", "relu_")


def _as_module(node: fx.Node) -> nn.Module | None:
    """The module that does what a function of one tensor does."""
    if len(node.all_input_nodes) != 1:
        return None
    if node.target in _RELUS:
        return nn.ReLU()
    if node.target in (torch.flatten, "flatten"):
        axes: dict[str, Any] = dict(zip(("start_dim", "end_dim"), node.args[1:], strict=False))
        axes |= {
            name: node.kwargs[name] for name in ("start_dim", "end_dim") if name in node.kwargs
        }
        return nn.Flatten(**{"start_dim": 0, **axes})
    return None


def _called(node: fx.Node) -> str:
    """A call as it might be written."""
    target: Any = node.target
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    given = [*map(str, node.args), *(f"{key}={value}" for key, value in node.kwargs.items())]
    return f"{name}({', '.join(given)})"


def _flattened(stream: Stream, module: nn.Flatten, path: str) -> Stream:
    rank = len(stream.shape) + 1
    if (module.start_dim % rank, module.end_dim % rank) != (1, rank - 1):
        raise Unsupported(path, f"{module}; flattening all but the batch is supported.")
    return stream if stream.dims == 0 else replace(stream, dims=0, flat=True)


def _input_map(shape: tuple[int, ...]) -> Map:
    if len(shape) == 3:
        return Map(shape[1], shape[2], shape[0])
    if len(shape) == 2:
        return Map(1, shape[1], shape[0])
    if len(shape) == 1:
        return Map(1, 1, shape[0])
    raise Unsupported(
        "", f"an input of shape (N, {', '.join(map(str, shape))}); (N, C, H, W), (N, C, L) and "
        "(N, C) are supported."
    )  # fmt: skip
