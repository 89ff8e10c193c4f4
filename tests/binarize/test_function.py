import torch

from xnorkit.binarize.function import applied


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 10 * ctx.factor, None


def test_a_function_is_applied_with_its_own_gradient():
    x = torch.ones(3, requires_grad=True)
    y = applied(Doubled, x, 2)
    y.sum().backward()
    assert y.tolist() == [2, 2, 2]
    assert x.grad.tolist() == [20, 20, 20]
