"""xnorkit.binarize.quant_mode, beside what Hubara's release computed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from xnorkit.binarize import ESTIMATORS, quantize_sign
from xnorkit.binarize.quant_mode import largest_magnitude

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "seed_systems.npz")


def golden(name):
    return torch.from_numpy(GOLDEN[f"binarynet/{name}"])


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def test_the_sign_and_its_plain_gradient_are_the_releases():
    x = golden("sign/input").requires_grad_()
    y = quantize_sign(x, estimator="ste_identity")
    assert torch.equal(y, golden("sign/output"))
    y.backward(torch.arange(y.numel(), dtype=y.dtype).reshape(y.shape))
    assert torch.equal(x.grad, golden("sign/grad_input_plain_ste"))


def test_with_scale_it_is_the_releases_largest_magnitude_times_sign():
    y = quantize_sign(golden("sign/input"), allow_scale=True)
    torch.testing.assert_close(y, golden("sign_allow_scale/output"), rtol=1e-5, atol=1e-6)


def test_draws_have_the_releases_mean():
    points = golden("stochastic/points").expand(20000, -1)
    mean = quantize_sign(points, "stochastic", generator=generator()).mean(0)
    np.testing.assert_allclose(mean, GOLDEN["binarynet/stochastic/mean_of_20000"], atol=0.03)


def test_scaled_draws_go_by_the_share_of_the_largest_magnitude():
    x = torch.tensor([-4.0, -2.0, 0.0, 1.0, 4.0])
    draws = quantize_sign(x.expand(20000, -1), "stochastic", True, generator=generator())
    assert set(draws.unique().tolist()) == {-4.0, 4.0}
    np.testing.assert_allclose(draws.mean(0), x, atol=0.12)  # 4 times 4 deviations of a mean of ±1


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("mode", ["det", "stochastic"])
@pytest.mark.parametrize("scale", [False, True])
def test_the_gradient_is_the_estimators_whatever_the_value(estimator, mode, scale):
    x = torch.linspace(-2.5, 2.5, 21).requires_grad_()
    plain = torch.linspace(-2.5, 2.5, 21).requires_grad_()
    g = torch.randn(21, generator=generator())
    quantize_sign(x, mode, scale, estimator).backward(g)
    ESTIMATORS[estimator](plain).backward(g)
    assert torch.equal(x.grad, plain.grad)


@pytest.mark.parametrize("mode", ["det", "stochastic"])
def test_zeros_and_nothing_at_all_are_taken(mode):
    assert quantize_sign(torch.zeros(3), mode, allow_scale=True).tolist() == [0, 0, 0]
    assert quantize_sign(torch.zeros(0, 3), mode, allow_scale=True).shape == (0, 3)
    assert largest_magnitude(torch.zeros(0)) == 1


def test_the_same_generator_draws_the_same():
    x = torch.zeros(200)
    draws = [quantize_sign(x, "stochastic", generator=generator(s)) for s in (3, 3, 4)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="quant_mode='random': choose det or stochastic"):
        quantize_sign(torch.zeros(2), "random")
    with pytest.raises(ValueError, match="estimator='ste'"):
        quantize_sign(torch.zeros(2), estimator="ste")
