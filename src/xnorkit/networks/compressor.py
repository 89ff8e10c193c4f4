"""Learned image compression: analysis g_a ► bits g_q ► synthesis g_s."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xnorkit.nn.bit_quantiser import BitQuantiser, Mode
from xnorkit.nn.gdn import GDN
from xnorkit.schemes import Scheme

MAX_PLANES = 2**16 - 1
SPREAD = 4.0  # deviation of each plane's latent at the start, in units of hard tanh's reach
_MOMENTUM = 0.01  # a batch has few sites: its mean alone would move thresholds from step to step
STRIDE = 16  # pixels of a side that share one site of the bottleneck: four layers of stride 2


class Compressor(nn.Module):
    """Four 5×5 convolutions of stride 2, a bottleneck of bits, four transposed convolutions.

    GDN stands between the layers, its inverse in the synthesis. Pictures of any size are padded on
    the right and below to multiples of 16 by their border and cut back. All layers are real: only
    the bottleneck is binary.

    A BatchNorm ends the analysis: it centres each plane, so that no bit is constant, and spreads it
    over `SPREAD` times hard tanh's reach, so that only those latents have a gradient that a step
    could take across the threshold. Without it they begin at 0.03, where every bit has the full
    gradient and none follows it.

    Args:
        scheme: must be `float`.
        channels: N, filters of the inner layers.
        planes: M, bits at each site of the bottleneck; a picture has M/256 bits a pixel.
        quantiser: `det | stochastic`, see `BitQuantiser`.

    Raises:
        ValueError: another scheme, an unknown quantiser, or sizes out of range.

    Shape:
        (N, 3, H, W) in [0, 1] → the same; not clamped, so that training sees gradients everywhere.

    Source: the layout of Ballé et al. 2018, section 4, with a binary bottleneck in the place of
    rounding and entropy model.
    """

    def __init__(
        self, scheme: Scheme, channels: int = 128, planes: int = 192, quantiser: Mode = "det"
    ) -> None:
        super().__init__()
        if scheme.name != "float":
            raise ValueError(
                f"model={scheme.name}: the layers of network=compressor are real, only its "
                "bottleneck is binary. Take model=float."
            )
        if min(channels, planes) < 1 or planes > MAX_PLANES:
            raise ValueError(
                f"network.channels={channels}, planes={planes}: both must be ≥ 1, and planes at "
                f"most {MAX_PLANES}, which a file can say."
            )
        self.planes = planes
        down = (3, channels, channels, channels, planes)
        self.g_a = _chain(down, inverse=False).append(_spread(planes))
        self.g_q = BitQuantiser(quantiser)
        self.g_s = _chain(down[::-1], inverse=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) → its reconstruction."""
        bits = self.quantize(self.analyse(x))
        return self.synthesise(bits)[..., : x.shape[-2], : x.shape[-1]]

    def analyse(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] → the unquantised latent (N, M, ⌈H/16⌉, ⌈W/16⌉)."""
        below, right = (-size % STRIDE for size in x.shape[-2:])
        # Centred, or the first layer would have to learn away the mean of all pictures.
        padded = F.pad(x, (0, right, 0, below), mode="replicate") - 0.5
        result: Tensor = self.g_a(padded)
        return result

    def quantize(self, latent: Tensor) -> Tensor:
        """Latent → {0, 1} in its shape and dtype, with a gradient."""
        result: Tensor = self.g_q(latent)
        return result

    def synthesise(self, bits: Tensor) -> Tensor:
        """{0, 1} of (N, M, h, w), floating point → (N, 3, 16·h, 16·w), not clamped."""
        # ±½: what a transposed convolution pads with is then neither of the two bits.
        result: Tensor = self.g_s(bits - 0.5) + 0.5
        return result

    @torch.no_grad()
    def compress(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] → bits, uint8 {0, 1} of (N, M, ⌈H/16⌉, ⌈W/16⌉)."""
        return self.quantize(self.analyse(x)).to(torch.uint8)

    @torch.no_grad()
    def decompress(self, bits: Tensor) -> Tensor:
        """Bits of `compress` → (N, 3, 16·h, 16·w) in [0, 1]; cut it to the picture's size."""
        return self.synthesise(bits.to(next(self.parameters()).dtype)).clamp(0, 1)

    def element_ratio(self, height: int, width: int) -> float:
        """Elements of the bottleneck to elements of the picture; in bits of float32 1/32 of it."""
        sites = -(-height // STRIDE) * -(-width // STRIDE)
        return self.planes * sites / (3 * height * width)


def _spread(planes: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(planes, momentum=_MOMENTUM)
    nn.init.constant_(norm.weight, SPREAD)
    return norm


def _chain(widths: tuple[int, ...], inverse: bool) -> nn.Sequential:
    """Layers of stride 2 between these widths with GDN between them; `inverse` goes upwards."""
    layers: list[nn.Module] = []
    for c_in, c_out in pairwise(widths):
        if layers:
            layers.append(GDN(c_in, inverse))
        if inverse:
            layers.append(nn.ConvTranspose2d(c_in, c_out, 5, 2, 2, output_padding=1))
        else:
            layers.append(nn.Conv2d(c_in, c_out, 5, 2, 2))
    return nn.Sequential(*layers)
