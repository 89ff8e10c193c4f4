"""Float twin → ONNX Runtime, in float32 and in static int8, each on one thread."""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xnorkit.deploy.report.sides import INT8_TOLERANCE, Missing, Rival, folded, rows

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
INSTALL = 'not installed: pip install "xnorkit[bench]"'
NAMES = ("ONNX Runtime float32", "ONNX Runtime int8")
_CALIBRATION = 64  # inputs; min and max of the activations hardly change after some dozens


def onnx_sides(network: nn.Module, twin: nn.Module, inputs: Tensor) -> Iterator[Rival | Missing]:
    """The float twin, its BatchNorms folded, in ONNX Runtime.

    Args:
        network: not looked at: ONNX has no binary layers.
        twin: in evaluation mode.
        inputs: (N, …) real ones, from which int8 learns the ranges of activations.
    """
    if any(find_spec(name) is None for name in PACKAGES):
        yield from (Missing(name, INSTALL) for name in NAMES)
        return
    with tempfile.TemporaryDirectory(prefix="xnorkit-") as folder, quiet():
        exported, quantised = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        export(folded(twin), inputs[:2], exported)
        float32 = _session(exported)
        _quantise(exported, quantised, inputs[:_CALIBRATION])
        int8 = _session(quantised)
    yield Rival(NAMES[0], "float twin", _runner(float32))
    yield Rival(NAMES[1], "float twin", _runner(int8), INT8_TOLERANCE)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the progress, warnings and advice of converters."""
    said, level = io.StringIO(), logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(said):
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(said):
                yield
    finally:
        logging.disable(level)


def export(module: nn.Module, example: Tensor, path: Path) -> None:
    """Write a module as ONNX; its first dimension may have any size.

    Args:
        module: in evaluation mode, of one tensor.
        example: (2, …): torch.export takes a size of 1 for a constant.
        path: of the file.
    """
    if len(example) < 2:
        example = torch.cat([example, example])
    batch = ({0: torch.export.Dim.DYNAMIC},)
    options: dict[str, Any] = {"dynamo": True, "external_data": False, "verbose": False}
    torch.onnx.export(module, (example,), str(path), dynamic_shapes=batch, **options)


def _session(path: Path) -> Any:
    import onnxruntime  # noqa: PLC0415  # an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _quantise(source: Path, target: Path, inputs: Tensor) -> None:
    """Static int8: QDQ, uint8 activations by their range on `inputs`, int8 weights a channel."""
    from onnxruntime import quantization  # noqa: PLC0415  # an extra
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    name = _session(source).get_inputs()[0].name
    calibration = iter([{name: row.numpy()} for row in rows(inputs)])

    class Rows(quantization.CalibrationDataReader):  # type: ignore[misc]  # untyped
        def get_next(self) -> Any:
            return next(calibration, None)

    prepared = target.with_name("prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantization.quantize_static(
        str(prepared),
        str(target),
        Rows(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


def _runner(session: Any) -> Callable[[Tensor], Callable[[], Any]]:
    name = session.get_inputs()[0].name

    def prepare(inputs: Tensor) -> Callable[[], Any]:
        given = {name: inputs.contiguous().numpy()}
        return lambda: session.run(None, given)[0]

    return prepare
