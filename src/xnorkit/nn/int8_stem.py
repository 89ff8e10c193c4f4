"""Int8Conv1d, Int8Conv2d, Int8Linear: a first layer with real input and weights in 8 bits.

A float stem sums in another order here than there, so a few of a million signs after it flip. Whole
numbers have one sum: with an int8 stem a network is equal bit for bit from its features on.

| when | computes |
| --- | --- |
| training | linear map of q(x)·s_x with q(w)·s_w, gradients by LSQ |
| evaluation | round(linear map of q(x) with q(w)) · (s_x·s_w): integers, exact on every CPU |

q(v) = round(clamp(v / s, −127, 127)): a division, then half to even. s_x is one number, s_w one a
filter; both are learned (`binarize/rounding.py`).
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod, sqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xnorkit.binarize.rounding import (
    INT8_MAX,
    int8_values,
    lsq_gradient_scale,
    raw_of,
    round_ste,
    step_derivative,
    step_of,
    with_step_gradient,
)
from xnorkit.nn.binary_layer import autocasts
from xnorkit.nn.layer_options import MAX_EXACT

# Four deviations of a standardised input on either side. Log-mel maps of speech lie within 3.7;
# LSQ's 2·mean|x|/√127 would reach to 18 and be 4.6 times as coarse.
INPUT_UNIT = 4 / INT8_MAX
MAX_INPUTS = (2**31 - 1) // INT8_MAX**2  # of a filter: an engine sums in int32


class Int8Layer(nn.Module):
    """Mixin over a torch layer; subclasses give the linear map.

    Its state_dict is the torch layer's and two parameters more, r of `binarize/rounding.py`: a
    network starts with float weights by `load_state_dict(..., strict=False)` and `reset_steps()`.

    Args:
        args: the torch layer's.
        kwargs: the torch layer's.

    Attributes:
        raw_input_step: r of s_x, a scalar.
        raw_weight_step: r of s_w, (C_out,).

    Raises:
        ValueError: more inputs to a filter than int32 sums can take.
    """

    weight: Tensor
    bias: Any  # Tensor or None; torch's own classes disagree on the annotation
    raw_input_step: nn.Parameter
    raw_weight_step: nn.Parameter

    STEPS = ("raw_input_step", "raw_weight_step")  # what a float layer's state_dict lacks

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        terms = self._inputs_of_a_filter
        if terms > MAX_INPUTS:
            raise ValueError(
                f"{terms} inputs a filter: sums of more than {MAX_INPUTS} products of 8 bits may "
                "not fit into 32. Use a float stem (network.stem=float) or smaller inputs."
            )
        self.raw_input_step = nn.Parameter(self.weight.new_zeros(()))
        self.raw_weight_step = nn.Parameter(self.weight.new_zeros(len(self.weight)))
        self.reset_steps()

    @abstractmethod
    def linear_map(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The torch layer's own operation with the weight given."""

    @property
    def _inputs_of_a_filter(self) -> int:
        return prod(self.weight.shape[1:])

    @property
    def _weight_unit(self) -> float:
        # What `reset_steps` gives for torch's initial weights, which are uniform in ±1/√n.
        return 1 / sqrt(max(self._inputs_of_a_filter, 1) * INT8_MAX)

    def reset_parameters(self) -> None:
        """Weights as torch draws them, steps that suit them."""
        super().reset_parameters()  # type: ignore[misc]  # the torch layer's
        if hasattr(self, "raw_weight_step"):  # not yet in torch's constructor
            self.reset_steps()

    @torch.no_grad()
    def reset_steps(self) -> None:
        """Steps as before training, for the weights as they are.

        s_w = 2·mean|w|/√127 of each filter, LSQ's start: it leaves room for weights to grow. s_x is
        4/127 whatever the data, as it suits features of mean 0 and deviation 1.
        """
        means = self.weight.abs().flatten(1).mean(1).to(self._exact_dtype)
        unit = self._weight_unit
        self.raw_weight_step.copy_(raw_of(2 * means / sqrt(INT8_MAX), unit))
        self.raw_input_step.zero_()

    @torch.no_grad()
    def input_step(self) -> float:
        """s_x."""
        return self._input_step().item()

    @torch.no_grad()
    def quantised_weight(self) -> tuple[Tensor, Tensor]:
        """q(w), int8, shape of `weight`, and s_w, float32, (C_out,)."""
        step = self._weight_step()
        whole = int8_values(self.weight.to(step.dtype), self._per_filter(step))
        return whole.to(torch.int8), step.float()

    def output_scale(self) -> Tensor:
        """s_x·s_w, (C_out,): what the integer sums of evaluation are multiplied by, once."""
        return self._input_step() * self._weight_step()

    @property
    def _exact_dtype(self) -> torch.dtype:
        return torch.promote_types(self.weight.dtype, torch.float32)

    def _input_step(self, count: int | None = None) -> Tensor:
        """s_x; in training LSQ scales its gradient by the `count` of a sample's values."""
        return self._step(self.raw_input_step, INPUT_UNIT, count)

    def _weight_step(self, count: int | None = None) -> Tensor:
        return self._step(self.raw_weight_step, self._weight_unit, count)

    def _step(self, raw: Tensor, unit: float, count: int | None) -> Tensor:
        scale = 1.0 if count is None else lsq_gradient_scale(count, unit)
        return step_of(raw.to(self._exact_dtype), unit, scale)

    def _per_filter(self, values: Tensor) -> Tensor:
        """(C_out,) → broadcastable to the weight."""
        return values.reshape(-1, *(1,) * (self.weight.dim() - 1))

    def _per_channel(self, values: Tensor) -> Tensor:
        """(C_out,) → broadcastable to the output (N, C_out, …)."""
        return values.reshape(-1, *(1,) * (self.weight.dim() - 2))

    def forward(self, x: Tensor) -> Tensor:
        """What the torch layer gives, with input and weight in 8 bits.

        Args:
            x: what the torch layer takes.
        """
        if self.training:
            return self._training_map(x)
        if not autocasts(x.device.type):
            return self._exact_map(x).to(self.weight.dtype)
        # Autocast would hold the sums in 16 bits.
        with torch.autocast(x.device.type, enabled=False):
            return self._exact_map(x)

    def _training_map(self, x: Tensor) -> Tensor:
        features = x.shape[1 - self.weight.dim() :]  # of one sample, so that N is no batch size
        s_x = self._input_step(features.numel())
        s_w = self._per_filter(self._weight_step(self._inputs_of_a_filter))
        wide = x.to(self._exact_dtype)
        x_hat = (int8_values(wide, s_x) * s_x).to(x.dtype)
        w_hat = (int8_values(self.weight.to(s_w.dtype), s_w) * s_w).to(self.weight.dtype)
        if x.requires_grad or not s_x.requires_grad:
            return self.linear_map(x_hat, w_hat, self.bias)
        # The features need no gradient, so s_x is all that wants the convolution's gradient by its
        # input, on a CPU five times the work of everything else here. The other way round it is one
        # more forward: the output's derivative by s_x.
        with torch.no_grad():
            derivative = self.linear_map(step_derivative(wide, s_x).to(x.dtype), w_hat, None)
        y = self.linear_map(x_hat.detach(), w_hat, self.bias)
        return with_step_gradient(y, s_x, derivative)

    def _exact_map(self, x: Tensor) -> Tensor:
        dtype = self._exact_dtype
        s_x, s_w = self._input_step(), self._weight_step()
        x_q = int8_values(x.to(dtype), s_x)
        w_q = int8_values(self.weight.to(dtype), self._per_filter(s_w))
        sums = self._integer_sums(x_q, w_q).to(dtype)
        y = sums * self._per_channel(self.output_scale())
        return y if self.bias is None else y + self._per_channel(self.bias).to(dtype)

    def _integer_sums(self, x: Tensor, weight: Tensor) -> Tensor:
        # While every partial sum is below 2^24, float32 holds it, in whatever order it is summed.
        if self._inputs_of_a_filter * INT8_MAX**2 >= MAX_EXACT:
            x, weight = x.double(), weight.double()
        with _without_transforms():
            return round_ste(self.linear_map(x, weight, None))

    def extra_repr(self) -> str:
        """The torch layer's arguments."""
        return f"{super().extra_repr()}, int8"


@contextmanager
def _without_transforms() -> Iterator[None]:
    # NNPACK (in use where oneDNN is not) convolves by Winograd and FFT: with 3×3×3 products of 8
    # bits it was 0.4 off the integer, with more channels 8, which rounding can't mend.
    if torch.compiler.is_compiling():
        yield
        return
    with torch.backends.nnpack.flags(enabled=False):
        yield


class _Int8Conv(Int8Layer):
    _conv_forward: Callable[[Tensor, Tensor, Tensor | None], Tensor]  # torch's

    def linear_map(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """x (N, C_in, …) or (C_in, …) → (N, C_out, …) or (C_out, …)."""
        return self._conv_forward(x, weight, bias)


class Int8Conv1d(_Int8Conv, nn.Conv1d):
    """`nn.Conv1d` with input and weight in 8 bits; arguments and errors of `Int8Layer`."""


class Int8Conv2d(_Int8Conv, nn.Conv2d):
    """`nn.Conv2d` with input and weight in 8 bits; arguments and errors of `Int8Layer`."""


class Int8Linear(Int8Layer, nn.Linear):
    """`nn.Linear` with input and weight in 8 bits; arguments and errors of `Int8Layer`."""

    def linear_map(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """x (…, in_features) → (…, out_features)."""
        return F.linear(x, weight, bias)
