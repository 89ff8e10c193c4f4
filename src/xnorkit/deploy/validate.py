"""Engine against torch on real inputs: logits, answers, and the bits of every binary layer.

Two questions of each binary layer. Alone: given torch's own input bits, are all of its outputs
torch's? In the whole: are the bits that reach it in the engine those that reach it in torch?
"""

import logging
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xnorkit.deploy.agreement import (
    TIE,
    LayerCheck,
    Validation,
    refuse_wrong_answers,
    refuse_wrong_bits,
)
from xnorkit.deploy.lower import Lowered
from xnorkit.deploy.ops.binary_conv2d import BinaryStep
from xnorkit.deploy.ops.op import Map, Value

_log = logging.getLogger(__name__)

INEXACT_OPS = ("float_conv2d", "bwn_conv2d", "input_scale")  # sums of rounded terms


class Runs(Protocol):
    """What validation needs of an engine."""

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, …) → logits."""
        ...

    def step(self, op: int) -> None:
        """Run one op on the engine's buffers."""
        ...

    def value(self, index: int) -> NDArray[np.uint8]:
        """A value's buffer."""
        ...


def validate(
    lowered: Lowered, engine: Runs, inputs: Tensor, labels: Tensor | None = None, batch: int = 32
) -> Validation:
    """Compare on real inputs, and refuse what is outside tolerance.

    Args:
        lowered: the network and its program.
        engine: made from its numbers.
        inputs: (N, C, H, W), (N, C, L) or (N, C), float32.
        labels: (N,) classes, for the accuracies.
        batch: samples that torch sees at once.

    Raises:
        DisagreementError: the first binary layer that differs and by how many bits, or logits or
            answers outside tolerance.
    """
    found = compare(lowered, engine, inputs, labels, batch)
    refuse_wrong_bits(found)
    refuse_wrong_answers(found)
    return found


def compare(
    lowered: Lowered, engine: Runs, inputs: Tensor, labels: Tensor | None = None, batch: int = 32
) -> Validation:
    """What `validate` judges."""
    departures = lowered.departures()
    for name, sentence in departures.items():
        _log.warning("%s: not exact, torch rounds otherwise here: %s", name, sentence)
    exact, until = exact_values(lowered, departures)
    layers = [
        LayerCheck(
            step.path,
            exact[lowered.program.ops[step.op].inputs[0]],
            inputs_are="bits" if step.input_bits == 1 else "codes",
        )
        for step in lowered.binary
    ]
    found = Validation(layers, until)
    classes = lowered.program.output_shape[-1] if labels is not None else 0
    found.confusion = np.zeros((classes, classes), np.int64)
    for start in range(0, len(inputs), batch):
        part = slice(start, start + batch)
        _compare_batch(found, lowered, engine, inputs[part])
        if labels is not None:
            _count_right(found, lowered, engine, inputs[part], labels[part])
    return found


def exact_values(
    lowered: Lowered, departures: Container[str] = ()
) -> tuple[list[bool], str | None]:
    """Where exactness by construction ends.

    Args:
        lowered: a network's program.
        departures: names of ops that are known to depart from torch, see `Lowered.departures`.

    Returns:
        For each value whether it is torch's to the bit; and the op that ends it before a sign.
    """
    program = lowered.program
    exact = [True] * len(program.values)
    first: dict[int, str] = {}
    until: str | None = None
    for op in program.ops:
        before = next((first[i] for i in op.inputs if i in first), None)
        rounded = op.kind in INEXACT_OPS or op.name in lowered.unordered
        if rounded or op.name in departures or before is not None:
            exact[op.output] = False
            first[op.output] = before or op.name
        if program.values[op.output].kind == "bits" and not exact[op.output]:
            until = until or first[op.output]
    if all(value.kind == "real" for value in program.values):
        until = next(iter(first.values()), None)
    return exact, until


def _compare_batch(found: Validation, lowered: Lowered, engine: Runs, inputs: Tensor) -> None:
    with _recording(lowered.binary) as calls, torch.no_grad():
        # A copy: an inplace ReLU writes into it.
        logits = lowered.network(inputs.clone(memory_format=torch.contiguous_format)).numpy()
        seen = [calls[step.layer][step.call] for step in lowered.binary]
        wanted = [step.outputs(x) for step, x in zip(lowered.binary, seen, strict=True)]
    for index, sample in enumerate(inputs.numpy()):
        answer = engine(sample[None])[0]
        bits = [_input_bits(s, x[index]) for s, x in zip(lowered.binary, seen, strict=True)]
        alike = not _compare_whole(found, lowered, engine, bits)
        _compare_alone(found, lowered, engine, bits, [y[index] for y in wanted])
        _compare_logits(found, logits[index], answer, alike)


def _compare_logits(
    found: Validation, wanted: NDArray[Any], answer: NDArray[Any], alike: bool
) -> None:
    found.samples += 1
    difference = np.abs(wanted - answer).max()
    found.largest_difference = float(np.maximum(found.largest_difference, difference))  # NaN too
    found.flipped += not alike
    if alike:
        found.largest_alike = float(np.maximum(found.largest_alike, difference))
    best, second = np.sort(wanted.ravel())[::-1][:2] if wanted.size > 1 else (np.inf, 0.0)
    if best - second <= TIE:
        found.ties += 1
    else:
        found.agreeing += int(wanted.argmax() == answer.argmax())


def _compare_whole(
    found: Validation, lowered: Lowered, engine: Runs, wanted: Sequence[NDArray[np.bool_]]
) -> int:
    """How many inputs of a sample differ: bits, or codes of several."""
    different = 0
    for check, step, bits in zip(found.layers, lowered.binary, wanted, strict=True):
        value = lowered.program.ops[step.op].inputs[0]
        got = _unpacked(engine.value(value), lowered.program.values[value].map)
        wrong = int((got != bits).reshape(step.input_bits, -1).any(0).sum())
        check.inputs += bits.size // step.input_bits
        check.wrong_in_whole += wrong
        different += wrong
    return different


def _compare_alone(
    found: Validation, lowered: Lowered, engine: Runs, inputs: Sequence[NDArray[np.bool_]],
    wanted: Sequence[Tensor],
) -> None:  # fmt: skip
    values = lowered.program.values
    for check, step, bits, outputs in zip(
        found.layers, lowered.binary, inputs, wanted, strict=True
    ):
        op = lowered.program.ops[step.op]
        engine.value(op.inputs[0])[:] = _packed(bits)
        engine.step(step.op)
        got = _output(engine.value(op.output), values[op.output])
        expected = _hwc(outputs, values[op.output].map)
        expected = expected < 0 if values[op.output].kind == "bits" else expected
        check.outputs += expected.size
        check.wrong_alone += int((got != expected).sum())


def _count_right(
    found: Validation, lowered: Lowered, engine: Runs, inputs: Tensor, labels: Tensor
) -> None:
    with torch.no_grad():
        found.torch_correct += int((lowered.network(inputs.clone()).argmax(1) == labels).sum())
    answers = engine(inputs.numpy()).argmax(1)
    found.engine_correct += int((answers == labels.numpy()).sum())
    np.add.at(found.confusion, (labels.numpy(), answers), 1)


@contextmanager
def _recording(steps: Iterable[BinaryStep]) -> Iterator[dict[nn.Module, list[Tensor]]]:
    """What reaches each layer in torch, one call after the other."""
    seen: dict[nn.Module, list[Tensor]] = {step.layer: [] for step in steps}

    def note(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        seen[layer].append(arguments[0].clone())  # others may overwrite it in place

    handles = [layer.register_forward_pre_hook(note) for layer in seen]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _hwc(x: Tensor, where: Map) -> NDArray[Any]:
    """One sample in torch's order → (h, w, c)."""
    return x.reshape(where.c, where.h, where.w).permute(1, 2, 0).numpy()


def _input_bits(step: BinaryStep, x: Tensor) -> NDArray[np.bool_]:
    """Signs of one sample that reaches a layer, (planes·h, w, c), True where negative."""
    kernel = step.kernel
    if kernel.order is not None:
        x = x.flatten()[kernel.order]
    planes: list[NDArray[np.bool_]] = [_hwc(p, kernel.input_map) for p in step.planes(x)]
    return np.concatenate(planes)


def _packed(bits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(h, w, c) → the bytes of a bits map."""
    filler = -bits.shape[2] % 64
    padded = np.pad(bits, ((0, 0), (0, 0), (0, filler)))
    return np.packbits(padded, axis=-1, bitorder="little").ravel()


def _unpacked(buffer: NDArray[np.uint8], where: Map) -> NDArray[np.bool_]:
    """The bytes of a bits map → (h, w, c)."""
    rows = buffer.reshape(where.h, where.w, where.words * 8)
    return np.unpackbits(rows, axis=-1, bitorder="little")[..., : where.c].astype(bool)


def _output(buffer: NDArray[np.uint8], value: Value) -> NDArray[Any]:
    if value.kind == "bits":
        return _unpacked(buffer, value.map)
    return buffer.view(np.float32).reshape(value.map.h, value.map.w, value.map.c)
