import pytest
import torch

from xnorkit.binarize import heaviside
from xnorkit.nn.bit_quantiser import BitQuantiser

EDGES = torch.tensor([-2.0, -1.0, -0.5, -0.0, 0.0, 1e-30, 0.5, 1.0, 3.0, float("nan")])


@pytest.mark.parametrize("training", [True, False])
def test_det_is_hard_tanh_then_a_threshold_at_zero(training):
    truth = (torch.nn.functional.hardtanh(EDGES) > 0).float()
    assert torch.equal(BitQuantiser("det").train(training)(EDGES), truth)


def test_the_gradient_is_hard_tanhs():
    x = EDGES[:-1].clone().requires_grad_()
    for mode in ("det", "stochastic"):
        [found] = torch.autograd.grad(BitQuantiser(mode)(x).sum(), x)
        assert torch.equal(found, (x.detach().abs() <= 1).float())


def test_stochastic_draws_in_training_only():
    torch.manual_seed(0)
    quantiser, x = BitQuantiser("stochastic"), torch.full((10000,), 0.5)
    assert quantiser(x).mean() == pytest.approx(0.75, abs=0.02)
    assert torch.equal(quantiser.eval()(x), heaviside(x))


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'round': choose det or stochastic"):
        BitQuantiser("round")
