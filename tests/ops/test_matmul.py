"""Against float64 products of the signs, on every path."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.ops import OpError, pack_bits, xnor_gemm, xnor_linear

SIZES = (  # rows, filters, length: tails of words and of vectors, few rows and many, long sums
    (1, 1, 1), (1, 70, 64), (3, 5, 63), (4, 64, 65), (5, 65, 576), (2, 3, 4096), (9, 130, 129),
    (50, 64, 192), (97, 67, 1000), (12, 33, 512), (13, 9, 70000), (49, 64, 64), (1, 130, 3001),
)  # fmt: skip


def signs(x):
    return torch.where(x < 0, -1.0, 1.0)


def product(a, b):
    return signs(a).double() @ signs(b).double().mT


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("m", "n", "k"), SIZES)
def test_products_are_those_of_the_signs(isa, m, n, k):
    a, b = random(m, k), random(n, k, seed=1)
    expected = product(a, b)
    for threads in (1, 3):
        y = xnor_gemm(pack_bits(a), pack_bits(b), k, threads=threads)
        assert y.dtype == torch.int32
        assert torch.equal(y.double(), expected)


@pytest.mark.parametrize(("m", "n", "k"), SIZES[:9])
def test_a_linear_layer_rounds_where_torch_does(isa, m, n, k):
    x, w, scale, bias = random(m, k), random(n, k, seed=1), random(n, seed=2), random(n, seed=3)
    expected = product(x, w).float()
    packed = pack_bits(w)
    assert torch.equal(xnor_linear(x, packed), expected)
    assert torch.equal(xnor_linear(x, packed, scale), expected * scale)
    assert torch.equal(xnor_linear(x, packed, bias=bias), expected + bias)
    assert torch.equal(xnor_linear(x, packed, scale, bias), expected * scale + bias)
    assert torch.equal(xnor_linear(x, packed, scale[:1], bias), expected * scale[0] + bias)


def test_threads_share_out_large_products():
    a, b = random(500, 900), random(701, 900, seed=1)  # 5 million products of words
    for threads in (2, 5, 300):  # a thread gets a million, or is none
        y = xnor_gemm(pack_bits(a), pack_bits(b), 900, threads=threads)
        assert torch.equal(y.double(), product(a, b))


@given(st.lists(st.integers(0, 4), max_size=3), st.integers(0, 6), st.integers(0, 200))
@settings(deadline=None)
def test_leading_axes_are_rows(leading, n, k):
    a, b = random(*leading, k), random(n, k, seed=1)
    expected = torch.einsum("...k,nk->...n", signs(a).double(), signs(b).double())
    assert torch.equal(xnor_gemm(pack_bits(a), pack_bits(b), k).double(), expected)
    assert torch.equal(xnor_linear(a, pack_bits(b)), expected.float())


def test_filler_and_what_lies_between_rows_is_not_looked_at():
    a, b = random(7, 77), random(9, 77, seed=1)
    dirty = [pack_bits(x) | torch.tensor([0] * 9 + [0b11100000], dtype=torch.uint8) for x in (a, b)]
    assert torch.equal(xnor_gemm(*dirty, 77).double(), product(a, b))
    spread = [x.repeat_interleave(2, 1)[:, ::2] for x in dirty]
    assert torch.equal(xnor_gemm(*spread, 77).double(), product(a, b))
    assert torch.equal(xnor_linear(a.T.contiguous().T, dirty[1]).double(), product(a, b))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int8, torch.int64])
def test_signs_of_any_dtype_are_multiplied(isa, dtype):
    x, w = (random(5, 200) * 9).to(dtype), random(6, 200, seed=1)
    assert torch.equal(xnor_linear(x, pack_bits(w)).double(), product(x, w))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda a, b: xnor_gemm(a, b, 65), "a has 8 bytes a row: 65 bits take 9"),
        (lambda a, b: xnor_gemm(a, b[0], 64), "b has shape .*: give it two axes"),
        (lambda a, b: xnor_gemm(a, b.int(), 64), "b is torch.int32"),
        (lambda a, b: xnor_linear(torch.ones(3, 65), b), "weight has 8 bytes a row"),
        (lambda a, b: xnor_linear(torch.tensor(1.0), b), "x has no axis of features"),
        (lambda a, b: xnor_linear(torch.ones(1, 2**24 + 1), b), "exact to 16777216"),
        (lambda a, b: xnor_linear(torch.ones(64), b, torch.ones(2)), "scale is .*the 3 filters"),
        (lambda a, b: xnor_linear(torch.ones(64), b, bias=torch.ones(3).double()), "bias is"),
        (lambda a, b: xnor_linear(torch.ones(64).byte(), b), "x is torch.uint8"),
        (lambda a, b: xnor_linear(torch.ones(64), b, threads=-1), "threads=-1"),
    ],
)
def test_what_does_not_fit_is_refused(call, sentence):
    with pytest.raises(OpError, match=sentence):
        call(pack_bits(torch.ones(2, 64)), pack_bits(torch.ones(3, 64)))


def test_backward_says_that_there_is_no_gradient():
    x = torch.ones(2, 64, requires_grad=True)
    y = xnor_linear(x * 2, pack_bits(torch.ones(3, 64)))
    with pytest.raises(RuntimeError, match=r"xnor_linear has no gradient.*xnorkit.nn.BinaryLinear"):
        y.sum().backward()
    with torch.no_grad():
        assert xnor_linear(x, pack_bits(torch.ones(3, 64))).tolist() == [[64.0] * 3] * 2


def test_opcheck():
    a, b = random(2, 3, 77), random(4, 77, seed=1)
    packed = pack_bits(b)
    torch.library.opcheck(torch.ops.xnorkit.xnor_gemm.default, (pack_bits(a), packed, 77))
    op = torch.ops.xnorkit.xnor_linear.default
    torch.library.opcheck(op, (a, packed))
    torch.library.opcheck(op, (a, packed, random(4), random(4), 2))
