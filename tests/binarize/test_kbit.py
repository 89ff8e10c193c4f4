"""xnorkit.binarize.kbit: the grids, the rounding, the gradients, the codes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xnorkit.binarize import quantize_k, quantize_unit, sign
from xnorkit.binarize.kbit import level_codes

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


@given(
    x=arrays.arrays(np.float64, 9, elements=st.floats(-2, 2)),
    bits=st.integers(1, 16),
)
def test_the_unit_grid_is_its_closed_form(x, bits):
    levels = 2**bits - 1
    expected = np.round(levels * np.clip(x, 0, 1)) / levels
    result = quantize_unit(torch.from_numpy(x.copy()), bits).numpy()
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-15)


def test_one_bit_of_the_unit_grid_is_one_above_a_half():
    above, below = float(np.nextafter(np.float32(0.5), 1)), float(np.nextafter(np.float32(0.5), 0))
    x = torch.tensor([-1.0, -0.0, below, 0.5, above, 1.0, 7.0])
    assert quantize_unit(x, 1).tolist() == [0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_the_unit_grids_gradient_is_that_of_its_clip(bits):
    x = torch.tensor([-0.1, -0.0, 0.0, 0.4, 1.0, 1.1, float("nan")]).requires_grad_()
    (result,) = torch.autograd.grad(quantize_unit(x, bits), x, torch.full_like(x, 3.0))
    assert result.tolist() == [0, 3, 3, 3, 3, 0, 0]


@pytest.mark.parametrize("of", ["signed", "unit"])
@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("dtype", DTYPES)
def test_codes_are_whole_and_stand_for_the_values(dtype, bits, of):
    x = torch.linspace(-1.3, 1.3, 1001).to(dtype)
    codes, levels = level_codes(x, bits, of).double(), 2**bits - 1
    values = quantize_unit(x, bits) if of == "unit" else quantize_k(x, bits)
    assert codes.unique().tolist() == list(
        range(levels + 1) if of == "unit" else range(-levels, levels + 1, 2)
    )
    np.testing.assert_allclose(codes / levels, values.double(), rtol=0, atol=EPSILON[dtype])


def test_an_odd_code_is_a_sum_of_powers_of_two_with_signs():
    codes = level_codes(torch.linspace(-1, 1, 999), 4)
    planes = [torch.where((codes.int() + 15) // 2 >> j & 1 == 1, 1, -1) for j in range(4)]
    assert torch.equal(sum(2**j * plane for j, plane in enumerate(planes)), codes.int())


def test_a_codes_gradient_is_the_values_times_the_levels():
    x = torch.tensor([-1.5, -0.2, 0.9, 1.5]).requires_grad_()
    (signed,) = torch.autograd.grad(level_codes(x, 3).sum(), x)
    (unit,) = torch.autograd.grad(level_codes(x, 3, "unit").sum(), x)
    assert signed.tolist() == [0, 7, 7, 0]
    assert unit.tolist() == [0, 0, 7, 0]
