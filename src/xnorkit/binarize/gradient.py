"""Binarised backward: a gradient is convolved with the weights as ± its maximum."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xnorkit.binarize.function import applied


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

    The maximum is over the whole tensor, all samples of the batch.

    Args:
        y: any shape, floating point.

    Source: Rastegari et al. 2016, section 3.2, "Binary Gradients".
    """
    return applied(_BinaryGradient, y)


def with_binary_input_gradient(
    linear_map: Callable[[Tensor, Tensor], Tensor], x: Tensor, weight: Tensor
) -> Tensor:
    """linear_map(x, weight), whose gradient of x is that of a binary gradient of the output.

    XNOR-Net binarises the gradient where it is convolved with the weights, on its way to the layer
    before. The gradient of the weights is the real one. Costs a second linear map.

    Args:
        linear_map: bilinear; a convolution or a matrix product, without bias.
        x: its first argument.
        weight: its second.
    """
    y = binary_gradient(linear_map(x, weight.detach()))
    by_weight = linear_map(x.detach(), weight)
    return y + (by_weight - by_weight.detach())
