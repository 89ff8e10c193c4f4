"""Features to mean 0 and deviation 1 in every band, by fixed statistics of the train split."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

# dB, or shares of full brightness. A band that varies less is constant (a recording without that
# band): dividing by its deviation would blow rounding noise up to full size.
_SMALLEST_STD = 1e-3


class Standardise(nn.Module):
    """(x − mean) / std of each band; the statistics are fitted once and stay.

    Args:
        bands: how many.
        axis: of (N, …) with four axes, on which they lie: 2 for mel bands, 1 for colours.
    """

    mean: Tensor
    std: Tensor
    count: Tensor

    def __init__(self, bands: int, axis: int = 2) -> None:
        super().__init__()
        self.axis = axis
        self._broadcast = (-1, *(1,) * (3 - axis))
        self.register_buffer("mean", torch.zeros(bands, dtype=torch.float32))
        self.register_buffer("std", torch.ones(bands, dtype=torch.float32))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))  # 0: never fitted
        self._ready = False  # `count` is asked once: on a GPU each look waits for the device

    def forward(self, features: Tensor) -> Tensor:
        """Standardised features.

        Args:
            features: (N, …), four axes, float32.

        Returns:
            Same shape and dtype.

        Raises:
            RuntimeError: no statistics yet.
        """
        if not self._ready:
            self._refuse_unfitted()
        return (features - self.mean.view(self._broadcast)) / self.std.view(self._broadcast)

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> None:
        """Set mean and std from batches of features, read once, in float64.

        Args:
            batches: (N, …) each; N may differ.

        Raises:
            ValueError: no value in all of them.

        Source: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for
        computing sample variances".
        """
        count = 0
        mean = torch.zeros(self.mean.shape, dtype=torch.float64)
        squares = torch.zeros(self.mean.shape, dtype=torch.float64)  # Σ (x − mean)²
        for batch in batches:
            bands = batch.cpu().double().transpose(0, self.axis).flatten(1)  # (bands, values)
            added = bands.shape[1]
            if added == 0:
                continue
            count += added
            offset = bands.mean(dim=1) - mean
            squares += bands.var(dim=1, correction=0) * added
            squares += offset.square() * (added * (count - added) / count)
            mean += offset * (added / count)
        if count == 0:
            raise ValueError("no sample to fit the features' mean and deviation to.")
        std = (squares / count).sqrt()
        self.set(mean, torch.where(std < _SMALLEST_STD, 1.0, std))
        self.count.fill_(count)

    def set(self, mean: Tensor, std: Tensor) -> None:
        """Take statistics that are known, (bands,) each."""
        self.mean.copy_(mean)
        self.std.copy_(std)
        self.count.fill_(1)

    def _refuse_unfitted(self) -> None:
        if int(self.count) == 0:
            raise RuntimeError(
                "the features' mean and deviation were never fitted: call "
                "fit_statistics(samples) or load a checkpoint first."
            )
        self._ready = True
