"""init_from=CKPT: another run's weights as the start of this one, e.g. float → xnor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from xnorkit.checkpoint import read_checkpoint
from xnorkit.cli.checks import Refused
from xnorkit.nn import Int8Layer

_PREFIX = "network."


def initialise(network: nn.Module, path: str, scheme: Any) -> int:
    """Copy the checkpoint's weights into the network.

    The layers of all schemes have the same names and shapes; their BatchNorms stand elsewhere, so
    these are copied between runs of one scheme only. An int8 stem that starts with a float one's
    weights gets the steps that suit them.

    Args:
        network: changed in place.
        path: of the checkpoint; `~` is the home folder.
        scheme: the config's `model`; with the checkpoint's own scheme everything is copied.

    Returns:
        The number of tensors copied.

    Raises:
        Refused: another topology, with the keys that differ.
    """
    checkpoint = read_checkpoint(Path(path).expanduser())
    state = {
        name.replace("_orig_mod.", "").removeprefix(_PREFIX): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(_PREFIX)
    }
    same_scheme = (
        checkpoint["hyper_parameters"]["config"]["model"]["_target_"] == scheme["_target_"]
    )
    own = network.state_dict()
    wanted = set(own) if same_scheme else _weights_of_layers(network)
    from_float = _int8_layers_from_float(network, state)
    wanted -= {f"{name}.{step}" for name in from_float for step in Int8Layer.STEPS}
    _refuse_other_topology(path, own, state, wanted)
    network.load_state_dict({**own, **{name: state[name] for name in wanted}})
    for layer in from_float.values():
        layer.reset_steps()
    return len(wanted)


def _weights_of_layers(network: nn.Module) -> set[str]:
    """Names of all parameters but those of normalisation layers."""
    layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in network.named_modules()
        if isinstance(module, layers)
        for name, _ in module.named_parameters(recurse=False)
    }


def _int8_layers_from_float(
    network: nn.Module, state: Mapping[str, Tensor]
) -> dict[str, Int8Layer]:
    """By name, the int8 layers of which the checkpoint has no step."""
    return {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, Int8Layer)
        and not any(f"{name}.{step}" in state for step in Int8Layer.STEPS)
    }


def _refuse_other_topology(
    path: str, own: Mapping[str, Tensor], other: Mapping[str, Tensor], wanted: set[str]
) -> None:
    wrong = [
        f"{name}: {_shape(other, name)} → {_shape(own, name)}"
        for name in own
        if name in wanted and _shape(other, name) != _shape(own, name)
    ]
    extra = [f"{name}: {_shape(other, name)} → none" for name in other if _is_weight(name, own)]
    if wrong or extra:
        raise Refused(
            f"init_from={path}: a network of another topology; these differ (there → here): "
            f"{'; '.join(wrong + extra)}. Set network and data as in that run."
        )


def _is_weight(name: str, own: Mapping[str, Tensor]) -> bool:
    """A weight matrix or filter bank that this network does not have."""
    return name not in own and (name.endswith("layer.weight") or name == "head.weight")


def _shape(state: Mapping[str, Tensor], name: str) -> str:
    return "x".join(map(str, state[name].shape)) or "scalar" if name in state else "none"
