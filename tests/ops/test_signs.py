"""Against numpy's packbits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xnorkit.ops import OpError, pack_bits, unpack_bits

SIGNED = (
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.int8, torch.int16, torch.int32, torch.int64,
)  # fmt: skip
TAILS = (1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 200)


def packed_by_numpy(bits):
    return torch.from_numpy(np.packbits(bits.numpy(), axis=-1, bitorder="little"))


def signs(*shape, seed=0):
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("dtype", SIGNED)
@pytest.mark.parametrize("n", TAILS)
def test_negative_elements_are_the_ones_that_numpy_packs_little(isa, dtype, n):
    x = (signs(3, n) * torch.arange(1, n + 1)).to(dtype)
    packed = pack_bits(x)
    assert torch.equal(packed, packed_by_numpy(x < 0))
    assert torch.equal(unpack_bits(packed, n, dtype), torch.where(x < 0, -1, 1).to(dtype))


@pytest.mark.parametrize("n", TAILS)
def test_bits_are_packed_as_they_are(isa, n):
    bits = signs(2, n) > 0
    assert torch.equal(pack_bits(bits), packed_by_numpy(bits))
    assert torch.equal(unpack_bits(pack_bits(bits), n, torch.bool), bits)


@pytest.mark.parametrize("dtype", SIGNED[:4])
def test_zero_minus_zero_and_nan_are_positive_infinity_and_the_least_number_have_their_sign(
    isa, dtype
):
    tiny = torch.tensor(torch.finfo(dtype).smallest_normal, dtype=dtype) / 2  # a denormal number
    special = [0.0, -0.0, float("nan"), -float("nan"), float("inf"), -float("inf")]
    x = torch.cat([torch.tensor(special, dtype=dtype), torch.stack([tiny, -tiny])])
    nan = torch.tensor([-1], dtype=torch.int64).view(torch.float64).to(dtype)  # its sign bit is 1
    x = torch.cat([x, nan]).repeat(9)
    bits = unpack_bits(pack_bits(x), 81, torch.bool).reshape(9, 9)
    assert torch.equal(bits, torch.tensor([0, 0, 0, 0, 0, 1, 0, 1, 0]).bool().expand(9, 9))


def test_bytes_stand_as_documented():
    x = torch.ones(12)
    x[0] = x[9] = -1
    assert pack_bits(x).tolist() == [0b1, 0b10]
    assert unpack_bits(torch.tensor([0b1, 0b11110010], dtype=torch.uint8), 12).tolist() == [
        -1, 1, 1, 1, 1, 1, 1, 1, 1, -1, 1, 1,
    ]  # fmt: skip


@given(st.lists(st.integers(0, 5), min_size=0, max_size=3), st.integers(0, 150))
def test_any_shape_comes_back(sizes, n):
    x = signs(*sizes, n).float()
    packed = pack_bits(x)
    assert packed.shape == (*sizes, (n + 7) // 8)
    assert torch.equal(unpack_bits(packed, n), x)


def test_what_is_not_contiguous_is_packed_by_its_values():
    x = signs(70, 30).float()
    assert torch.equal(pack_bits(x.T), packed_by_numpy(x.T < 0))
    packed = pack_bits(x)
    assert torch.equal(unpack_bits(packed.repeat_interleave(2, 1)[:, ::2], 30), x)


@pytest.mark.parametrize("shape", [(1, 700_001), (700_001, 1), (3000, 257)])
def test_threads_share_rows_and_a_single_row(shape):
    x = signs(*shape).float()
    for threads in (1, 2, 5):
        packed = pack_bits(x, threads=threads)
        assert torch.equal(packed, packed_by_numpy(x < 0))
        assert torch.equal(unpack_bits(packed, shape[1], threads=threads), x)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: pack_bits(torch.ones(3, dtype=torch.uint8)), "x is torch.uint8: signs are those"),
        (lambda: pack_bits(torch.tensor(1.0)), "x has no axis to pack"),
        (lambda: pack_bits(torch.ones(3), threads=0), "threads=0: give 1 or more"),
        (lambda: unpack_bits(pack_bits(torch.ones(9)), 17), "2 bytes a row: 17 bits take 3"),
        (lambda: unpack_bits(torch.ones(2), 16), "packed is torch.float32 of shape"),
        (lambda: unpack_bits(pack_bits(torch.ones(9)), 9, torch.uint8), "dtype=torch.uint8"),
    ],
)
def test_what_has_no_sign_or_no_row_is_refused(call, sentence):
    with pytest.raises(OpError, match=sentence):
        call()


def test_opcheck():
    for x in (torch.randn(2, 5, 77), torch.randn(3, 8).double(), torch.ones(0, 4)):
        torch.library.opcheck(torch.ops.xnorkit.pack_bits.default, (x,))
        arguments = (pack_bits(x), x.shape[-1], torch.float32)
        torch.library.opcheck(torch.ops.xnorkit.unpack_bits.default, arguments)
