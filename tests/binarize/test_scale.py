"""xnorkit.binarize.scale: α of the weights and K of the input, against loops and golden vectors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from xnorkit.binarize import input_scale, sign
from xnorkit.binarize.scale import filter_scale, mean_over, weight_scale

GOLDEN = Path(__file__).parents[1] / "golden" / "seed_systems.npz"
EPSILON = {torch.float64: 1e-14, torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 1e-2}
SHAPES = [(4, 3, 3, 2), (4, 3, 5), (4, 7), (6,), (), (3, 2, 2, 2, 2)]


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("shape", SHAPES)
def test_filter_scale_is_the_mean_magnitude_of_each_filter(shape, dtype):
    w = torch.randn(shape).to(dtype)
    alpha = filter_scale(w)
    assert alpha.dtype == dtype
    assert alpha.shape == tuple(s if axis == 0 else 1 for axis, s in enumerate(shape))
    flat = np.abs(w.double().numpy()).reshape(shape[0] if shape else 1, -1)
    expected = flat.mean(1).reshape(alpha.shape)
    np.testing.assert_allclose(alpha.double().numpy(), expected, rtol=EPSILON[dtype])


@pytest.mark.parametrize("shape", SHAPES)
def test_layer_scale_is_one_mean_and_none_is_one(shape):
    w = torch.randn(shape, dtype=torch.float64)
    layer, none = weight_scale(w, "layer"), weight_scale(w, "none")
    assert layer.shape == none.shape == (1,) * len(shape)
    assert layer.item() == pytest.approx(np.abs(w.numpy()).mean())
    assert none.item() == 1
    assert (layer.dtype, none.dtype) == (w.dtype, w.dtype)


def test_alpha_is_the_best_factor_for_the_signs():
    w = torch.randn(5, 4, 3, 3, dtype=torch.float64)
    alpha, signs = filter_scale(w), sign(w)
    error = ((w - alpha * signs) ** 2).sum()
    for change in (0.99, 1.01):
        assert ((w - change * alpha * signs) ** 2).sum() > error


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_long_filters_neither_overflow_nor_lose_terms_in_sixteen_bits(dtype):
    w = torch.full((2, 200_000), 0.75, dtype=dtype)  # the sum is past float16's largest number
    assert filter_scale(w).flatten().tolist() == [0.75, 0.75]
    assert weight_scale(w, "layer").item() == 0.75


def test_a_filter_of_zeros_has_scale_zero_and_an_empty_one_too():
    assert filter_scale(torch.zeros(2, 3, 3, 3)).flatten().tolist() == [0, 0]
    assert filter_scale(torch.zeros(2, 0)).flatten().tolist() == [0, 0]
    assert weight_scale(torch.zeros(0, 5), "layer").tolist() == [[0]]
    assert filter_scale(torch.zeros(0, 5)).shape == (0, 1)


def test_nan_stays_in_its_filter():
    w = torch.ones(2, 3)
    w[1, 1] = float("nan")
    assert filter_scale(w)[0].item() == 1
    assert filter_scale(w)[1].isnan()


@pytest.mark.parametrize("alpha", ["filter", "layer"])
def test_gradient_at_zero_follows_the_sign_rule(alpha):
    w = torch.tensor([[0.0, -0.0, 2.0, -2.0]], dtype=torch.float64, requires_grad=True)
    weight_scale(w, alpha).backward(torch.tensor([[4.0]], dtype=torch.float64))
    assert w.grad.tolist() == [[1, 1, 1, -1]]


def test_an_unknown_alpha_is_named():
    with pytest.raises(ValueError, match="alpha='row': choose one of filter, layer, max, none"):
        weight_scale(torch.ones(1, 1), "row")


def brute_map(x, kernel, stride, padding, dilation):
    """K by plain loops: x (N, C, H, W), everything as pairs."""
    magnitude = np.pad(np.abs(x).mean(1), ((0, 0), *((p, p) for p in padding)))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    rows = range(0, magnitude.shape[1] - reach[0] + 1, stride[0])
    columns = range(0, magnitude.shape[2] - reach[1] + 1, stride[1])
    out = np.empty((x.shape[0], 1, len(rows), len(columns)))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            window = magnitude[
                :,
                row : row + reach[0] : dilation[0],
                column : column + reach[1] : dilation[1],
            ]
            out[:, 0, i, j] = window.mean((1, 2))
    return out


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        ((3, 3), (1, 1), (1, 1), (1, 1)),
        ((5, 3), (2, 1), (0, 1), (1, 1)),
        ((1, 1), (1, 1), (0, 0), (1, 1)),
        ((3, 2), (2, 3), (2, 1), (2, 2)),
    ],
)
def test_map_is_the_box_filtered_mean_magnitude(kernel, stride, padding, dilation):
    x = torch.randn(2, 3, 9, 11, dtype=torch.float64)
    result = input_scale(x, kernel, stride, padding, dilation)
    expected = brute_map(x.numpy(), kernel, stride, padding, dilation)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12)


def test_one_size_stands_for_both_and_sequences_are_images_of_one_row():
    x = torch.randn(2, 3, 9, 11, dtype=torch.float64)
    assert torch.equal(input_scale(x, 3, 2, 1), input_scale(x, (3, 3), (2, 2), (1, 1)))
    row = input_scale(x[:, :, :1], (1, 3), (1, 2), (0, 1))
    torch.testing.assert_close(input_scale(x[:, :, 0], 3, 2, 1), row[:, :, 0])


def test_same_and_valid_padding():
    x = torch.randn(2, 3, 9, 11)
    assert torch.equal(input_scale(x, 3, padding="same"), input_scale(x, 3, padding=1))
    assert torch.equal(input_scale(x, 3, padding="valid"), input_scale(x, 3))
    assert input_scale(x, 4, 1, "same", 2).shape == (2, 1, 9, 11)


@pytest.mark.parametrize("dtype", EPSILON)
def test_map_in_every_dtype(dtype):
    x = torch.randn(2, 8, 6, 7).to(dtype)
    result = input_scale(x, 3, padding=1)
    assert result.dtype == dtype
    expected = brute_map(x.double().numpy(), (3, 3), (1, 1), (1, 1), (1, 1))
    np.testing.assert_allclose(result.double().numpy(), expected, rtol=EPSILON[dtype] * 2)


def test_map_and_outputs_of_the_seed_system():
    golden = {key: torch.from_numpy(value) for key, value in np.load(GOLDEN).items()}
    x, w = golden["xnor_k/input"], golden["xnor_k/weight"]
    scale = input_scale(x, 3, padding=1)
    torch.testing.assert_close(scale, golden["xnor_k/K"], rtol=1e-5, atol=1e-6)
    for alpha, key in (("filter", "per_filter_alpha"), ("layer", "scalar_alpha")):
        y = F.conv2d(sign(x), sign(w) * weight_scale(w, alpha), padding=1) * scale
        torch.testing.assert_close(y, golden[f"xnor_k/output_{key}"], rtol=1e-5, atol=1e-6)


def test_gradient_flows_through_the_map():
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: input_scale(x, 3, padding=1), x)


def test_channels_last_and_empty_batches():
    x = torch.randn(2, 3, 6, 5)
    last = x.to(memory_format=torch.channels_last)
    torch.testing.assert_close(input_scale(last, 3), input_scale(x, 3))
    assert input_scale(torch.zeros(0, 3, 6, 5), 3).shape == (0, 1, 4, 3)


def test_shapes_that_fit_no_convolution_are_refused():
    with pytest.raises(ValueError, match=r"x of shape \(3, 4\): .* \(N, C, H, W\) or \(N, C, L\)"):
        input_scale(torch.zeros(3, 4), 3)
    with pytest.raises(ValueError, match=r"kernel_size=\(3,\) for x of shape .*: give 2 sizes"):
        input_scale(torch.zeros(1, 1, 4, 4), (3,))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5])
def test_means_are_to_the_bit_those_of_torch_axis_by_axis(size):
    values = torch.randn(6, 4, size, size)
    expected = values.sum(3, keepdim=True).sum(2, keepdim=True).sum(1, keepdim=True)
    assert torch.equal(mean_over(values, (1, 2, 3)), expected / max(1, 4 * size * size))


def test_the_largest_magnitude_is_one_scale_for_all():
    w = torch.tensor([[0.5, -2.0], [1.0, 0.0]], requires_grad=True)
    scale = weight_scale(w, "max")
    assert scale.tolist() == [[2.0]]
    assert weight_scale(torch.zeros(0, 3), "max").tolist() == [[1.0]]
