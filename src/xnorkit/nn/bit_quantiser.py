"""BitQuantiser: a real latent → bits {0, 1}, the bottleneck of the compression network."""

from typing import Literal, get_args

from torch import Tensor, nn

from xnorkit.binarize import heaviside, stochastic_heaviside

Mode = Literal["det", "stochastic"]


class BitQuantiser(nn.Module):
    """Hard tanh, then a threshold at 0; the gradient is hard tanh's.

    Args:
        mode: `det`: 1 where x > 0; `stochastic`: in training 1 with probability (x + 1)/2, in
            evaluation as `det`.

    Raises:
        ValueError: another mode.

    Shape:
        Any → the same, of {0, 1}.
    """

    def __init__(self, mode: Mode = "det") -> None:
        super().__init__()
        if mode not in get_args(Mode):
            raise ValueError(f"quantiser mode {mode!r}: choose {' or '.join(get_args(Mode))}.")
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """{0, 1} in shape and dtype of `x`; hard tanh moves no value across 0, so it is implied."""
        if self.mode == "stochastic" and self.training:
            return stochastic_heaviside(x)
        return heaviside(x)

    def extra_repr(self) -> str:
        """What `print(module)` shows."""
        return f"mode={self.mode!r}"
