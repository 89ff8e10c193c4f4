"""Module → torch.fx graph of what its evaluation computes, with the shape of every node.

What the graph would not say is refused here: hooks that change numbers, tensors that are
overwritten while others still read them, weights that are not the layer's own.
"""

import copy
import operator
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.parameter import is_lazy

from xnorkit.deploy.fold import DROPOUTS, NORMS
from xnorkit.deploy.unsupported import Unsupported

SHAPE = "shape"  # in a node's meta: of its tensor, None where it gives something else

_SAMPLES = 8  # random ones, on which a network with hooks is compared with one without
_VIEWS = (nn.Identity, nn.Flatten, *DROPOUTS)  # in evaluation they return their input's memory


def evaluated(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode, on the CPU, in float32; neither flags nor weights change here.

    Its weights are contiguous, as torch makes them: channels_last, in which training is faster, has
    other roundings of float convolutions.

    Raises:
        Unsupported: its numbers are not there, not its own, or can't be copied.
    """
    whole: Any = getattr(network, "_orig_mod", network)  # torch.compile wraps it
    if not isinstance(whole, nn.Module):
        raise Unsupported("", f"a {type(whole).__name__} is no torch.nn.Module.")
    for name, numbers in (*whole.named_parameters(), *whole.named_buffers()):
        if is_lazy(numbers) or numbers.is_meta:
            raise Unsupported(name, "it has no numbers yet. Run the module once, or load them.")
    for path, module in whole.named_modules():
        if getattr(module, "holds_binary_weight", False):
            raise Unsupported(path, "BinOp's binary weights stand in it. Call restore_() before.")
        if isinstance(module, NORMS) and module.running_mean is None:
            raise Unsupported(path, "track_running_stats=False takes statistics from the batch.")
    try:
        whole = copy.deepcopy(whole).cpu().float()
        return cast(nn.Module, whole.to(memory_format=torch.contiguous_format).eval())
    except RuntimeError as error:
        raise Unsupported(
            "", f"it can't be copied ({_first_line(error)}). Make its weights parameters again: "
            "torch.nn.utils.remove_weight_norm, prune.remove."
        ) from error  # fmt: skip


def without_hooks(network: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """A network that computes the same and has no forward hooks, as the engine has none.

    Args:
        network: in evaluation mode.
        shape: of one sample.

    Raises:
        Unsupported: a hook changes what is computed.
    """
    hooked = [p for p, m in network.named_modules() if m._forward_hooks or m._forward_pre_hooks]
    if not hooked:
        return network
    bare = copy.deepcopy(network)
    for module in bare.modules():
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(_SAMPLES, *shape, generator=generator, dtype=torch.float32)
    try:
        with torch.no_grad():
            wanted, found = (one(x.clone()) for one in (network, bare))
    except Exception as error:  # whatever torch or a hook says
        raise Unsupported(
            hooked[0], f"with its forward hook it fails ({_first_line(error)})."
        ) from error
    if isinstance(wanted, Tensor) and not torch.equal(wanted, found):
        raise Unsupported(hooked[0], "a forward hook changes the answer, and an engine has none.")
    return bare


def traced(
    network: nn.Module, shape: tuple[int, ...], is_leaf: Callable[[nn.Module], bool]
) -> fx.GraphModule:
    """The graph of a network; what each node gives for one sample is in its meta, see SHAPE.

    Args:
        network: in evaluation mode, without hooks.
        shape: of one sample.
        is_leaf: whether a module is a node, beside those of torch.

    Raises:
        Unsupported: forward takes two inputs or branches on values; it reads what was overwritten;
            torch refuses the shape.
    """
    tracer = _Tracer(is_leaf)
    whole: nn.Module = network
    if tracer.is_leaf_module(network, "") or not list(network.children()):
        whole = nn.Sequential(network)  # a layer alone
    try:
        graph = fx.GraphModule(whole, tracer.trace(whole))
    except Exception as error:  # whatever the user's forward does with a symbolic tensor
        raise Unsupported(
            "", f"torch.fx can't follow its forward ({_first_line(error)}); the engine needs one "
            "without branches on values."
        ) from error  # fmt: skip
    inputs = [node for node in graph.graph.nodes if node.op == "placeholder"]
    if len(inputs) > 1:
        raise Unsupported("", f"a second input, {inputs[1].name}; the engine takes one.")
    if not inputs or str(inputs[0].target).startswith("*"):
        given = inputs[0].target if inputs else "nothing"
        raise Unsupported("", f"its forward takes {given}; the engine gives one tensor.")
    _refuse_overwritten(graph)
    with torch.no_grad():
        _Shapes(graph).run(torch.zeros(1, *shape, dtype=torch.float32))
    return graph


class _Tracer(fx.Tracer):
    """Every layer is a leaf; containers and users' own modules are looked into."""

    def __init__(self, is_leaf: Callable[[nn.Module], bool]) -> None:
        super().__init__()
        self._is_leaf = is_leaf

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return self._is_leaf(m) or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)


class _Proxy(fx.Proxy):
    """torch.fx takes `x += y` for `x = x + y`, which overwrites nothing."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})


class _Shapes(fx.Interpreter):
    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.extra_traceback = False  # it would be added to our sentences

    def run_node(self, n: fx.Node) -> Any:
        try:
            result = super().run_node(n)
        except Exception as error:  # whatever torch says of a shape that it can't take
            shapes = [str(tuple(a.meta[SHAPE] or ())) for a in n.all_input_nodes]
            raise Unsupported(
                place_of(n), f"torch refuses an input of shape {', '.join(shapes)} "
                f"({_first_line(error)})."
            ) from error  # fmt: skip
        n.meta[SHAPE] = tuple(result.shape) if isinstance(result, Tensor) else None
        return result


def place_of(node: fx.Node) -> str:
    """Where a node is: a module's path, else its name."""
    return str(node.target) if node.op in ("call_module", "get_attr") else node.name


def _refuse_overwritten(graph: fx.GraphModule) -> None:
    """An op in place changes what those read who hold its input: the engine's values don't."""
    memory: dict[fx.Node, fx.Node] = {}  # node → the first that has its memory
    stale: dict[fx.Node, fx.Node] = {}  # node → who has overwritten it
    for node in graph.graph.nodes:
        for read in node.all_input_nodes:
            if read in stale:
                raise Unsupported(
                    place_of(node), f"it reads what {place_of(stale[read])} has overwritten in "
                    "place; inplace=False, and x = x + y for x += y, leave it as it was."
                )  # fmt: skip
        writes = _writes(graph, node)
        shares = writes or _is_view(graph, node)
        memory[node] = memory[node.all_input_nodes[0]] if shares else node
        if writes:
            of = memory[node]
            stale |= {other: node for other in memory if memory[other] is of and other is not node}


def _writes(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node overwrites its first input."""
    if not node.all_input_nodes:
        return False
    if node.op == "call_module":
        module = graph.get_submodule(str(node.target))
        return getattr(module, "inplace", False) and not isinstance(module, DROPOUTS)
    if node.op == "call_method":
        return str(node.target).endswith("_")
    if node.op == "call_function":
        inplace = node.kwargs.get("inplace", node.args[1:] if node.target is F.relu else False)
        return bool(inplace) or node.target is operator.iadd
    return False


def _is_view(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node may give its input's own memory."""
    if node.op == "call_module":
        return isinstance(graph.get_submodule(str(node.target)), _VIEWS)
    return node.target in (torch.flatten, "flatten")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
