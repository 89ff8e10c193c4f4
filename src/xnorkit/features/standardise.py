"""Features to mean 0 and deviation 1 in every mel band, by fixed statistics of the train split."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

# dB. A band that varies less is constant (a recording without that band): dividing by its
# deviation would blow rounding noise up to full size.
_SMALLEST_STD = 1e-3


class Standardise(nn.Module):
    """(x − mean) / std of each mel band; the statistics are fitted once and stay.

    Args:
        n_mels: number of mel bands.
    """

    mean: Tensor
    std: Tensor
    count: Tensor

    def __init__(self, n_mels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_mels, dtype=torch.float32))
        self.register_buffer("std", torch.ones(n_mels, dtype=torch.float32))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))  # 0: never fitted
        self._ready = False  # `count` is asked once: on a GPU each look waits for the device

    def forward(self, features: Tensor) -> Tensor:
        """Standardised features.

        Args:
            features: (N, 1, mels, frames), float32.

        Returns:
            Same shape and dtype.

        Raises:
            RuntimeError: no statistics yet.
        """
        if not self._ready:
            self._refuse_unfitted()
        return (features - self.mean[:, None]) / self.std[:, None]

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> None:
        """Set mean and std from batches of features, read once, in float64.

        Args:
            batches: (N, 1, mels, frames) each; N may differ.

        Raises:
            ValueError: no frame in all of them.

        Source: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for
        computing sample variances".
        """
        count = 0
        mean = torch.zeros(self.mean.shape, dtype=torch.float64)
        squares = torch.zeros(self.mean.shape, dtype=torch.float64)  # Σ (x − mean)²
        for batch in batches:
            bands = batch.cpu().double().transpose(0, 2).flatten(1)  # (mels, N · frames)
            added = bands.shape[1]
            if added == 0:
                continue
            count += added
            offset = bands.mean(dim=1) - mean
            squares += bands.var(dim=1, correction=0) * added
            squares += offset.square() * (added * (count - added) / count)
            mean += offset * (added / count)
        if count == 0:
            raise ValueError("no clip to fit the features' mean and deviation to.")
        std = (squares / count).sqrt()
        self.set(mean, torch.where(std < _SMALLEST_STD, 1.0, std))
        self.count.fill_(count)

    def set(self, mean: Tensor, std: Tensor) -> None:
        """Take statistics that are known, (mels,) each."""
        self.mean.copy_(mean)
        self.std.copy_(std)
        self.count.fill_(1)

    def _refuse_unfitted(self) -> None:
        if int(self.count) == 0:
            raise RuntimeError(
                "the features' mean and deviation were never fitted: call "
                "Frontend.fit_statistics(waveforms) or load a checkpoint first."
            )
        self._ready = True
