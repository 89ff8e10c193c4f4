"""xnorkit.binarize.rounding: whole numbers, their gradients, steps that stay positive."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xnorkit.binarize.rounding import (
    int8_values,
    lsq_gradient_scale,
    raw_of,
    round_ste,
    step_derivative,
    step_of,
    with_step_gradient,
)

FLOAT32 = st.floats(-1e4, 1e4, width=32)
STEP = st.floats(2**-10, 2.0, width=32)


def lsq(x, step):
    """Equations 2, 3 and 5 of the paper in numpy: q, by x, by s."""
    ratio = x / step
    whole = np.clip(np.rint(ratio), -127, 127)  # rint: ties to even
    inside = np.abs(ratio) < 127
    return whole, inside.astype(x.dtype), np.where(inside, whole - ratio, whole)


def example(seed=0, shape=(4, 9)):
    """float64 values within, at and beyond ±127 steps of about 0.01, and these steps."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1.0, shape), 0.01 * (1 + rng.random((shape[0], 1)))


def test_rounding_is_half_to_even_and_its_gradient_passes():
    x = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.3], requires_grad=True)
    y = round_ste(x)
    assert y.tolist() == [-2, -2, 0, 0, 2, 2, 0]
    y.backward(torch.arange(7.0))
    assert x.grad.tolist() == list(range(7))


@settings(deadline=None)
@given(x=arrays.arrays(np.float32, 33, elements=FLOAT32), step=STEP)
def test_values_are_those_of_a_float32_division_bit_for_bit(x, step):
    step = np.float32(step)
    whole = int8_values(torch.from_numpy(x.copy()), torch.tensor(step)).numpy()
    np.testing.assert_array_equal(whole, np.clip(np.rint(x / step), -127, 127))


@settings(deadline=None)
@given(step=STEP)
def test_every_tie_goes_to_the_even_neighbour(step):
    halves = torch.arange(-130, 130) + 0.5
    step = torch.tensor(2.0 ** round(np.log2(step)))  # so that the quotient is exact
    expected = np.clip(np.rint(halves.numpy()), -127, 127)
    np.testing.assert_array_equal(int8_values(halves * step, step).numpy(), expected)


def test_a_multiplication_by_the_reciprocal_would_differ():
    step = torch.tensor(0.031496062874794006)
    x = (torch.arange(-127, 127) + 0.5) * step
    quotient = (x.numpy() / step.numpy()).astype(np.float32)
    assert (np.rint(quotient) != np.rint(x.numpy() * (np.float32(1) / step.numpy()))).any()
    np.testing.assert_array_equal(int8_values(x, step).numpy(), np.rint(quotient))


def test_infinities_are_clipped_and_nan_shows():
    x = torch.tensor([float("inf"), -float("inf"), float("nan"), 0.0], requires_grad=True)
    step = torch.tensor(0.5, requires_grad=True)
    q = int8_values(x, step)
    assert q[:2].tolist() == [127, -127]
    assert q[2].isnan()
    (q * step)[[0, 1, 3]].sum().backward()
    assert x.grad.tolist() == [0, 0, 0, 1]
    assert int8_values(x[:2], step).sum().isfinite()


def test_an_infinite_input_is_just_clipped_in_the_steps_gradient():
    step = torch.tensor(0.5, requires_grad=True)
    (int8_values(torch.tensor([float("inf"), 0.1]), step) * step).sum().backward()
    assert step.grad.item() == pytest.approx(127 - 0.2)


@pytest.mark.parametrize("seed", range(5))
def test_gradients_are_lsqs_closed_form(seed):
    x, step = example(seed)
    incoming = np.random.default_rng(100 + seed).normal(size=x.shape)
    whole, by_x, by_step = lsq(x, step)
    tx, ts = torch.tensor(x, requires_grad=True), torch.tensor(step, requires_grad=True)
    y = int8_values(tx, ts) * ts
    y.backward(torch.tensor(incoming))
    np.testing.assert_array_equal(y.detach().numpy(), whole * step)
    np.testing.assert_allclose(tx.grad.numpy(), incoming * by_x, rtol=1e-12)
    expected = (incoming * by_step).sum(1, keepdims=True)
    np.testing.assert_allclose(ts.grad.numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_one_step_for_all_has_the_sum_of_all_gradients(seed):
    x, _ = example(seed)
    step = torch.tensor(0.02, dtype=torch.float64, requires_grad=True)
    (int8_values(torch.tensor(x), step) * step).sum().backward()
    assert step.grad.shape == ()
    assert step.grad.item() == pytest.approx(lsq(x, 0.02)[2].sum(), rel=1e-9)


def test_the_derivative_by_the_step_is_the_papers():
    x, step = example()
    derivative = step_derivative(torch.tensor(x), torch.tensor(step)).numpy()
    np.testing.assert_allclose(derivative, lsq(x, step)[2], rtol=1e-12)


def test_gradients_are_true_ones_where_rounding_is_held_still():
    # Away from ties q·s is s·(x/s + c) inside and ±127·s beyond, with c a constant.
    x, step = example(7)
    offset = np.rint(x / step) - x / step

    def held(x, step):
        inside = np.abs(x / step) < 127
        return np.where(inside, step * (x / step + offset), 127 * np.sign(x) * step)

    tx, ts = torch.tensor(x, requires_grad=True), torch.tensor(step, requires_grad=True)
    (int8_values(tx, ts) * ts).sum().backward()
    by_x = (held(x + 1e-7, step) - held(x - 1e-7, step)) / 2e-7
    by_step = (held(x, step + 1e-9) - held(x, step - 1e-9)) / 2e-9
    np.testing.assert_allclose(tx.grad.numpy(), by_x, atol=1e-6)
    np.testing.assert_allclose(ts.grad.numpy(), by_step.sum(1, keepdims=True), atol=1e-3)


def test_channels_last_is_kept_with_one_channel():
    weight = torch.randn(8, 1, 5, 5).to(memory_format=torch.channels_last)
    assert int8_values(weight, torch.ones(8, 1, 1, 1)).stride() == weight.stride()


def test_a_gradient_past_the_convolution_is_the_sum_over_its_output():
    y = torch.randn(3, 4, requires_grad=True)
    step = torch.tensor(0.1, requires_grad=True)
    derivative, gradient = torch.randn(3, 4), torch.randn(3, 4)
    result = with_step_gradient(y, step, derivative)
    assert torch.equal(result, y)
    result.backward(gradient)
    assert torch.equal(y.grad, gradient)
    torch.testing.assert_close(step.grad, (gradient * derivative).sum())


# steps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_step_is_positive_whatever_its_parameter(dtype):
    raw = torch.tensor([0.0, -0.0, 1, -1, 0.01, -0.01, 1e6, -1e6, 1e9, -1e9], dtype=dtype)
    step = step_of(raw, 0.03)
    assert step.dtype == dtype
    assert step.isfinite().all()
    assert (step > 0).all()


def test_a_step_is_its_unit_at_0_and_moves_by_shares():
    raw = torch.tensor([0, 0.01, -0.01, 1, -1], dtype=torch.float64)
    expected = 0.25 * torch.tensor([1, 1.01, 1 / 1.01, 2, 0.5], dtype=torch.float64)
    torch.testing.assert_close(step_of(raw, 0.25), expected)


@settings(deadline=None)
@given(ratio=st.floats(1e-4, 1e4), unit=st.floats(1e-3, 10))
def test_a_step_has_one_parameter(ratio, unit):
    step = torch.tensor([ratio * unit], dtype=torch.float64)
    torch.testing.assert_close(step_of(raw_of(step, unit), unit), step, rtol=1e-9, atol=0)


def test_a_step_that_can_not_be_is_the_unit():
    assert raw_of(torch.tensor([0.0, -1.0, float("nan")]), 0.03).tolist() == [0, 0, 0]


def test_the_gradient_of_a_step_is_the_true_one():
    raw = torch.tensor([-30, -2, -0.5, 0.5, 2, 30.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: step_of(r, 0.2), raw)


def test_the_gradient_scale_multiplies_the_gradient_alone():
    raw = torch.tensor([-0.5, 0.5], requires_grad=True)
    assert torch.equal(step_of(raw, 0.2, 7.0), step_of(raw, 0.2))
    (plain,) = torch.autograd.grad(step_of(raw, 0.2).sum(), raw)
    (scaled,) = torch.autograd.grad(step_of(raw, 0.2, 7.0).sum(), raw)
    torch.testing.assert_close(scaled, 7 * plain)


def test_under_sgd_a_step_moves_as_if_it_were_the_parameter():
    unit, count, rate, gradient = 0.02, 49, 0.05, 3e-3
    raw = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    step = step_of(raw, unit, lsq_gradient_scale(count, unit))
    step.backward(torch.tensor(gradient, dtype=torch.float64))
    torch.optim.SGD([raw], lr=rate).step()
    expected = step.item() - rate * gradient / np.sqrt(count * 127)  # section 2.2
    assert step_of(raw, unit).item() == pytest.approx(expected, rel=1e-12)


def test_nothing_shares_a_step_without_an_error():
    assert np.isfinite(lsq_gradient_scale(0, 0.1))
