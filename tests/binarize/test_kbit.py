"""xnorkit.binarize.kbit: the grid, the rounding, the gradient."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xnorkit.binarize import quantize_k, sign

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
EPSILON = {torch.float64: 1e-15, torch.float32: 2e-7, torch.float16: 1e-3, torch.bfloat16: 8e-3}


def closed_form(x, bits):
    levels = 2**bits - 1
    return 2 * (np.round(levels * (np.clip(x, -1, 1) + 1) / 2) / levels - 0.5)  # ties to even


@given(
    x=arrays.arrays(np.float64, 9, elements=st.floats(-2, 2)),
    bits=st.integers(2, 16),
)
def test_forward_is_the_closed_form(x, bits):
    result = quantize_k(torch.from_numpy(x.copy()), bits).numpy()
    np.testing.assert_allclose(result, closed_form(x, bits), rtol=0, atol=1e-15)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_values_are_the_evenly_spaced_ones(bits):
    values = quantize_k(torch.linspace(-1.5, 1.5, 5001, dtype=torch.float64), bits).unique()
    expected = torch.linspace(-1, 1, 2**bits, dtype=torch.float64)
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_as_close_as_it_can_be(dtype):
    x = torch.linspace(-1.2, 1.2, 301).to(dtype)
    step = 15 * (x.double().clamp(-1, 1) + 1) / 2
    x = x[((step - step.floor()) - 0.5).abs() > 1e-5]  # float32 may fall off a tie's other side
    result = quantize_k(x, 4)
    assert result.dtype == dtype
    expected = closed_form(x.double().numpy(), 4)
    np.testing.assert_allclose(result.double().numpy(), expected, rtol=0, atol=EPSILON[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_bit_is_sign(dtype):
    x = torch.tensor([-2.0, -0.3, -0.0, 0.0, 0.3, float("nan"), float("inf")], dtype=dtype)
    assert torch.equal(quantize_k(x, 1), sign(x))


def test_infinities_clamp_and_nan_stays():
    x = torch.tensor([float("inf"), -float("inf"), float("nan")])
    result = quantize_k(x, 3)
    assert result[:2].tolist() == [1, -1]
    assert result[2].isnan()


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_gradient_is_hard_tanhs(bits):
    x = torch.tensor([-1.5, -1.0, -0.2, 0.0, 1.0, 1.1, float("nan"), -float("inf")])
    x.requires_grad_()
    g = torch.full_like(x, 3.0)
    (result,) = torch.autograd.grad(quantize_k(x, bits), x, g)
    assert result.tolist() == [0, 3, 3, 3, 3, 0, 0, 0]
    result.fill_(9)
    assert (g == 3).all()


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3, 2, 2, 2)])
def test_any_rank_and_no_elements(shape):
    assert quantize_k(torch.rand(shape), 2).shape == shape


def test_layout_does_not_matter():
    x = torch.randn(4, 6).t()[::2]
    assert torch.equal(quantize_k(x, 3), quantize_k(x.contiguous(), 3))


@pytest.mark.parametrize("bits", [0, -1, 17, 2.5])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(ValueError, match=rf"bits={bits}: .* 1 … 16"):
        quantize_k(torch.zeros(3), bits)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="quantize_k takes a floating-point tensor"):
        quantize_k(torch.arange(3), 2)
