"""What training does to an image: a shift by a random crop of the padded image, and a mirror.

Every draw comes from the sample's own 64-bit key (`xnorkit.draws`), so a sample meets the same
change whatever batch it is in and wherever a resumed run began.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xnorkit.draws import uniform


def crop_padded(images: Tensor, top: Tensor, left: Tensor, pad: int, mirror: Tensor) -> Tensor:
    """A window of the image's own size out of each image with a border of zeros.

    Args:
        images: (N, C, H, W), any dtype.
        top: int64 (N,), in 0 … 2·pad: the window's first row in the padded image.
        left: int64 (N,), the same of columns.
        pad: width of the border.
        mirror: bool (N,): left and right change places.

    Returns:
        (N, C, H, W), same dtype, a new tensor.
    """
    count, channels, height, width = images.shape
    padded = F.pad(images, (pad,) * 4)
    across = torch.arange(width, device=images.device).expand(count, width)
    across = torch.where(mirror[:, None], width - 1 - across, across)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + across
    sample = torch.arange(count, device=images.device)[:, None, None, None]
    colour = torch.arange(channels, device=images.device)[:, None, None]
    return padded[sample, colour, rows[:, None, :, None], columns[:, None, None, :]]


class ImageAugment(nn.Module):
    """Random crop of the padded image, random mirror; an option that is off costs nothing.

    Args:
        pad: black pixels around the image before a window of its own size is cut out; 4 is usual
            for 32×32.
        flip: mirror half of the images, left to right. (Not for digits or letters.)

    Raises:
        ValueError: a negative `pad`.

    Source: He et al. 2016, section 4.2, for CIFAR-10.
    """

    def __init__(self, pad: int = 0, flip: bool = False) -> None:
        super().__init__()
        if pad < 0:
            raise ValueError(f"data.features.augment.pad={pad}: give a number of pixels ≥ 0.")
        self.pad, self.flip = pad, flip

    def forward(self, images: Tensor, key: Tensor) -> Tensor:
        """Cropped and mirrored by their keys.

        Args:
            images: (N, C, H, W), any dtype.
            key: int64 (N,).

        Returns:
            Same shape and dtype; the argument itself where every option is off.
        """
        if not self.pad and not self.flip:
            return images
        place = (uniform(key, "crop", 2) * (2 * self.pad + 1)).floor().long()
        mirror = (uniform(key, "flip")[:, 0] < 0.5) & self.flip
        return crop_padded(images, place[:, 0], place[:, 1], self.pad, mirror)
