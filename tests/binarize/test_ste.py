"""xnorkit.binarize.ste: every estimator's gradient against its closed form in float64."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xnorkit import binarize
from xnorkit.binarize import ESTIMATORS, sign
from xnorkit.binarize.ste import with_gradient_of

GOLDEN = Path(__file__).parents[1] / "golden" / "seed_systems.npz"


def swish_derivative(x, beta=5.0):
    with np.errstate(over="ignore", invalid="ignore"):
        value = beta * (2 - beta * x * np.tanh(beta * x / 2)) / (1 + np.cosh(beta * x))
    return np.where(np.abs(x) > 100, 0.0, value)  # the limit: cosh overflows there


CLOSED_FORMS = {
    "ste_clip": lambda x, g: np.where(np.abs(x) <= 1, g, 0.0),
    "ste_identity": lambda x, g: g,
    "ste_approx": lambda x, g: np.where(np.abs(x) <= 1, g * (2 - 2 * np.abs(x)), 0.0),
    "ste_swish": lambda x, g: g * swish_derivative(x),
    "ste_clamp_grad": lambda x, g: np.clip(g, -1, 1),
}
EPSILON = {torch.float64: 1e-14, torch.float32: 2e-6, torch.float16: 6e-3, torch.bfloat16: 5e-2}


def gradient_of(name, x, g):
    x = x.detach().requires_grad_()
    ESTIMATORS[name](x).backward(g)
    return x.grad


def test_every_estimator_has_its_closed_form_here_and_its_public_name():
    assert set(ESTIMATORS) == set(CLOSED_FORMS)
    for name, estimator in ESTIMATORS.items():
        assert getattr(binarize, name) is estimator
    assert sign is binarize.ste_clip


@pytest.mark.parametrize("name", CLOSED_FORMS)
@given(
    x=arrays.arrays(np.float64, 12, elements=st.floats(-3, 3)),
    g=arrays.arrays(np.float64, 12, elements=st.floats(-1e3, 1e3)),
)
def test_gradient_is_the_closed_form(name, x, g):
    result = gradient_of(name, torch.from_numpy(x.copy()), torch.from_numpy(g.copy())).numpy()
    np.testing.assert_allclose(result, CLOSED_FORMS[name](x, g), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_gradient_in_every_dtype(name, dtype):
    x = torch.linspace(-2, 2, 401).to(dtype)
    g = torch.linspace(-3, 3, 401).to(dtype)
    expected = CLOSED_FORMS[name](x.double().numpy(), g.double().numpy())
    result = gradient_of(name, x, g)
    assert result.dtype == dtype
    scale = 1 + np.abs(expected).max()
    np.testing.assert_allclose(result.double().numpy(), expected, atol=EPSILON[dtype] * scale)


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("name", ["ste_clip", "ste_approx", "ste_swish"])
def test_infinities_and_nan_let_no_gradient_through(name, dtype):
    x = torch.tensor([float("inf"), -float("inf"), float("nan"), 6e4, -6e4]).to(dtype)
    assert gradient_of(name, x, torch.full_like(x, 2.0)).tolist() == [0] * 5


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_zero_has_the_gradient_of_its_closed_form_whatever_its_sign(name):
    x = torch.tensor([0.0, -0.0], dtype=torch.float64)
    g = torch.tensor([0.5, 0.5], dtype=torch.float64)
    expected = CLOSED_FORMS[name](x.numpy(), g.numpy())
    assert gradient_of(name, x, g).tolist() == expected.tolist()


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_the_border_at_one_belongs_to_the_inside(name):
    x = torch.tensor([1.0, -1.0, 1.0000001, -1.0000001])
    g = torch.full_like(x, 0.5)
    expected = CLOSED_FORMS[name](x.double().numpy(), g.double().numpy())
    np.testing.assert_allclose(gradient_of(name, x, g).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_backward_neither_writes_into_nor_hands_on_the_incoming_gradient(name):
    x = torch.randn(30, requires_grad=True)
    g = 4 * torch.randn(30)
    before = g.clone()
    (result,) = torch.autograd.grad(ESTIMATORS[name](x), x, g)
    result.fill_(7)
    assert torch.equal(g, before)


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("shape", [(), (0,), (1, 0, 2), (2, 3, 2, 2, 2)])
def test_any_rank_and_no_elements(name, shape):
    x = torch.rand(shape) - 0.5
    assert ESTIMATORS[name](x).shape == shape
    assert gradient_of(name, x, torch.ones(shape)).shape == shape


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_a_transposed_gradient_is_read_right(name):
    x, g = torch.randn(4, 6, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64).t()
    expected = CLOSED_FORMS[name](x.numpy(), g.numpy())
    np.testing.assert_allclose(gradient_of(name, x, g).numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_integers_are_refused_by_name(name):
    with pytest.raises(TypeError, match=f"{name} takes a floating-point tensor"):
        ESTIMATORS[name](torch.arange(3))


def test_plain_straight_through_as_the_seed_system_has_it():
    golden = np.load(GOLDEN)
    x = torch.from_numpy(golden["binarynet/sign/input"]).requires_grad_()
    y = binarize.ste_identity(x)
    y.backward(torch.arange(x.numel(), dtype=x.dtype).reshape(x.shape))
    np.testing.assert_array_equal(y.detach().numpy(), golden["binarynet/sign/output"])
    np.testing.assert_allclose(x.grad.numpy(), golden["binarynet/sign/grad_input_plain_ste"])


def test_sign_times_the_largest_magnitude_is_the_seed_systems_allow_scale():
    golden = np.load(GOLDEN)
    x = torch.from_numpy(golden["binarynet/sign/input"])
    expected = golden["binarynet/sign_allow_scale/output"]
    np.testing.assert_allclose((x.abs().max() * sign(x)).numpy(), expected, rtol=1e-5)


def test_ste_approx_is_the_derivative_of_bi_real_nets_parabolas():
    x = torch.linspace(-0.99, 0.99, 67, dtype=torch.float64, requires_grad=True)
    parabola = torch.where(x < 0, 2 * x + x * x, 2 * x - x * x)
    (expected,) = torch.autograd.grad(parabola.sum(), x)
    torch.testing.assert_close(gradient_of("ste_approx", x, torch.ones_like(x)), expected)


def test_ste_swish_is_the_derivative_of_sign_swish():
    x = torch.linspace(-3, 3, 61, dtype=torch.float64, requires_grad=True)
    sigma = torch.sigmoid(5 * x)
    (expected,) = torch.autograd.grad((2 * sigma * (1 + 5 * x * (1 - sigma)) - 1).sum(), x)
    torch.testing.assert_close(gradient_of("ste_swish", x, torch.ones_like(x)), expected)


def test_other_values_can_have_an_estimators_gradient():
    x = torch.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    values = torch.tensor([7.0, 8.0, 9.0])
    y = with_gradient_of(x, values, "ste_clip")
    y.backward(torch.tensor([1.0, 2.0, 3.0]))
    assert torch.equal(y, values)
    assert y is not values
    assert x.grad.tolist() == [0, 2, 0]
