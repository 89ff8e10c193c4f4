"""xnorkit.binarize.sign: the sign rule, its layouts, heaviside."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xnorkit.binarize import heaviside, sign
from xnorkit.binarize.sign import inside, sign_values

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
SPECIAL = [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e-45, -1e-45, 1.0, -1.0]
SHAPES = [(), (5,), (3, 4), (2, 3, 4), (2, 3, 4, 5), (2, 3, 2, 3, 2), (0,), (2, 0, 3)]
any_array = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
    elements=st.one_of(st.sampled_from(SPECIAL), st.floats(width=64)),
)


@given(any_array)
def test_sign_is_minus_one_exactly_where_x_is_negative(values):
    expected = np.where(values < 0, -1.0, 1.0)
    np.testing.assert_array_equal(sign(torch.from_numpy(values)).numpy(), expected)


@given(any_array)
def test_heaviside_is_one_exactly_where_x_is_positive(values):
    expected = np.where(values > 0, 1.0, 0.0)
    np.testing.assert_array_equal(heaviside(torch.from_numpy(values)).numpy(), expected)


@given(any_array)
def test_heaviside_lets_the_gradient_through_where_hard_tanh_does(values):
    x = torch.from_numpy(values.copy()).requires_grad_()
    heaviside(x).backward(torch.full_like(x, 3.0))
    np.testing.assert_array_equal(x.grad.numpy(), 3.0 * (np.abs(values) <= 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [sign, heaviside])
def test_special_values_in_every_dtype(function, dtype):
    x = torch.tensor([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 2.0, -2.0]).to(dtype)
    expected = {sign: [1, 1, 1, 1, -1, 1, -1], heaviside: [0, 0, 0, 1, 0, 1, 0]}[function]
    result = function(x)
    assert result.dtype == dtype
    assert result.tolist() == expected


def test_a_negative_nan_is_plus_one_too():
    negative_nan = torch.tensor([-1], dtype=torch.int32).view(torch.float32)  # all bits set
    assert negative_nan.isnan().all()
    assert sign(negative_nan).item() == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_shape_and_dtype_stay(shape, dtype):
    x = torch.randn(shape).to(dtype)
    for function in (sign, heaviside, sign_values, inside):
        assert (function(x).shape, function(x).dtype) == (x.shape, dtype)


LAYOUTS = {
    "transposed": lambda x: x.transpose(1, 3),
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "every second": lambda x: x[:, :, ::2, 1::2],
    "expanded": lambda x: x[:, :1].expand(-1, 3, -1, -1),
    "flipped": lambda x: x.flip(2),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("function", [sign, heaviside])
def test_layout_changes_neither_value_nor_gradient(function, layout):
    base = torch.randn(2, 3, 4, 6)
    strided = LAYOUTS[layout](base)
    flat = strided.contiguous().detach().requires_grad_()
    strided = strided.detach().requires_grad_()
    weights = torch.randn(strided.shape)
    assert torch.equal(function(strided), function(flat))
    (function(strided) * weights).sum().backward()
    (function(flat) * weights).sum().backward()
    assert torch.equal(strided.grad, flat.grad)


def test_channels_last_stays_channels_last():
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert sign(x).is_contiguous(memory_format=torch.channels_last)


def test_the_input_is_not_written_to():
    x = torch.randn(50)
    before = x.clone()
    for function in (sign, heaviside, sign_values, inside):
        function(x)
        assert torch.equal(x, before)


@pytest.mark.parametrize("function", [sign, heaviside])
def test_integers_are_refused(function):
    with pytest.raises(TypeError, match=r"floating-point tensor, not torch.int64: call .float\(\)"):
        function(torch.arange(3))


def test_sign_compiles_into_one_graph():
    torch._dynamo.reset()
    compiled = torch.compile(sign, fullgraph=True, backend="aot_eager")  # no C++ compiler needed
    x = torch.tensor([-2.0, -0.5, -0.0, 0.0, 0.5, float("nan")], requires_grad=True)
    y = compiled(x)
    y.sum().backward()
    assert y.tolist() == [-1, -1, 1, 1, 1, 1]
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0]


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # vmap of in-place comparison
def test_per_sample_gradients_by_torch_func():
    x = torch.randn(4, 7)
    gradient = torch.func.vmap(torch.func.grad(lambda row: (3 * sign(row)).sum()))(x)
    assert torch.equal(gradient, 3.0 * (x.abs() <= 1))
