"""Dropout of binarised inputs: a dropped input counts as 0, not as sign(0)."""

import pytest
import torch

from xnorkit.binarize import BINARYNET_RULE
from xnorkit.nn import BinaryConv2d, BinaryLinear


def test_dropped_inputs_add_nothing_and_the_others_grow_by_as_much():
    torch.manual_seed(0)
    layer = BinaryLinear(1, 1, bias=False, input_dropout=0.25, weight_rule=BINARYNET_RULE)
    outputs = layer(-torch.rand(20000, 1)).flatten() * torch.sign(layer.weight).item()
    assert outputs.unique().tolist() == [pytest.approx(-4 / 3), 0.0]
    assert (outputs == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_no_gradient_reaches_a_dropped_input():
    torch.manual_seed(0)
    layer = BinaryConv2d(3, 5, 1, bias=False, input_dropout=0.5, weight_rule=BINARYNET_RULE)
    x = (torch.rand(2, 3, 9, 9) - 0.5).requires_grad_()
    layer(x).backward(torch.rand(2, 5, 9, 9))
    assert 0.3 < (x.grad == 0).float().mean() < 0.7


def test_evaluation_drops_nothing():
    layer = BinaryLinear(30, 4, input_dropout=0.9).eval()
    plain = BinaryLinear(30, 4).eval()
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(3, 30)
    assert torch.equal(layer(x), plain(x))


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(ValueError, match="input_dropout="):
        BinaryLinear(2, 2, input_dropout=share)
