"""Thresholds of real values against torch, float by float around each switch."""

import numpy as np
import pytest
import torch
from fold_cases import (
    COMPOSITIONS,
    chains,
    grid,
    make_chain,
    norm_of,
    refused_for_nan,
    seeds,
    torch_outputs,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from xnorkit.deploy.channelwise import ChannelBias
from xnorkit.deploy.fold import FoldError, real_thresholds

LIMIT = 2.0**64  # beyond it a chain may overflow to NaN, and nothing is promised


def ulps(switches, distance):
    """All floats up to `distance` away from each switch, (G, C); by numpy's own stepping."""
    rows = [np.nan_to_num(switches.numpy(), posinf=1.0, neginf=-1.0)]
    for limit in (np.float32(-np.inf), np.float32(np.inf)):
        x = rows[0]
        for _ in range(distance):
            x = np.nextafter(x, limit)
            rows.append(x)
    return torch.from_numpy(np.stack(rows))


def random_floats(rows, channels, seed):
    """Finite floats with random bits, (G, C)."""
    bits = np.random.default_rng(seed).integers(0, 2**32, (rows, channels), dtype=np.uint32)
    floats = bits.view(np.float32)
    return torch.from_numpy(np.where(np.isfinite(floats), floats, np.float32(1)))


def check_reals(modules, channels, dims, seed):
    """Equal torch on 1000 floats each side of each switch and on random floats, or NaN."""
    probe = torch.cat([random_floats(500, channels, seed), grid(-50, 50, channels)])
    try:
        found = real_thresholds(nn.Sequential(*modules), channels, dims)
    except FoldError as error:
        refused_for_nan(error)
        near = probe.clamp(-LIMIT, LIMIT)
        assert torch_outputs(modules, near, dims).isnan().any()
        return
    assert found.threshold.dtype == torch.float32
    zeros = torch.tensor([0.0, -0.0])[:, None].repeat(1, channels)
    values = torch.cat([ulps(found.threshold, 1000), probe, zeros])
    outputs = torch_outputs(modules, values, dims)
    judged = (values.abs() <= LIMIT) | ~outputs.isnan()
    assert torch.equal(found.bits(values)[judged], (outputs < 0)[judged])


@settings(max_examples=100, deadline=None)
@given(chains, seeds, st.sampled_from([0, 1, 2]))
def test_real_thresholds_are_torch_s_for_hard_numbers(names, seed, dims):
    check_reals(make_chain(names, 5, dims, seed), 5, dims, seed)


@pytest.mark.parametrize("names", [n for n in COMPOSITIONS if len(n) <= 2], ids="-".join)
def test_real_thresholds_are_torch_s_for_all_pairs(names):
    check_reals(make_chain(names, 8, 2, len(names)), 8, 2, 7)


def test_identity_has_the_threshold_zero_and_minus_zero_is_positive():
    found = real_thresholds(nn.Sequential(), 3, dims=0)
    assert found.threshold.tolist() == [0.0] * 3
    assert found.flip.tolist() == [0] * 3
    assert not found.bits(torch.tensor([-0.0, 0.0, 1e-45])).any()
    assert found.bits(torch.tensor([-1e-45] * 3)).all()


def test_a_denormal_threshold_is_found_to_the_bit():
    found = real_thresholds(ChannelBias(torch.tensor([1e-44, -1e-44])), 2)
    assert found.threshold.tolist() == [-np.float32(1e-44), np.float32(1e-44)]


@pytest.mark.parametrize(("beta", "threshold"), [(2.0, -np.inf), (-2.0, np.inf)])
def test_a_real_channel_that_never_switches_is_infinite(beta, threshold):
    found = real_thresholds(norm_of(0.0, beta), 1)
    assert (found.threshold.item(), found.flip.item()) == (threshold, 0)
    assert real_thresholds(nn.ReLU(), 1).threshold.item() == -np.inf


def test_a_switch_beside_the_long_zero_of_a_relu_is_found():
    chain = nn.Sequential(nn.ReLU(), norm_of(-1.0, mean=1e-38))
    found = real_thresholds(chain, 1)
    assert found.flip.item() == 1
    assert found.threshold.item() == np.nextafter(np.float32(1e-38), np.float32(1))


def test_overflow_to_nan_beyond_2_to_the_64_does_not_hide_a_constant_channel():
    chain = nn.Sequential(norm_of(1e15), norm_of(0.0, beta=-1.0))  # 0 · inf at the largest floats
    assert real_thresholds(chain, 1).threshold.item() == np.inf


def test_a_nan_among_ordinary_values_is_refused():
    with pytest.raises(FoldError, match=r"^block\.3: channel 0 gives NaN for"):
        real_thresholds(
            lambda x: x - x.abs().clamp(max=1).log().clamp(max=0) / 0, 1, where="block.3"
        )
