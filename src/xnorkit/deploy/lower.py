"""Network → Program: torch.fx's graph of the evaluation module, walked once.

A module that the engine can't compute is refused with its path, before anything is trained.
"""

import copy
import keyword
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from xnorkit.deploy import fold, steps
from xnorkit.deploy.ops import add, rule_of
from xnorkit.deploy.ops.op import Map, is_name
from xnorkit.deploy.program import Program
from xnorkit.deploy.stream import BinaryStep, Builder, Numbers, Stream
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryLayer

SUPPORTED = (
    "binary layers, Conv1d/2d, Linear, BatchNorm1d/2d, ReLU, ReLU6, Hardtanh, MaxPool1d/2d, "
    "AvgPool1d/2d, AdaptiveAvgPool1d/2d, Flatten, Dropout, Identity, a sum of two maps"
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
    """

    program: Program
    numbers: dict[str, Numbers]
    network: nn.Module
    binary: tuple[BinaryStep, ...]
    checks: dict[str, Callable[[], str | None]]

    def tensors(self) -> dict[str, Tensor]:
        """All of the program's numbers: thresholds folded, weights packed.

        Raises:
            FoldError: a parameter is NaN or infinite, or a channel is not monotone.
        """
        fold.require_foldable(self.network)  # names a damaged parameter by its full path
        return {
            f"{op.name}.{field}": value.contiguous()
            for op in self.program.ops
            for field, value in self.numbers[op.name]().items()
        }

    def departures(self) -> dict[str, str]:
        """Ops that make other floats of integer sums than torch → the first such sum.

        None, as long as torch's BatchNorm rounds in one of the two ways that `steps` knows.
        """
        found = {name: check() for name, check in self.checks.items()}
        return {name: sentence for name, sentence in found.items() if sentence is not None}


def lower(network: nn.Module, example: Tensor) -> Lowered:
    """The program of a network in evaluation mode.

    Args:
        network: module of one tensor, trained or not; its training flag is not looked at.
        example: what it takes, (1, C, H, W), (1, C, L) or (1, C); its shape alone
            counts.

    Raises:
        Unsupported: with the path of the module and the way out.
    """
    network = copy.deepcopy(network).cpu().float().eval()  # neither flags nor weights change here
    _refuse_norms_of_batches(network)
    _refuse_names(path for path, _ in network.named_modules())
    graph = _traced(network)
    with torch.no_grad():
        ShapeProp(graph).propagate(example.float())
    builder, shape = _Walker(graph, tuple(example.shape[1:])).walk()
    program = builder.program(example.shape[1:], shape)
    _refuse_names(op.name for op in program.ops)
    return Lowered(program, builder.numbers, network, tuple(builder.binary), builder.checks)


def _refuse_norms_of_batches(network: nn.Module) -> None:
    for path, module in network.named_modules():
        if isinstance(module, fold.NORMS) and module.running_mean is None:
            raise Unsupported(path, "track_running_stats=False takes statistics from the batch.")


def _refuse_names(names: Iterable[str]) -> None:
    for name in names:
        if not is_name(name):
            raise Unsupported(
                f"{name[:80]!r}", "a module's name stands in C++, so it has no quote, backslash or "
                "control character, no )json, and 512 characters at the most."
            )  # fmt: skip
        if any(map(keyword.iskeyword, name.split("."))):
            raise Unsupported(name, "a word of Python, which torch.fx can't take for a name.")


class _Tracer(fx.Tracer):
    """Every layer is a leaf; containers and users' own modules are looked into."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return (
            isinstance(m, BinaryLayer)
            or rule_of(m) is not None
            or super().is_leaf_module(m, module_qualified_name)
        )


def _traced(network: nn.Module) -> fx.GraphModule:
    whole: nn.Module = network
    if _Tracer().is_leaf_module(network, "") or not list(network.children()):
        whole = nn.Sequential(network)  # a layer alone
    try:
        return fx.GraphModule(whole, _Tracer().trace(whole))
    except Exception as error:  # whatever the user's forward does with a symbolic tensor
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Unsupported(
            "", f"torch.fx can't follow its forward ({reason}); the engine needs one without "
            "branches on values."
        ) from error  # fmt: skip


class _Walker:
    def __init__(self, graph: fx.GraphModule, shape: tuple[int, ...]) -> None:
        self.graph, self.shape = graph, shape
        self.streams: dict[fx.Node, Stream] = {}

    def walk(self) -> tuple[Builder, tuple[int, ...]]:
        where = _input_map(self.shape)
        self.builder = Builder(where)
        for node in self.graph.graph.nodes:
            if node.op == "placeholder":
                self._place(node, where)
            elif node.op == "output":
                return self._finish(node)
            else:
                stream = self._lowered(node)
                self.streams[node] = self.builder.settled(stream) if len(node.users) > 1 else stream
        raise Unsupported("", "it has no output.")

    def _place(self, node: fx.Node, where: Map) -> None:
        if self.streams:
            raise Unsupported("", f"a second input, {node.name}; the engine takes one.")
        dims = len(self.shape) - 1
        self.streams[node] = Stream(0, where, dims, dims)

    def _finish(self, node: fx.Node) -> tuple[Builder, tuple[int, ...]]:
        [result] = node.args
        if not isinstance(result, fx.Node):
            raise Unsupported("", "it returns several values; the engine returns one tensor.")
        stream = self.streams[result]
        if stream.order is not None:
            raise Unsupported("", "it ends in an elementwise module after a flattened map.")
        self.builder.finish(stream)
        return self.builder, tuple(result.meta["tensor_meta"].shape[1:])

    def _lowered(self, node: fx.Node) -> Stream:
        if node.op == "call_module":
            path = str(node.target)
            module = self.graph.get_submodule(path)
            return self._module(self._input(node, path), module, path)
        if node.op == "get_attr":
            raise Unsupported(str(node.target), "a tensor used by itself in forward.")
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
        name = node.name
        nodes = [a for a in node.args if isinstance(a, fx.Node)]
        if node.target in _SUMS and len(nodes) == 2 and not node.kwargs:
            left, right = (self.streams[n] for n in nodes)
            return add.lower(self.builder, left, right, name)
        module = _as_module(node)
        if module is None or len(nodes) != 1:
            raise Unsupported(name, f"{_called(node)} has no engine op. Supported are {SUPPORTED}.")
        return self._module(self.streams[nodes[0]], module, name)


_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
_RELUS = (torch.relu, F.relu, "relu", "relu_")


def _as_module(node: fx.Node) -> nn.Module | None:
    """The module that does what a function does."""
    if node.target in _RELUS:
        return nn.ReLU()
    if node.target in (torch.flatten, "flatten"):
        numbers = [*node.args[1:], *node.kwargs.values()]
        return nn.Flatten() if numbers in ([1], [1, -1]) else None
    return None


def _called(node: fx.Node) -> str:
    target: Any = node.target
    return str(target if isinstance(target, str) else getattr(target, "__name__", target))


def _flattened(stream: Stream, module: nn.Flatten, path: str) -> Stream:
    if module.start_dim != 1 or module.end_dim not in (-1, stream.dims + 1):
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
