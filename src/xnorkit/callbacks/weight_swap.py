"""Latent weights out, α·sign(W) in, and back: in place, since DDP and CUDA graphs hold addresses."""

from collections.abc import Sequence

import torch
from torch import Tensor

from xnorkit.binarize.binop import centre_and_clamp, has_one_input_channel, rescale_gradient
from xnorkit.binarize.scale import weight_scale
from xnorkit.binarize.sign import sign_values
from xnorkit.callbacks.binop_targets import Target


class WeightSwap:
    """The weights of some targets, latent or binary.

    Args:
        targets: what to swap.

    Attributes:
        binary: whether α·sign(W) is in place now.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = list(targets)
        self.binary = False
        self._weights: list[Tensor] = [target.weight for target in self.targets]
        self._clamped: list[Tensor] = [t.weight for t in self.targets if t.rule.clamp]
        self._clamped_after: list[Tensor] = [
            t.weight for t in self.targets if t.rule.clamp_after_step
        ]
        self._saved: list[Tensor] = []

    @torch.no_grad()
    def centre_and_clamp_(self) -> None:
        """Centre and clamp the latent weights, for good."""
        for target in self.targets:
            if target.rule.centre and not has_one_input_channel(target.weight):
                target.weight.sub_(target.weight.mean(1, keepdim=True))
        _clamp_(self._clamped)

    @torch.no_grad()
    def clamp_after_step_(self) -> None:
        """Clamp the weights whose rule says so (BinaryNet) to [−1, 1]."""
        _clamp_(self._clamped_after)

    @torch.no_grad()
    def swap_in_(self, centred: bool) -> None:
        """Save the weights and write α·sign(W) in their place; nothing if that is so already.

        Args:
            centred: whether `centre_and_clamp_` has been called. If not, it is done on the fly and
                the saved weights stay as they are.
        """
        if self.binary or not self.targets:
            return
        self._save()
        for target in self.targets:
            latent: Tensor = target.weight
            if not centred:
                latent = centre_and_clamp(latent, target.rule.centre, target.rule.clamp)
            scale = weight_scale(latent, target.rule.alpha)
            torch.mul(sign_values(latent), scale, out=target.weight)
        self._mark(True)

    @torch.no_grad()
    def swap_out_(self) -> None:
        """Write the saved weights back; nothing if they are."""
        if not self.binary:
            return
        torch._foreach_copy_(self._weights, self._saved)
        self._mark(False)

    @torch.no_grad()
    def rescale_gradients_(self) -> None:
        """Make the gradients of the binary weights those of the latent ones, in place."""
        for target in self.targets:
            gradient = target.weight.grad
            if gradient is None:
                continue
            rule = target.rule
            gradient.copy_(
                rescale_gradient(
                    target.weight,
                    gradient,
                    rule.rule,
                    rule.centre_factor,
                    rule.scale_by_n,
                    rule.alpha,
                )
            )

    def saved_of(self, tensor: Tensor) -> Tensor | None:
        """The latent weight that belongs in the place of `tensor`, if that is a swapped one."""
        if self.binary:
            for weight, saved in zip(self._weights, self._saved, strict=True):
                if tensor.data_ptr() == weight.data_ptr() and tensor.shape == weight.shape:
                    return saved
        return None

    def _save(self) -> None:
        held = [(s.device, s.dtype, s.shape) for s in self._saved]
        if held != [(w.device, w.dtype, w.shape) for w in self._weights]:  # the module has moved
            self._saved = [torch.empty_like(w) for w in self._weights]
        torch._foreach_copy_(self._saved, self._weights)

    def _mark(self, binary: bool) -> None:
        self.binary = binary
        for target in self.targets:
            for layer in target.layers:
                layer.holds_binary_weight = binary


def _clamp_(weights: list[Tensor]) -> None:
    if weights:
        torch._foreach_clamp_min_(weights, -1.0)
        torch._foreach_clamp_max_(weights, 1.0)
