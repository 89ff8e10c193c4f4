"""A trained network → the same with packed binary layers, in place: pack_."""

from typing import Any, TypeVar

from torch import nn
from torch.nn.utils import parametrize

from xnorkit.nn.binary_layer import BinaryLayer
from xnorkit.ops.kernels import OpError
from xnorkit.ops.packed_layers import PACKED, PackedLayer

Module = TypeVar("Module", bound=nn.Module)


def pack_(module: Module) -> Module:
    """Turn a trained network's binary layers into packed ones, for use in plain PyTorch.

    Each layer stays the object that it is (hooks, names, places) and answers as it did in
    evaluation, to the last bit; its latent float weight is replaced by bits, a 32nd of its size in
    the `state_dict`, which a network that `pack_` has been called on loads again. Layers with a
    real input (BWN) keep computing in float.

    Args:
        module: a network or a binary layer, in float32, float64 or a 16-bit dtype, on the CPU.

    Returns:
        The module itself. It can't be trained any more.

    Raises:
        OpError: a layer with more bits, of another class, or with a weight that BinOp or a hook
            has put there, by its path; or no binary layer at all. Nothing has changed then.
    """
    layers = {path: layer for path, layer in module.named_modules() if _is_latent(layer)}
    if not layers:
        raise OpError(
            f"no binary layer in this {type(module).__name__}: pack_ packs BinaryLinear, "
            "BinaryConv1d and BinaryConv2d of xnorkit.nn that are not packed yet."
        )
    for path, layer in layers.items():
        if problem := _problem(layer):
            raise OpError(f"{path or type(layer).__name__}: {problem}")
    for layer in layers.values():
        _pack_layer(layer)
    return module


def _is_latent(layer: nn.Module) -> bool:
    return isinstance(layer, BinaryLayer) and not isinstance(layer, PackedLayer)


def _kind(layer: nn.Module) -> type:
    """Its class, below the one that a parametrization made of it."""
    return type(layer).__mro__[1] if parametrize.is_parametrized(layer) else type(layer)


def _problem(layer: Any) -> str | None:
    """Why a layer can't be packed, and the way out; None where it can."""
    if _kind(layer) not in PACKED:
        return (
            f"{_kind(layer).__name__} may compute something else than its base. Use "
            "BinaryLinear, BinaryConv1d or BinaryConv2d themselves."
        )
    if layer.holds_binary_weight:
        return "BinOp's binary weights stand in it. Call restore_() before."
    if "weight" not in layer._parameters and not parametrize.is_parametrized(layer):
        return (
            "a hook makes its weight anew in each forward. End it before: torch.nn.utils.prune."
            "remove, remove_weight_norm or remove_spectral_norm."
        )
    if layer.weight_rule.bits > 1 or layer.input_bits > 1 or layer.input_range != "signed":
        return (
            f"weights of {layer.weight_rule.bits} bits and {layer.input_range} inputs of "
            f"{layer.input_bits}: pack_ packs signs. xnorkit.compile makes an engine of codes."
        )
    if layer.weight.device.type != "cpu":
        return f"it is on {layer.weight.device}, the kernels are the CPU's. Call .cpu() before."
    return None


def _pack_layer(layer: Any) -> None:
    packed = PACKED[_kind(layer)]
    if parametrize.is_parametrized(layer):
        for name in list(layer.parametrizations):
            parametrize.remove_parametrizations(layer, name)
    layer.__class__ = packed
    layer.pack_weight_()
