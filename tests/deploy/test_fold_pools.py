"""Max-pool on sign bits, AND or OR by what follows, against torch's pool of the values."""

import torch
from fold_cases import chains, make_chain, norm_of, refused_for_nan, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from xnorkit.deploy.fold import FoldError, integer_thresholds, pool_mask


def pool_bits(bits, mask, pool):
    """AND or OR under each window of a pool, taps outside left out; (N, C, H, W) bool."""
    # torch's own pool, of booleans as numbers: OR is their maximum, AND their minimum.
    ones = bits.float()
    any_of, all_of = pool(ones) > 0, -pool(-ones) > 0
    return torch.where(mask.bool()[:, None, None], any_of, all_of)


POOLS = st.builds(
    lambda kernel, stride, padding, ceil: nn.MaxPool2d(
        kernel, stride, min(padding, kernel // 2), ceil_mode=ceil
    ),
    st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.booleans(),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(chains, chains, POOLS, seeds)
def test_pooled_bits_are_the_bits_of_the_pooled_values(before, after, pool, seed):
    before, after = make_chain(before, 6, 2, seed), make_chain(after, 6, 2, seed + 1)
    sums = torch.randint(-30, 31, (2, 6, 7, 5), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        pooled = pool(nn.Sequential(*before)(sums.float()))
        expected = nn.Sequential(*after)(pooled)
    try:
        found = integer_thresholds(nn.Sequential(*before, *after), 6, -30, 30)
        mask = pool_mask(nn.Sequential(*after), 6)
    except FoldError as error:
        refused_for_nan(error)
        return
    bits = found.bits(sums.movedim(1, -1)).movedim(-1, 1)
    assert torch.equal(pool_bits(bits, mask, pool), expected < 0)


def test_a_pool_right_before_the_sign_is_and_and_before_a_falling_norm_or():
    assert pool_mask(nn.Sequential(), 2).tolist() == [0, 0]
    assert pool_mask(norm_of(-1.0, beta=0.5), 1).tolist() == [1]
    assert pool_mask(norm_of(1.0, beta=0.5), 1).dtype == torch.uint8


def test_of_two_pools_each_takes_the_mask_of_all_that_follows():
    first, second = nn.MaxPool2d(2), nn.MaxPool2d(3, padding=1, ceil_mode=True)
    between, last = norm_of(-2.0, mean=1.5), norm_of(-1.0, mean=-3.0)
    sums = torch.randint(-9, 10, (4, 1, 12, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = last(second(between(first(sums.float())))) < 0
    bits = integer_thresholds(nn.Sequential(between, last), 1, -9, 9).bits(sums)
    bits = pool_bits(bits, pool_mask(nn.Sequential(between, last), 1), first)
    assert torch.equal(pool_bits(bits, pool_mask(last, 1), second), expected)
    assert 0 < expected.float().mean() < 1
