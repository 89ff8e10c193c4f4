"""Float twin → LiteRT (TensorFlow Lite with XNNPACK), float32, one sample, one thread."""

import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from xnorkit.deploy.report.onnx_sides import quiet
from xnorkit.deploy.report.sides import Missing, Rival, folded

PACKAGES = ("ai_edge_litert", "litert_torch")
INSTALL = "not installed: pip install litert-torch"  # some 40 packages; so in no extra of ours
NAME = "LiteRT float32"


def litert_sides(network: nn.Module, twin: nn.Module, inputs: Tensor) -> Iterator[Rival | Missing]:
    """The float twin, its BatchNorms folded, in LiteRT.

    Args:
        network: not looked at: LiteRT has no binary layers.
        twin: in evaluation mode.
        inputs: (N, …), of which the shape of one counts.
    """
    if any(find_spec(name) is None for name in PACKAGES):
        yield Missing(NAME, INSTALL)
        return
    with quiet():
        content = _converted(folded(twin), inputs[:1])
        runner = _runner(content)
    yield Rival(NAME, "float twin", runner, batched=False)


def _converted(module: nn.Module, example: Tensor) -> bytes:
    import litert_torch  # noqa: PLC0415  # rarely installed

    with tempfile.TemporaryDirectory(prefix="xnorkit-") as folder:
        path = Path(folder, "float32.tflite")
        litert_torch.convert(module, (example,)).export(str(path))
        return path.read_bytes()


def _runner(content: bytes) -> Callable[[Tensor], Callable[[], Any]]:
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  # rarely installed

    interpreter: Any = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    first = interpreter.get_input_details()[0]["index"]
    last = interpreter.get_output_details()[0]["index"]

    def prepare(inputs: Tensor) -> Callable[[], Any]:
        x = inputs.contiguous().numpy()

        def call() -> Any:
            interpreter.set_tensor(first, x)
            interpreter.invoke()
            return interpreter.get_tensor(last)

        return call

    return prepare
