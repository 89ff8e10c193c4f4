"""xnorkit.binarize.stochastic: probabilities, reproducibility, gradient."""

from pathlib import Path

import numpy as np
import pytest
import torch

from xnorkit.binarize import heaviside, stochastic_heaviside, stochastic_sign

GOLDEN = Path(__file__).parents[1] / "golden" / "seed_systems.npz"
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def test_mean_of_20000_draws_is_the_seed_systems():
    golden = np.load(GOLDEN)
    points = torch.from_numpy(golden["binarynet/stochastic/points"])
    draws = stochastic_sign(points.expand(20000, -1), generator())
    expected = golden["binarynet/stochastic/mean_of_20000"]
    np.testing.assert_allclose(draws.mean(0).numpy(), expected, atol=0.03)


@pytest.mark.parametrize("dtype", DTYPES)
def test_mean_is_x_clipped_in_every_dtype(dtype):
    x = torch.tensor([-1.5, -0.75, -0.25, 0.0, 0.5, 2.0]).to(dtype)
    mean = stochastic_sign(x.expand(40000, -1), generator()).double().mean(0)
    # 5 standard deviations of a mean of 40000 draws of ±1
    torch.testing.assert_close(mean, x.double().clamp(-1, 1), atol=0.025, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_beyond_one_and_at_nan_nothing_is_left_to_chance(dtype):
    x = torch.tensor([1.0, float("inf"), 3.0, float("nan"), -1.0, -3.0, -float("inf")]).to(dtype)
    draws = stochastic_sign(x.expand(5000, -1), generator())
    assert draws.dtype == dtype
    assert (draws == torch.tensor([1, 1, 1, 1, -1, -1, -1])).all()


@pytest.mark.parametrize("edge", [0.0, 1 - 2**-24])
def test_the_smallest_and_the_largest_draw_change_no_certain_sign(edge, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, edge))
    assert stochastic_sign(torch.tensor([-1.0, 1.0, float("nan")])).tolist() == [-1, 1, 1]


def test_small_probabilities_survive_sixteen_bits():
    x = torch.full((400000,), -1 + 2**-8).to(torch.bfloat16)  # p = 2^-9
    share = (stochastic_sign(x, generator()) > 0).double().mean().item()
    assert share == pytest.approx(2**-9, rel=0.2)


def test_the_generator_decides_and_the_global_one_is_the_default():
    x = torch.zeros(1000)
    assert torch.equal(stochastic_sign(x, generator(3)), stochastic_sign(x, generator(3)))
    assert not torch.equal(stochastic_sign(x, generator(3)), stochastic_sign(x, generator(4)))
    torch.manual_seed(3)
    from_global = stochastic_sign(x)
    assert torch.equal(from_global, stochastic_sign(x, generator(3)))


def test_layout_does_not_change_the_draws():
    x = torch.rand(4, 3, 5, 6) - 0.5
    last = x.to(memory_format=torch.channels_last)
    drawn = stochastic_sign(last, generator())
    assert torch.equal(stochastic_sign(x, generator()), drawn)
    assert drawn.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradient_is_hard_tanhs(dtype):
    x = torch.tensor([-2.0, -1.0, -0.0, 0.5, 1.0, 1.5, float("nan"), float("inf")], dtype=dtype)
    x.requires_grad_()
    g = torch.full_like(x, 3.0)
    (result,) = torch.autograd.grad(stochastic_sign(x, generator()), x, g)
    assert result.tolist() == [0, 3, 3, 3, 3, 0, 0, 0]
    result.fill_(9)
    assert (g == 3).all()


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3, 2, 2, 2)])
def test_any_rank_and_no_elements(shape):
    assert stochastic_sign(torch.rand(shape)).shape == shape


def test_integers_are_refused():
    with pytest.raises(TypeError, match="stochastic_sign takes a floating-point tensor"):
        stochastic_sign(torch.arange(3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_mean_of_stochastic_bits_is_hard_sigmoid(dtype):
    x = torch.tensor([-1.5, -0.75, -0.25, 0.0, 0.5, 2.0]).to(dtype)
    draws = stochastic_heaviside(x.expand(40000, -1), generator())
    assert draws.dtype == dtype
    assert set(draws.unique().tolist()) == {0, 1}
    expected = ((x.double() + 1) / 2).clamp(0, 1)
    torch.testing.assert_close(draws.double().mean(0), expected, atol=0.0125, rtol=0)


@pytest.mark.parametrize("edge", [0.0, 1 - 2**-24])
def test_bits_beyond_one_and_at_nan_are_those_of_heaviside_whatever_is_drawn(edge, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, edge))
    x = torch.tensor([-3.0, -1.0, 1.0, 3.0, float("nan")])
    assert torch.equal(stochastic_heaviside(x), heaviside(x))


def test_stochastic_bits_have_the_gradient_of_heaviside():
    x = torch.tensor([-1.5, -1.0, -0.2, 0.0, 0.9, 1.0, 1.1], requires_grad=True)
    g = torch.tensor([1.0, 2.0, -3.0, 4.0, 5.0, -6.0, 7.0])
    [ours] = torch.autograd.grad(stochastic_heaviside(x, generator()), x, g)
    [theirs] = torch.autograd.grad(heaviside(x), x, g)
    assert torch.equal(ours, theirs)


def test_stochastic_bits_of_integers_are_refused():
    with pytest.raises(TypeError, match="stochastic_heaviside takes a floating-point"):
        stochastic_heaviside(torch.tensor([1]))
