"""GDN: generalised divisive normalisation, the activation of learned image compression."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MIN_BETA = 1e-6  # added to every β, so that no channel is divided by 0


class GDN(nn.Module):
    """y_c = x_c / √(β_c + Σ_k γ_ck·x_k²); inverse: multiplied by that root.

    β and γ stay positive as squares of the parameters.

    Args:
        channels: C.
        inverse: multiply instead of divide, as synthesis does.

    Shape:
        (N, C, H, W) → the same.

    Source: Ballé, Laparra & Simoncelli 2016, "Density modeling of images using a generalized
    normalization transformation"; β = 1, γ = 0.1·I at the start as in their code.
    """

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.root_beta = nn.Parameter(torch.ones(channels))
        # A root of 0 would have no gradient: 1e-4 is where γ's other elements start.
        self.root_gamma = nn.Parameter(0.1**0.5 * torch.eye(channels) + 0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → the same."""
        gamma = self.root_gamma.square()[:, :, None, None]
        norm = F.conv2d(x.square(), gamma, self.root_beta.square() + _MIN_BETA)
        return x * (norm.sqrt() if self.inverse else norm.rsqrt())

    def extra_repr(self) -> str:
        """What `print(module)` shows."""
        return f"{len(self.root_beta)}, inverse={self.inverse}"
