"""Network, float twin → all rivals that can be raced here, and why others can't."""

from collections.abc import Callable, Iterable

from torch import Tensor, nn

from xnorkit.deploy.report.litert_side import litert_sides
from xnorkit.deploy.report.onnx_sides import onnx_sides
from xnorkit.deploy.report.sides import Missing, Rival, torch_sides

Maker = Callable[[nn.Module, nn.Module, Tensor], Iterable[Rival | Missing]]

MAKERS: dict[str, Maker] = {
    "torch": torch_sides,
    "ONNX Runtime": onnx_sides,
    "LiteRT": litert_sides,
}


def rivals(
    network: nn.Module, twin: nn.Module, inputs: Tensor
) -> tuple[list[Rival], list[Missing]]:
    """Everything of `MAKERS` that is installed and takes this twin.

    Args:
        network: the deployed module, in evaluation mode.
        twin: the float module of its topology and width, in evaluation mode.
        inputs: (N, …) real ones, on which int8 is calibrated.

    Returns:
        The rivals, and those that are missing with the reason; a converter that fails is a reason.
    """
    found: list[Rival] = []
    missing: list[Missing] = []
    for name, make in MAKERS.items():
        try:
            for side in make(network, twin, inputs.float().cpu()):
                if isinstance(side, Rival):
                    found.append(side)
                else:
                    missing.append(side)
        except Exception as error:  # a rival that refuses a network costs no deploy
            missing.append(Missing(name, f"failed: {_first_line(error)}"))
    return found, missing


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
