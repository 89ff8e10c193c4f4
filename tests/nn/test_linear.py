"""xnorkit.nn.linear: dot products of ±1 against integer ones."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xnorkit.binarize import WeightRule, binarize_weight, centre_and_clamp
from xnorkit.nn import BinaryLinear

GOLDEN = Path(__file__).parents[1] / "golden" / "seed_systems.npz"
PLAIN = WeightRule(centre=False, clamp=False, alpha="none", rule="ste")


def integer_sums(x, latent):
    signs = np.where(x.double().numpy() < 0, -1, 1).astype(np.int64)
    taps = np.where(latent.detach().double().numpy() < 0, -1, 1).astype(np.int64)
    return torch.from_numpy(signs @ taps.T)


@pytest.mark.parametrize("k", [1, 2, 63, 64, 65, 300, 100_003])
@pytest.mark.filterwarnings("ignore:.*one input channel")
def test_evaluation_is_integer_sums_times_alpha_bit_for_bit(k):
    layer = BinaryLinear(k, 5).eval()
    x = torch.randn(3, k)
    latent = centre_and_clamp(layer.weight.detach())
    alpha = binarize_weight(latent)[1].flatten()
    assert torch.equal(layer(x), integer_sums(x, latent).float() * alpha + layer.bias)


def test_the_longest_sum_is_exact():
    layer = BinaryLinear(2**22 + 1, 1, bias=False, weight_rule=PLAIN).eval()
    nn.init.ones_(layer.weight)
    assert layer(torch.ones(1, 2**22 + 1)).item() == 2**22 + 1


@pytest.mark.parametrize("shape", [(7,), (2, 7), (2, 3, 7), (0, 7), (2, 1, 3, 7)])
@pytest.mark.parametrize("scale", ["none", "map", "tensor"])
def test_any_number_of_leading_dimensions(shape, scale):
    layer = BinaryLinear(7, 4, input_scale=scale)
    x = torch.randn(shape)
    for mode in (True, False):
        y = layer.train(mode)(x)
        assert y.shape == (*shape[:-1], 4)
        rows = layer(x.reshape(-1, 7)).reshape(y.shape)
        torch.testing.assert_close(y, rows)


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("scale", ["map", "tensor"])
def test_the_input_scale_is_one_mean_magnitude_a_row_before_the_bias(scale, mode):
    plain, scaled = BinaryLinear(7, 4), BinaryLinear(7, 4, input_scale=scale)
    scaled.load_state_dict(plain.state_dict())
    x = torch.randn(5, 7)
    y = plain.train(mode)(x) - plain.bias
    expected = y * x.abs().mean(1, keepdim=True) + plain.bias
    torch.testing.assert_close(scaled.train(mode)(x), expected)


def test_a_real_input_is_torchs_layer_with_scaled_signs():
    layer = BinaryLinear(9, 4, input_sign=None, weight_rule=WeightRule(centre=False))
    x = torch.randn(5, 9)
    signs, alpha = binarize_weight(layer.weight)
    expected = nn.functional.linear(x, signs * alpha, layer.bias)
    for mode in (True, False):
        torch.testing.assert_close(layer.train(mode)(x), expected)


def test_the_seed_systems_binarynet_layer_and_its_gradients():
    golden = {
        key.removeprefix("binarynet/linear/"): torch.from_numpy(value)
        for key, value in np.load(GOLDEN).items()
    }
    layer = BinaryLinear(33, 17, input_sign="ste_identity", weight_rule=PLAIN)
    layer.load_state_dict({"weight": golden["weight"], "bias": golden["bias"]})
    x = golden["input"].clone().requires_grad_()
    y = layer(x)
    y.square().sum().backward()
    close = {"rtol": 1e-5, "atol": 1e-6}
    torch.testing.assert_close(y, golden["output"], **close)
    torch.testing.assert_close(x.grad, golden["grad_input"], **close)
    torch.testing.assert_close(layer.bias.grad, golden["grad_bias"], **close)
    # The seed lets every gradient through to the weight, the `ste` rule those inside [−1, 1].
    expected = golden["grad_weight"] * (golden["weight"].abs() <= 1)
    torch.testing.assert_close(layer.weight.grad, expected, **close)


def test_positional_arguments_are_torchs_and_ours_are_keywords():
    ours = inspect.signature(BinaryLinear.__init__).parameters
    theirs = inspect.signature(nn.Linear.__init__).parameters
    positional = [n for n, p in ours.items() if p.kind is not p.KEYWORD_ONLY]
    assert positional == list(theirs)
    assert [n for n in ours if n not in positional] == [
        "input_sign",
        "weight_rule",
        "input_scale",
        "input_quant_mode",
        "input_bits",
        "input_range",
        "binary_gradient",
        "input_dropout",
    ]


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_no_inputs_and_no_outputs():
    for mode in (True, False):
        empty = BinaryLinear(0, 3).train(mode)
        assert torch.equal(empty(torch.zeros(2, 0)), empty.bias.expand(2, 3))
        assert BinaryLinear(3, 0).train(mode)(torch.zeros(2, 3)).shape == (2, 0)
