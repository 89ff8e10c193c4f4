"""Program and numbers → `model.xnor`, and back: a safetensors file sealed by its own SHA-256.

For given contents there is one file, to the byte; nothing else is read. docs/file_format.md has
the layout, cpp/include/xnorkit/model_file.hpp the other reader.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xnorkit import __version__
from xnorkit.deploy.ops.op import Specs

FORMAT_VERSION = 1
SIGN_RULE = "bit 1: x < 0; bit 0: else, so 0, -0.0 and NaN"
PADDING = "of a map: padding_value of each op; of a row of bits: 0"

_BEGIN = b'{"__metadata__":{"xnor_format":"'  # of the header, in every version of the format
_OPENING = _BEGIN + b'%d","sha256":"' % FORMAT_VERSION
_LENGTH = 8  # bytes of the header's length
_DIGEST = slice(_LENGTH + len(_OPENING), _LENGTH + len(_OPENING) + 64)  # hex digits
_ZEROS = "0" * 64  # stands for the digits while they are computed
_ALIGNMENT = 64  # a cache line: where the data begin
_MAX_RANK = 8
_CODES = {"float32": "F32", "int32": "I32", "int8": "I8", "uint8": "U8"}  # numpy → safetensors
_NAMES = {code: name for name, code in _CODES.items()}
_AGAIN = "Write it again from the checkpoint: xnorkit-deploy CKPT."

Tensors = Mapping[str, NDArray[Any] | torch.Tensor]


class XnorFileError(ValueError):
    """A model.xnor that can't be written or read; the message says why and the way out."""


@dataclass(frozen=True)
class Metadata:
    """What a model says beside its numbers; all of it is known before training.

    Attributes:
        program: `Program.to_json()`.
        labels: of the outputs, in order; may be empty.
        features: how the input is computed; may be empty.
        producer: versions of what writes the file, see `producer_versions`.
    """

    program: dict[str, Any]
    labels: tuple[str, ...]
    features: dict[str, int | float | str]
    producer: dict[str, str]


@dataclass(frozen=True)
class XnorFile:
    """A model.xnor that was found whole.

    Attributes:
        metadata: what it says.
        tensors: its numbers; views of `content`, so they can't be written.
        content: all its bytes, for the engine.
    """

    metadata: Metadata
    tensors: dict[str, NDArray[Any]]
    content: bytes


def producer_versions() -> dict[str, str]:
    """Of this process: thresholds are those of its torch build and CPU capability."""
    return {
        "xnorkit": __version__,
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def canonical_json(node: Any) -> str:
    """The one text that plain data have in model.xnor: no spaces, no escapes but the needed."""
    return json.dumps(node, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def file_size(metadata: Metadata, specs: Specs) -> int:
    """Bytes of the file, from `Program.tensor_specs()`, before any number is known."""
    return len(_head(metadata, specs)) + sum(_bytes(spec) for spec in specs.values())


def to_bytes(metadata: Metadata, tensors: Tensors) -> bytes:
    """The file's bytes; the same for the same contents, in whatever order the tensors come.

    Args:
        metadata: what the model says.
        tensors: float32, int32, int8 or uint8; none empty; finite, or thresholds.

    Raises:
        XnorFileError: what no file can hold, by name.
    """
    arrays = {name: _array(name, tensor) for name, tensor in tensors.items()}
    specs: Specs = {name: (array.dtype.name, array.shape) for name, array in arrays.items()}
    stored = [arrays[name] for name in _stored_order(specs)]
    data = [array.astype(array.dtype.newbyteorder("<")).tobytes() for array in stored]
    content = b"".join([_head(metadata, specs), *data])
    digest = hashlib.sha256(content).hexdigest().encode()
    return content[: _DIGEST.start] + digest + content[_DIGEST.stop :]


def write(path: str | os.PathLike[str], content: bytes) -> None:
    """Put the bytes at `path`: all of them, or, whatever happens, what stood there stays.

    Raises:
        XnorFileError: the disk is full, the folder is not there or can't be written.
    """
    file = Path(path)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, file)
    except OSError as error:
        raise XnorFileError(
            f"{file}: its {len(content)} bytes can't be written ({error.strerror}). "
            "Make room or name another folder, then deploy again: xnorkit-deploy CKPT."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def read(path: str | os.PathLike[str]) -> XnorFile:
    """The model in a file, see `from_bytes`."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise XnorFileError(
            f"{os.fspath(path)}: can't be read ({error.strerror}). Give the model.xnor of a run."
        ) from error
    return from_bytes(content, os.fspath(path))


def from_bytes(content: bytes, where: str = "model.xnor") -> XnorFile:
    """The model in all bytes of the file `where`.

    Raises:
        XnorFileError: any of them is not as xnorkit wrote it.
    """
    try:
        _refuse_foreign(content)
        head = _sealed_head(content)
        metadata, specs = _contents(head)
        if len(content) != len(head) + sum(_bytes(spec) for spec in specs.values()):
            raise XnorFileError(f"its data are not as long as its table says. {_AGAIN}")
    except XnorFileError as error:
        raise XnorFileError(f"{where}: {error}") from None
    return XnorFile(metadata, _views(content, len(head), specs), content)


def _head(metadata: Metadata, specs: Specs) -> bytes:
    """Length and header, with zeros for the digest; a multiple of 64 bytes."""
    for name, spec in specs.items():
        _refuse_spec(name, spec)
    try:
        table = {"__metadata__": _strings(metadata), **_table(specs)}
        text = canonical_json(table).encode()
    except ValueError as error:  # NaN, or a name of a file that is no Unicode
        raise XnorFileError(
            f"the metadata of model.xnor hold what JSON can't ({error}). "
            "Name labels in Unicode and give finite feature parameters."
        ) from None
    text += b" " * (-(_LENGTH + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(_LENGTH, "little") + text


def _strings(metadata: Metadata) -> dict[str, str]:
    """What safetensors calls the metadata; the first two make `_OPENING`."""
    return {
        "xnor_format": str(FORMAT_VERSION),
        "sha256": _ZEROS,
        "program": canonical_json(metadata.program),
        "labels": canonical_json(metadata.labels),
        "features": canonical_json(metadata.features),
        "sign_rule": SIGN_RULE,
        "padding": PADDING,
        "producer": canonical_json(metadata.producer),
    }


def _table(specs: Specs) -> dict[str, dict[str, Any]]:
    """Where each tensor stands, from the first byte after the header."""
    table: dict[str, dict[str, Any]] = {}
    end = 0
    for name in _stored_order(specs):
        begin, end = end, end + _bytes(specs[name])
        dtype, shape = specs[name]
        table[name] = {"dtype": _CODES[dtype], "shape": shape, "data_offsets": [begin, end]}
    return table


def _stored_order(specs: Specs) -> list[str]:
    """Wide types first: so each number is aligned, and nothing need be filled up between."""
    return sorted(specs, key=lambda name: (-np.dtype(specs[name][0]).itemsize, name))


def _bytes(spec: tuple[str, tuple[int, ...]]) -> int:
    dtype, shape = spec
    return prod(shape) * np.dtype(dtype).itemsize


def _refuse_spec(name: str, spec: tuple[str, tuple[int, ...]]) -> None:
    """What safetensors or the reader in C++ doesn't know."""
    dtype, shape = spec
    if dtype not in _CODES:
        raise XnorFileError(f"{name} is {dtype}: model.xnor holds {', '.join(_CODES)}.")
    if not 1 <= len(shape) <= _MAX_RANK or not all(type(n) is int and n > 0 for n in shape):
        raise XnorFileError(
            f"{name} has shape {shape}: model.xnor holds 1 to {_MAX_RANK} dimensions, none empty."
        )
    if canonical_json(name) != f'"{name}"' or name in {"", "__metadata__"}:
        raise XnorFileError(
            f"a tensor named {name!r}: a name in model.xnor has no quote, backslash or control "
            "character, and is not empty or __metadata__. Rename the module."
        )


def _array(name: str, tensor: NDArray[Any] | torch.Tensor) -> NDArray[Any]:
    array = tensor.detach().cpu().numpy() if isinstance(tensor, torch.Tensor) else tensor
    # A threshold of ±inf is a sign that never switches.
    found = array[np.isnan(array) if name.endswith(".threshold") else ~np.isfinite(array)]
    if found.size:
        raise XnorFileError(
            f"{name} holds {found.flat[0]} in {found.size} of {array.size} places: the training "
            "diverged. Deploy an earlier checkpoint, or lower recipe.lr and train again."
        )
    return array


def _refuse_foreign(content: bytes) -> None:
    """What is no model.xnor, or one of another version."""
    if content.startswith(b"PK\x03\x04"):
        raise XnorFileError("a checkpoint or a zip archive. Deploy it first: xnorkit-deploy CKPT.")
    said, quote, _ = content[_LENGTH + len(_BEGIN) :][:20].partition(b'"')
    if not (content.startswith(_BEGIN, _LENGTH) and quote and said.isdigit()):
        raise XnorFileError("no model.xnor, or a damaged one. Give the model.xnor of a run.")
    if int(said) != FORMAT_VERSION:
        raise XnorFileError(
            f"it has format version {int(said)}; xnorkit {__version__} reads {FORMAT_VERSION}. "
            "Upgrade xnorkit, or deploy again with this one: xnorkit-deploy CKPT."
        )


def _sealed_head(content: bytes) -> bytes:
    """Length and header with zeros for the digest, once that is found right."""
    end = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    if end > len(content) or end < _DIGEST.stop:
        raise XnorFileError(f"it is cut short or damaged. {_AGAIN}")
    unsealed = content[: _DIGEST.start] + _ZEROS.encode() + content[_DIGEST.stop :]
    if content[_DIGEST] != hashlib.sha256(unsealed).hexdigest().encode():
        raise XnorFileError(f"it is damaged or cut short: its bytes have another SHA-256. {_AGAIN}")
    return unsealed[:end]


def _contents(head: bytes) -> tuple[Metadata, Specs]:
    """What the header says, if it is the very header that `_head` gives for that."""
    try:
        metadata, specs = _parsed(json.loads(head[_LENGTH:]))
        expected = _head(metadata, specs)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise XnorFileError(f"its header is none of this format ({reason}). {_AGAIN}") from None
    if head != expected:
        raise XnorFileError(f"its header departs from the rules of docs/file_format.md. {_AGAIN}")
    return metadata, specs


def _parsed(table: dict[str, Any]) -> tuple[Metadata, Specs]:
    strings = table.pop("__metadata__")
    program, labels, features, producer = (
        json.loads(strings[name]) for name in ("program", "labels", "features", "producer")
    )
    kinds = {*map(type, (program, features, producer))}, {*map(type, labels)}
    if not (kinds[0] == {dict} and kinds[1] <= {str}):
        raise TypeError("metadata of another kind")
    metadata = Metadata(program, tuple(labels), features, producer)
    return metadata, {name: (_NAMES[t["dtype"]], tuple(t["shape"])) for name, t in table.items()}


def _views(content: bytes, begin: int, specs: Specs) -> dict[str, NDArray[Any]]:
    views = {}
    for name, (dtype, shape) in specs.items():
        stored = np.dtype(dtype).newbyteorder("<")
        views[name] = np.frombuffer(content, stored, prod(shape), begin).reshape(shape)
        begin += _bytes((dtype, shape))
    return views
