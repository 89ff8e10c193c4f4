"""α and bias as modules, so that they can be folded like torch's own."""

from torch import Tensor, nn


class ChannelScale(nn.Module):
    """x·a in each channel: α, or an int8 layer's steps."""

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.detach().flatten().float())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) → the same shape."""
        scale: Tensor = self.get_buffer("scale")
        return x * scale.reshape(-1, *(1,) * (x.dim() - 2))


class ChannelBias(nn.Module):
    """x + b in each channel."""

    def __init__(self, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("bias", bias.detach().flatten().float())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) → the same shape."""
        bias: Tensor = self.get_buffer("bias")
        return x + bias.reshape(-1, *(1,) * (x.dim() - 2))
