"""xnorkit.features.standardise."""

import numpy as np
import pytest
import torch

from xnorkit.features.standardise import Standardise


def decibels(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    level = torch.tensor([-80.0, -20.0, 5.0])[:, None]
    return level + 7 * torch.randn(count, 1, 3, 11, generator=generator)


@pytest.mark.parametrize("sizes", [[30], [1, 29], [10, 0, 7, 13]])
def test_fitting_in_batches_equals_numpy_on_all(sizes):
    features = decibels(30)
    standardise = Standardise(3)
    standardise.fit(features.split(sizes))
    bands = features.double().numpy().transpose(2, 0, 1, 3).reshape(3, -1)
    np.testing.assert_allclose(standardise.mean.numpy(), bands.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(standardise.std.numpy(), bands.std(axis=1), rtol=1e-6)
    assert int(standardise.count) == 30 * 11


def test_small_deviations_on_a_large_mean_survive():
    features = -80 + 0.01 * torch.randn(20, 1, 1, 50, generator=torch.Generator().manual_seed(1))
    standardise = Standardise(1)
    standardise.fit(features.split(4))
    np.testing.assert_allclose(
        standardise.std.numpy(), features.double().std(correction=0).numpy(), rtol=1e-5
    )


def test_standardised_features_have_mean_zero_and_deviation_one():
    features = decibels(50)
    standardise = Standardise(3)
    standardise.fit([features])
    result = standardise(features)
    assert result.shape == features.shape
    assert result.dtype == torch.float32
    torch.testing.assert_close(result.mean(dim=(0, 1, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.std(dim=(0, 1, 3)), torch.ones(3), atol=2e-3, rtol=0)


def test_a_constant_band_becomes_zero_and_not_nan():
    features = torch.full((4, 1, 2, 5), -100.0)
    standardise = Standardise(2)
    standardise.fit([features])
    assert torch.equal(standardise(features), torch.zeros_like(features))


def test_unfitted_statistics_are_refused():
    with pytest.raises(RuntimeError, match="never fitted: call"):
        Standardise(3)(decibels(1))


def test_nothing_to_fit_is_refused():
    with pytest.raises(ValueError, match="no sample to fit"):
        Standardise(3).fit([])


def test_statistics_come_back_from_a_checkpoint():
    fitted, loaded = Standardise(3), Standardise(3)
    fitted.fit([decibels(5)])
    loaded.load_state_dict(fitted.state_dict())
    assert torch.equal(loaded(decibels(2, seed=3)), fitted(decibels(2, seed=3)))
