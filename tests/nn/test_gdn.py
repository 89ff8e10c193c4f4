import math

import pytest
import torch

from xnorkit.nn.gdn import GDN


def layer(inverse):
    torch.manual_seed(1)
    gdn = GDN(3, inverse).double()
    with torch.no_grad():
        gdn.root_beta.copy_(torch.tensor([1.0, 0.5, 2.0]))
        gdn.root_gamma.copy_(torch.randn(3, 3))
    return gdn


@pytest.mark.parametrize("inverse", [False, True])
def test_it_is_the_papers_formula_at_every_pixel(inverse):
    gdn, x = layer(inverse), torch.randn(2, 3, 4, 5, dtype=torch.float64)
    y = gdn(x).detach()
    beta, gamma = gdn.root_beta.detach() ** 2, gdn.root_gamma.detach() ** 2
    for n, c, i, j in ((0, 0, 0, 0), (1, 2, 3, 4), (0, 1, 2, 3)):
        norm = beta[c] + 1e-6 + sum(gamma[c, k] * x[n, k, i, j] ** 2 for k in range(3))
        root = math.sqrt(norm)
        truth = x[n, c, i, j] * root if inverse else x[n, c, i, j] / root
        assert y[n, c, i, j].item() == pytest.approx(truth.item(), rel=1e-12)


def test_every_parameter_learns_from_the_start():
    gdn = GDN(4)
    gdn(torch.randn(2, 4, 3, 3)).square().sum().backward()
    assert gdn.root_beta.grad.ne(0).all()
    assert gdn.root_gamma.grad.ne(0).all()


def test_gradients_are_those_of_finite_differences():
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer(False), x)
    assert torch.autograd.gradcheck(layer(True), x)
