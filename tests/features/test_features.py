"""xnorkit.features.features: what is promised of every kind."""

import pytest
import torch

from xnorkit.features import Frontend, ImageFrontend, LogMel
from xnorkit.features.features import Features, keep_dtype, name_in_batch

KINDS = [Frontend(LogMel(samples=1600, n_mels=8)), ImageFrontend((3, 4, 5))]


@pytest.mark.parametrize("features", KINDS, ids=lambda f: f.takes)
def test_every_kind_says_what_it_takes_and_gives(features):
    assert isinstance(features, Features)
    assert features.takes in ("waveform", "image")
    assert len(features.output_shape) == 3
    assert all(isinstance(v, int | float | str) for v in features.parameters_dict().values())


@pytest.mark.parametrize("features", KINDS, ids=lambda f: f.takes)
def test_statistics_stay_float32_in_any_precision(features):
    features.half()
    assert features.standardise.mean.dtype == torch.float32
    assert features.standardise.count.dtype == torch.int64


def test_a_module_that_says_nothing_takes_waveforms():
    assert name_in_batch(torch.nn.Flatten()) == "waveform"
    assert name_in_batch(KINDS[1]) == "image"


def test_a_dtype_is_kept_and_a_device_is_not():
    x = torch.ones(2)
    assert keep_dtype(torch.Tensor.double, x).dtype == torch.float32
    assert keep_dtype(lambda t: t.to("meta"), x).device.type == "meta"
