"""xnorkit.binarize.binop: centre, clamp, binarise, rescale, against formulas and golden vectors."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from xnorkit.binarize import (
    BINARYNET_RULE,
    XNOR_RULE,
    WeightRule,
    binarize_weight,
    centre_and_clamp,
    rescale_gradient,
)
from xnorkit.binarize.binop import binary_weight, latent_signs

GOLDEN = Path(__file__).parents[1] / "golden" / "seed_systems.npz"
TARGETS = [1, 2, 3]  # all but the first and the last of the five layers
EPSILON = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 5e-2}
SHAPES = [(4, 3, 3, 2), (4, 3, 5), (4, 7), (3, 1, 3, 3), (6,), (), (3, 2, 2, 2, 2)]
RULES = ["chain", "paper", "ste"]


def golden(index, name):
    return torch.from_numpy(np.load(GOLDEN)[f"binop/conv{index}/{name}"])


def close(result, expected, dtype=torch.float32):
    expected = torch.as_tensor(expected).to(torch.float64)
    scale = expected.abs().max().item() if expected.numel() else 0.0
    tolerance = EPSILON[dtype]
    torch.testing.assert_close(
        result.double(), expected, rtol=tolerance, atol=tolerance * scale, equal_nan=True
    )


def rescaled_by_hand(w, g, rule, centre_factor=True, scale_by_n=True, alpha="filter"):
    """DESIGN's formulas, filter by filter, in numpy float64."""
    w, g = w.double().numpy(), g.double().numpy()
    n = int(np.prod(w.shape[1:]))
    s = w.shape[1] if w.ndim > 1 else 1
    result = np.empty_like(g)
    for index in np.ndindex(w.shape[:1]):
        row, gradient = w[index], g[index]
        signs = np.where(row < 0, -1.0, 1.0)
        all_signs = np.where(w < 0, -1.0, 1.0)
        scale = {"filter": np.abs(row).mean(), "layer": np.abs(w).mean(), "none": 1.0}[alpha]
        through = {
            "filter": signs * (signs * gradient).sum() / n,
            "layer": signs * (all_signs * g).sum() / w.size,
            "none": 0.0,
        }[alpha]
        inside = np.abs(row) <= 1
        if rule == "chain":
            out = scale * inside * gradient + through
        elif rule == "paper":
            out = gradient * (1 / n + scale * (np.abs(row) < 1))
        else:
            result[index] = gradient * inside
            continue
        out = out * ((1 - 1 / s) if centre_factor and s > 1 else 1)
        result[index] = out * (n if scale_by_n else 1)
    return result


# centre and clamp


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("shape", SHAPES)
def test_centre_and_clamp_is_its_formula(shape, dtype):
    w = (2 * torch.randn(shape)).to(dtype)
    before = w.clone()
    expected = w.double().numpy()
    if len(shape) > 1 and shape[1] > 1:
        expected = expected - expected.mean(1, keepdims=True)
    result = centre_and_clamp(w)
    assert (result.dtype, result.shape) == (dtype, w.shape)
    close(result, np.clip(expected, -1, 1), dtype)
    assert torch.equal(w, before)
    assert result.data_ptr() != w.data_ptr()


@pytest.mark.parametrize("index", TARGETS)
def test_centre_and_clamp_is_the_seed_systems(index):
    result = centre_and_clamp(golden(index, "weight_before"))
    torch.testing.assert_close(result, golden(index, "weight_restored"), rtol=1e-5, atol=1e-6)


def test_each_step_can_be_left_out():
    w = torch.tensor([[3.0, 1.0, 0.5]])
    assert centre_and_clamp(w, centre=False).tolist() == [[1, 1, 0.5]]
    assert centre_and_clamp(w, clamp=False).tolist() == [[1.5, -0.5, -1]]
    assert torch.equal(centre_and_clamp(w, centre=False, clamp=False), w)


def test_one_input_channel_is_not_centred():
    w = torch.tensor([[[0.5, -2.0]], [[0.25, 0.75]]])
    assert centre_and_clamp(w).tolist() == [[[0.5, -1.0]], [[0.25, 0.75]]]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3, 3)])
def test_empty_weights_pass_through_everything(shape):
    w = torch.zeros(shape)
    assert centre_and_clamp(w).shape == shape
    assert binarize_weight(w)[0].shape == shape
    for rule in RULES:
        assert rescale_gradient(w, torch.zeros(shape), rule).shape == shape
    assert binary_weight(w, XNOR_RULE).shape == shape


def test_layout_does_not_matter():
    w, g = torch.randn(2, 6, 4, 3, 3).unbind(0)
    strided = w.to(memory_format=torch.channels_last)
    transposed = w.transpose(0, 1).contiguous().transpose(0, 1)
    for other in (strided, transposed):
        torch.testing.assert_close(centre_and_clamp(other), centre_and_clamp(w))
        for a, b in zip(binarize_weight(other), binarize_weight(w), strict=True):
            torch.testing.assert_close(a, b)
        for rule in RULES:
            torch.testing.assert_close(
                rescale_gradient(other, g, rule), rescale_gradient(w, g, rule)
            )


# binarise


@pytest.mark.parametrize("index", TARGETS)
def test_binary_weights_are_the_seed_systems(index):
    signs, alpha = binarize_weight(centre_and_clamp(golden(index, "weight_before")))
    expected = golden(index, "weight_binarized")
    torch.testing.assert_close(alpha * signs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("shape", SHAPES)
def test_signs_are_plus_and_minus_one_and_alpha_broadcasts(shape, dtype):
    w = torch.randn(shape).to(dtype)
    for alpha in ("filter", "layer", "none"):
        signs, scale = binarize_weight(w, alpha)
        assert signs.dtype == scale.dtype == dtype
        assert (signs * scale).shape == w.shape
        np.testing.assert_array_equal(signs.double(), np.where(w.double() < 0, -1.0, 1.0))


def test_special_weights():
    w = torch.tensor([[0.0, -0.0], [float("nan"), -1.0], [float("inf"), -float("inf")]])
    signs, alpha = binarize_weight(w)
    assert signs.tolist() == [[1, 1], [1, -1], [1, -1]]
    assert alpha[0].item() == 0
    assert alpha[1].isnan()
    assert alpha[2].isinf()


# rescale


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", SHAPES)
def test_rescaled_gradient_is_its_formula(shape, rule, dtype):
    w = centre_and_clamp(1.5 * torch.randn(shape)).to(dtype)
    g = torch.randn(shape).to(dtype)
    result = rescale_gradient(w, g, rule)
    assert (result.dtype, result.shape) == (dtype, w.shape)
    close(result, rescaled_by_hand(w, g, rule), dtype)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("alpha", ["filter", "layer", "none"])
@pytest.mark.parametrize("centre_factor", [False, True])
@pytest.mark.parametrize("scale_by_n", [False, True])
def test_every_option_of_rescaling(rule, alpha, centre_factor, scale_by_n):
    w, g = torch.randn(2, 4, 3, 2, 2, dtype=torch.float64).unbind(0)
    options = (rule, centre_factor, scale_by_n, alpha)
    close(rescale_gradient(w, g, *options), rescaled_by_hand(w, g, *options), torch.float64)


@pytest.mark.parametrize("index", TARGETS)
def test_rescaled_gradients_are_the_seed_systems(index):
    w, g = golden(index, "weight_restored"), golden(index, "grad_wrt_binarized")
    for key, options in {
        "grad_rescaled": {"rule": "chain"},
        "grad_paper_adam": {"rule": "paper", "scale_by_n": False},
        "grad_paper_sgd": {"rule": "paper", "scale_by_n": True},
    }.items():
        result = rescale_gradient(w, g, **options)
        torch.testing.assert_close(result, golden(index, key), rtol=1e-5, atol=1e-6)


def test_the_defaults_are_the_chain_rule_with_both_factors():
    w, g = torch.randn(2, 4, 3, 3, 3).unbind(0)
    assert torch.equal(rescale_gradient(w, g), rescale_gradient(w, g, "chain", True, True))


@pytest.mark.parametrize("rule", RULES)
def test_rescaling_is_linear_and_leaves_its_arguments_alone(rule):
    w, g = torch.randn(2, 4, 3, 3, 3, dtype=torch.float64).unbind(0)
    before = w.clone(), g.clone()
    result = rescale_gradient(w, g, rule)
    torch.testing.assert_close(rescale_gradient(w, 1024 * g, rule), 1024 * result)
    result.fill_(7)
    assert torch.equal(w, before[0])
    assert torch.equal(g, before[1])


def test_weights_on_the_border_count_as_inside_except_for_the_paper():
    w, g = torch.tensor([[1.0, -1.0, 0.0, -0.0]]), torch.ones(1, 4)
    options = {"centre_factor": False, "scale_by_n": False, "alpha": "none"}
    assert rescale_gradient(w, g, "ste").tolist() == [[1, 1, 1, 1]]
    assert rescale_gradient(w, g, "chain", **options).tolist() == [[1, 1, 1, 1]]
    assert rescale_gradient(w, g, "paper", **options).tolist() == [[0.25, 0.25, 1.25, 1.25]]


@pytest.mark.parametrize("alpha", ["filter", "layer", "none"])
def test_the_chain_rule_is_autograds(alpha):
    w = torch.randn(5, 4, 3, 3, dtype=torch.float64)
    w[0], w[1, 1], w[2] = 0, -0.0, w[2].clamp(-0.5, 0.5)
    w.requires_grad_()
    g = torch.randn(5, 4, 3, 3, dtype=torch.float64)
    signs, scale = binarize_weight(w, alpha)
    (signs * scale).backward(g)
    result = rescale_gradient(w.detach(), g, "chain", False, False, alpha)
    torch.testing.assert_close(result, w.grad, rtol=1e-12, atol=1e-14)


def test_the_part_through_alpha_is_the_numerical_derivative():
    w = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: binarize_weight(w)[1], w)


@pytest.mark.parametrize("rule", RULES)
def test_unknown_names_are_refused_by_every_rule(rule):
    w = torch.ones(2, 2)
    with pytest.raises(ValueError, match="alpha='row': choose one of filter, layer, max, none"):
        rescale_gradient(w, w, rule, alpha="row")
    with pytest.raises(ValueError, match="rule='lua': choose one of chain, paper, ste"):
        rescale_gradient(w, w, "lua")


# WeightRule


def test_a_weight_rule_is_plain_frozen_data():
    assert WeightRule() == XNOR_RULE
    assert hash(XNOR_RULE) == hash(WeightRule())
    assert all(isinstance(v, bool | str | int) for v in dataclasses.asdict(BINARYNET_RULE).values())
    with pytest.raises(dataclasses.FrozenInstanceError):
        XNOR_RULE.centre = False


def test_a_weight_rule_refuses_unknown_names():
    with pytest.raises(ValueError, match="alpha='row': choose one of filter, layer, max, none"):
        WeightRule(alpha="row")
    with pytest.raises(ValueError, match="rule='lua': choose one of chain, paper, ste"):
        WeightRule(rule="lua")


# in the graph


@pytest.mark.parametrize(
    "rule",
    [XNOR_RULE, BINARYNET_RULE, WeightRule(rule="paper"), WeightRule(rule="ste", alpha="layer")],
)
def test_in_graph_weight_equals_a_step_of_binop(rule):
    # Inside (−1, 1): where clamping bites, centring once more moves the weights, under BinOp too.
    w = 0.2 * torch.randn(4, 3, 3, 3, dtype=torch.float64)
    latent = centre_and_clamp(w, rule.centre, rule.clamp)  # what BinOp has in its hands
    signs, scale = binarize_weight(latent, rule.alpha)
    g = torch.randn_like(w)
    parameter = latent.clone().requires_grad_()
    result = binary_weight(parameter, rule)
    result.backward(g)
    torch.testing.assert_close(result.detach(), signs * scale)
    expected = rescale_gradient(
        latent, g, rule.rule, rule.centre_factor, rule.scale_by_n, rule.alpha
    )
    torch.testing.assert_close(parameter.grad, expected, rtol=1e-10, atol=1e-12)


def test_latent_signs_are_of_the_centred_and_clamped_weight():
    w = torch.tensor([[3.0, 1.0, 0.5]])
    signs, alpha = latent_signs(w, XNOR_RULE)  # centred 1.5, −0.5, −1; clamped 1, −0.5, −1
    assert signs.tolist() == [[1, -1, -1]]
    assert alpha.item() == pytest.approx(2.5 / 3)


@pytest.mark.parametrize("rule", ["chain", "paper", "ste"])
def test_a_rescaled_gradient_has_the_gradients_dtype(rule):
    weight, gradient = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2, dtype=torch.float16)
    assert rescale_gradient(weight, gradient, rule).dtype == torch.float16
