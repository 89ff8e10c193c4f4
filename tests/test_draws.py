"""xnorkit.draws."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xnorkit import draws

INDEX = torch.arange(20000)
MASK = 2**64 - 1


def splitmix64(state):
    """One output of the published generator, in Python's whole numbers."""
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def test_the_reference_generator_gives_its_published_first_numbers():
    assert splitmix64(0) == 0xE220A8397B1DCDAF
    assert splitmix64(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 8))
def test_uniform_numbers_are_splitmix64_on_the_mixed_key(key, count):
    purpose = draws._word("noise") & MASK
    gamma = 0x9E3779B97F4A7C15
    state = splitmix64((((key & MASK) ^ purpose) - gamma) & MASK)
    want = [(splitmix64((state + i * gamma) & MASK) >> 11) * 2.0**-53 for i in range(count)]
    got = draws.uniform(torch.tensor([key]), "noise", count)
    assert got.dtype == torch.float64
    assert got.tolist() == [want]


def test_a_draw_depends_on_nothing_but_its_four_counters():
    whole = draws.key(7, 3, INDEX, "sample")
    part = draws.key(7, 3, INDEX[100:105], "sample")
    assert torch.equal(whole[100:105], part)


@pytest.mark.parametrize(
    "other",
    [(8, 3, "sample"), (7, 4, "sample"), (7, 3, "order"), (73, 0, "sample")],
    ids=["seed", "epoch", "purpose", "digits"],
)
def test_another_seed_epoch_or_purpose_gives_unrelated_keys(other):
    seed, epoch, purpose = other
    a = draws.uniform(draws.key(7, 3, INDEX, "sample"), "x")[:, 0]
    b = draws.uniform(draws.key(seed, epoch, INDEX, purpose), "x")[:, 0]
    correlation = torch.corrcoef(torch.stack([a, b]))[0, 1]
    assert abs(correlation) < 4 / len(INDEX) ** 0.5


def test_keys_of_different_indices_differ():
    assert len(draws.key(1, 0, INDEX, "sample").unique()) == len(INDEX)


def test_uniform_numbers_fill_the_interval_evenly():
    u = draws.uniform(draws.key(1, 0, INDEX, "sample"), "x", 3)
    assert u.min() >= 0
    assert u.max() < 1
    for column in u.T:
        share = torch.histc(column, bins=10, min=0, max=1) / len(column)
        assert (share - 0.1).abs().max() < 0.01
    assert torch.corrcoef(u.T).fill_diagonal_(0).abs().max() < 4 / len(INDEX) ** 0.5


def test_fewer_numbers_are_the_first_of_more():
    keys = draws.key(1, 0, INDEX[:10], "sample")
    assert torch.equal(draws.uniform(keys, "x", 2), draws.uniform(keys, "x", 5)[:, :2])


@pytest.mark.parametrize("length", [0, 1, 2, 1000])
def test_a_permutation_holds_every_number_once(length):
    order = draws.permutation(1, 0, length, "order")
    assert order.dtype == torch.int64
    assert order.sort().values.tolist() == list(range(length))


def test_permutations_of_two_epochs_differ():
    assert not torch.equal(
        draws.permutation(1, 0, 100, "order"), draws.permutation(1, 1, 100, "order")
    )
