"""xnorkit.binarize.in_place: the pure functions of `binop`, on lists and in place."""

import pytest
import torch

from xnorkit.binarize import (
    BINARYNET_RULE,
    WeightRule,
    binarize_weight,
    centre_and_clamp,
    in_place,
    rescale_gradient,
)

SHAPES = [(4, 3, 3, 2), (4, 3, 5), (4, 7), (3, 1, 3, 3), (6,), (), (3, 2, 2, 2, 2), (0, 3), (2, 0)]
TOLERANCE = {
    torch.float64: {"rtol": 1e-12, "atol": 1e-12},
    torch.float32: {"rtol": 1e-5, "atol": 1e-5},
    torch.bfloat16: {"rtol": 3e-2, "atol": 3e-2},
}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE)
EDGES = [0.0, -0.0, 1.0, -1.0, 1.5, -1.5, 1e-30]


def weights_of(dtype=torch.float64):
    torch.manual_seed(2)
    return [torch.randn(shape).to(dtype) for shape in SHAPES]


def assert_close(result, expected):
    for a, b in zip(result, expected, strict=True):
        torch.testing.assert_close(a, b, **TOLERANCE[a.dtype], equal_nan=True)


@DTYPES
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("clamp", [True, False])
def test_centring_and_clamping_are_those_of_one_weight(dtype, centre, clamp):
    weights = weights_of(dtype)
    expected = [centre_and_clamp(w, centre, clamp) for w in weights]
    in_place.centre_and_clamp_(weights, WeightRule(centre=centre, clamp=clamp))
    assert_close(weights, expected)


def test_a_list_of_depthwise_weights_is_only_clamped():
    weights = [torch.full((3, 1, 2, 2), 2.0), torch.full((2, 1), -0.5)]
    in_place.centre_and_clamp_(weights, WeightRule())
    assert weights[0].unique().tolist() == [1]
    assert weights[1].unique().tolist() == [-0.5]


@DTYPES
@pytest.mark.parametrize("alpha", ["filter", "layer", "none"])
def test_binarising_writes_scale_times_sign(dtype, alpha):
    weights = [*weights_of(dtype), torch.tensor([EDGES], dtype=dtype)]
    pairs = [binarize_weight(w, alpha) for w in weights]
    in_place.binarize_(weights, WeightRule(alpha=alpha))
    assert_close(weights, [signs * scale for signs, scale in pairs])


def test_zero_and_not_a_number_are_positive():
    weights = [torch.tensor([[0.0, -0.0, torch.nan, -torch.inf, -1e-45]])]
    in_place.binarize_(weights, BINARYNET_RULE)
    assert weights[0].tolist() == [[1, 1, 1, -1, -1]]


@DTYPES
@pytest.mark.parametrize("rule", ["chain", "paper", "ste"])
@pytest.mark.parametrize("alpha", ["filter", "layer", "none"])
@pytest.mark.parametrize(
    ("centre_factor", "scale_by_n"), [(True, True), (False, True), (True, False)]
)
def test_rescaling_is_that_of_one_weight(dtype, rule, alpha, centre_factor, scale_by_n):
    weights = [*weights_of(dtype), torch.tensor([EDGES], dtype=dtype)]  # some outside [−1, 1]
    gradients = [torch.randn_like(w) for w in weights]
    options = {"rule": rule, "centre_factor": centre_factor, "scale_by_n": scale_by_n}
    expected = [
        rescale_gradient(w, g, **options, alpha=alpha)
        for w, g in zip(weights, gradients, strict=True)
    ]
    before = [w.clone() for w in weights]
    in_place.rescale_gradients_(weights, gradients, WeightRule(alpha=alpha, **options))
    assert_close(gradients, expected)
    assert all(map(torch.equal, weights, before))


def test_what_is_written_keeps_address_and_layout():
    weight = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
    gradient = torch.randn(4, 3, 2, 2).transpose(2, 3)
    expected = rescale_gradient(centre_and_clamp(weight), gradient)
    addresses = weight.data_ptr(), weight.stride(), gradient.data_ptr(), gradient.stride()
    in_place.centre_and_clamp_([weight], WeightRule())
    in_place.rescale_gradients_([weight], [gradient], WeightRule())
    in_place.binarize_([weight], WeightRule())
    assert (weight.data_ptr(), weight.stride(), gradient.data_ptr(), gradient.stride()) == addresses
    torch.testing.assert_close(gradient, expected)


def test_parameters_are_written_without_a_graph():
    weight = torch.nn.Parameter(torch.randn(3, 4))
    for step in (in_place.centre_and_clamp_, in_place.binarize_):
        step([weight], WeightRule())
    in_place.clamp_([weight])
    assert weight.is_leaf
    assert weight.grad_fn is None


def test_clamping_keeps_what_is_inside():
    weights = [torch.tensor(EDGES), torch.tensor([torch.nan, torch.inf])]
    in_place.clamp_(weights)
    assert weights[0].tolist() == pytest.approx([0, 0, 1, -1, 1, -1, 1e-30])
    assert weights[1].isnan().tolist() == [True, False]
    assert weights[1][1] == 1
