"""xnorkit.binarize.weight_levels: k-bit weights, their scale, their gradient, beside numpy."""

import numpy as np
import pytest
import torch

from xnorkit.binarize import (
    WeightRule,
    binarize_weight,
    centre_and_clamp,
    in_place,
    rescale_gradient,
)
from xnorkit.binarize.binop import binary_weight, latent_codes
from xnorkit.binarize.weight_levels import squash_gradient, squashed, weight_codes

AXES = {"filter": (1, 2, 3), "layer": (0, 1, 2, 3)}


def weight(seed=0, size=0.6):
    return size * torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(seed)).double()


def codes_of(w, bits):
    levels = 2**bits - 1
    return 2 * np.round(levels * (np.clip(w, -1, 1) + 1) / 2) - levels


@pytest.mark.parametrize("alpha", ["filter", "layer", "none"])
def test_one_bit_is_the_sign_and_its_scale(alpha):
    w = weight()
    for one, other in zip(weight_codes(w, 1, alpha), binarize_weight(w, alpha), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("alpha", ["filter", "layer"])
@pytest.mark.parametrize("bits", [2, 3, 8])
def test_the_scale_is_the_best_for_its_codes(bits, alpha):
    w = weight()
    codes, scale = weight_codes(w, bits, alpha)
    expected = codes_of(w.numpy(), bits)
    np.testing.assert_array_equal(codes, expected)
    best = (w.numpy() * expected).sum(AXES[alpha], keepdims=True) / (expected**2).sum(
        AXES[alpha], keepdims=True
    )
    np.testing.assert_allclose(scale, best, rtol=1e-12)
    error = ((w - scale * codes) ** 2).sum()
    for off in (0.99, 1.01):
        assert ((w - off * scale * codes) ** 2).sum() > error


def test_without_alpha_the_weight_is_q_k_itself():
    codes, scale = weight_codes(weight(), 3, "none")
    np.testing.assert_allclose(scale * codes, codes_of(weight().numpy(), 3) / 7, rtol=1e-15)


def test_squashed_is_tanh_over_its_maximum():
    w = weight(size=2)
    expected = np.tanh(w.numpy()) / np.abs(np.tanh(w.numpy())).max()
    np.testing.assert_allclose(squashed(w), expected, rtol=1e-14)
    assert torch.equal(squashed(torch.zeros(2, 3)), torch.zeros(2, 3))
    assert squashed(torch.zeros(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("ties", [False, True])
def test_the_squash_gradient_is_autograds(ties):
    w = weight()
    if ties:
        w[0, 0, 0, 0], w[1, 1, 1, 1] = 3.0, -3.0
    w.requires_grad_()
    g = weight(1)
    (expected,) = torch.autograd.grad(squashed(w), w, g)
    torch.testing.assert_close(squash_gradient(w, g), expected)
    assert squash_gradient(torch.zeros(0, 3), torch.zeros(0, 3)).shape == (0, 3)


# Rules


DOREFA = WeightRule(centre=False, clamp=False, alpha="none", rule="straight", bits=3, squash=True)
RULES = [
    WeightRule(bits=2),
    WeightRule(bits=4, alpha="layer", rule="paper"),
    WeightRule(bits=3, alpha="none", rule="ste"),
    DOREFA,
    WeightRule(centre=False, clamp=False, alpha="layer", rule="straight"),
]


def test_chain_has_the_codes_in_the_place_of_the_sign():
    w, g = centre_and_clamp(weight()), weight(1)
    w[0, 0, 0, 0] = 1.0
    found = rescale_gradient(w, g, "chain", centre_factor=False, scale_by_n=False, bits=2)
    c = codes_of(w.numpy(), 2)
    square = (c**2).sum((1, 2, 3), keepdims=True)
    alpha = 3 * (w.numpy() * c).sum((1, 2, 3), keepdims=True) / square
    through = c * (c * g.numpy()).sum((1, 2, 3), keepdims=True) / square
    np.testing.assert_allclose(found, alpha * g.numpy() + through, rtol=1e-9)


@pytest.mark.parametrize("rule", ["chain", "paper", "ste", "straight"])
def test_one_bit_has_the_gradient_it_had(rule):
    w, g = weight(), weight(1)
    assert torch.equal(rescale_gradient(w, g, rule, bits=1), rescale_gradient(w, g, rule))


def test_dorefas_weights_and_gradients_are_its_formula():
    w = weight().requires_grad_()
    g = weight(1)
    ours = binary_weight(w, DOREFA)
    t = torch.tanh(w)
    values = t / (2 * t.abs().max()) + 0.5
    rounded = values + ((7 * values).round() / 7 - values).detach()  # straight through
    theirs = 2 * rounded - 1
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(
        torch.autograd.grad(ours, w, g), torch.autograd.grad(theirs, w, g), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_one_bit_of_dorefa_is_sign_times_the_layers_mean_and_its_gradient_is_whole():
    w = weight(size=2).requires_grad_()
    g = weight(1)
    ours = binary_weight(w, RULES[-1])
    signs = torch.where(w < 0, -1.0, 1.0).double()
    torch.testing.assert_close(ours, signs * w.detach().abs().mean())
    (found,) = torch.autograd.grad(ours, w, g)
    assert torch.equal(found, g)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_binop_writes_what_the_graph_computes_and_gives_its_gradient(rule):
    latent = centre_and_clamp(weight(), rule.centre, rule.clamp)
    inside = latent.clone().requires_grad_()
    expected = binary_weight(inside, rule) if not rule.centre else None
    held, g = latent.clone(), weight(1)
    scales = in_place.binarize_([held], rule)
    codes, scale = latent_codes(latent, rule)
    if not rule.centre:
        torch.testing.assert_close(held, expected.detach())
        torch.testing.assert_close(held, codes * scale)
        (wanted,) = torch.autograd.grad(expected, inside, g)
    else:
        c, s = weight_codes(latent, rule.bits, rule.alpha)
        torch.testing.assert_close(held, c * s)
        wanted = rescale_gradient(latent, g, rule.rule, alpha=rule.alpha, bits=rule.bits)
    found = g.clone()
    in_place.rescale_gradients_([latent], [found], rule, scales or None)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("bits", [0, 9, 1.5])
def test_a_rule_of_other_bits_is_refused(bits):
    with pytest.raises(ValueError, match=rf"bits={bits}: a weight has .* 1 … 8"):
        WeightRule(bits=bits)


def test_an_unknown_alpha_is_refused_at_any_bits():
    for bits in (1, 2):
        with pytest.raises(ValueError, match="alpha='row'"):
            weight_codes(weight(), bits, "row")
