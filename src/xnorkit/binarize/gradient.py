"""Binarised backward: the gradient that reaches a convolution's output becomes ± its maximum."""

from typing import Any

import torch
from torch import Tensor


class _BinaryGradient(torch.autograd.Function):
    @staticmethod
    def forward(y: Tensor) -> Tensor:
        return y.view_as(y)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        if gradient.numel() == 0:
            return gradient.clone()
        # 0 stays 0, against the sign rule: else every masked zero would become the largest.
        signs = (gradient > 0).to(gradient.dtype) - (gradient < 0).to(gradient.dtype)
        return gradient.abs().max() * signs


def binary_gradient(y: Tensor) -> Tensor:
    """y, through which a gradient g flows back as max|g|·sign(g), with sign(0) = 0.

    The maximum is over the whole tensor, all samples of the batch. Set after a convolution it makes
    both of its backward ones, by the input and by the weights, those of binary values.

    Args:
        y: any shape, floating point.

    Source: Rastegari et al. 2016, section 3.2, "Binary Gradients".
    """
    result: Tensor = _BinaryGradient.apply(y)  # type: ignore[no-untyped-call]  # torch annotates no apply
    return result
