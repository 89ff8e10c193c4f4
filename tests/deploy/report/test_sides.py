"""Rivals answer as the module that they compute, and torch's sides change nothing of it."""

import numpy as np
import pytest
import torch
from float_twins import INPUTS, small_twin, trained
from torch import nn

from xnorkit.binarize.binop import WeightRule
from xnorkit.deploy.report.sides import Rival, check, folded, rows, torch_sides
from xnorkit.nn import BinaryConv2d


def kinds(module):
    return [type(part).__name__ for part in module.modules() if not list(part.children())]


def test_norms_right_after_convolution_or_linear_are_folded_and_answers_stay():
    twin = small_twin()
    whole = folded(twin)
    assert kinds(whole).count("BatchNorm2d") == 1  # the one after the pool
    assert kinds(whole).count("BatchNorm1d") == 0
    with torch.no_grad():
        assert torch.allclose(whole(INPUTS), twin(INPUTS), atol=1e-5)
    assert "BatchNorm1d" in kinds(twin), "the module given has changed"


def test_a_layer_whose_output_is_also_used_elsewhere_keeps_its_norm():
    class Shortcut(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 1, 1), trained(nn.BatchNorm2d(1))

        def forward(self, x):
            x = self.conv(x)
            return x + self.norm(x)

    twin = Shortcut().eval()
    with torch.no_grad():
        assert torch.equal(folded(twin)(INPUTS), twin(INPUTS))


def test_a_layer_that_is_called_twice_keeps_its_norm():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 1, 1), trained(nn.BatchNorm2d(1))

        def forward(self, x):
            return self.conv(self.norm(self.conv(x)))

    twin = Twice().eval()
    with torch.no_grad():
        assert torch.allclose(folded(twin)(INPUTS), twin(INPUTS))


def test_a_binary_layer_keeps_its_norm():
    twin = nn.Sequential(
        BinaryConv2d(1, 2, 3, weight_rule=WeightRule(centre=False)), trained(nn.BatchNorm2d(2))
    ).eval()
    with torch.no_grad():
        assert torch.equal(folded(twin)(INPUTS), twin(INPUTS))


def test_a_forward_that_fx_cannot_follow_is_raced_as_it_is():
    class Branches(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    twin = Branches()
    assert torch.equal(folded(twin)(INPUTS), twin(INPUTS))


def test_torch_has_four_sides_on_maps_and_they_answer_as_their_module():
    network = nn.Sequential(
        BinaryConv2d(1, 2, 3, weight_rule=WeightRule(centre=False)), nn.Flatten(), nn.Linear(72, 3)
    ).eval()
    twin = small_twin()
    sides = list(torch_sides(network, twin, INPUTS))
    assert [(side.model, side.name) for side in sides] == [
        ("network", "torch eager"),
        ("network", "torch eager, channels_last"),
        ("float twin", "torch eager"),
        ("float twin", "torch eager, channels_last"),
    ]
    for side in sides:
        found = check(side, network if side.model == "network" else twin, INPUTS)
        assert found.faithful
        assert found.agreement == 1


def test_channels_last_is_the_layout_of_weights_and_of_inputs(monkeypatch):
    seen = []
    conv = nn.Conv2d(3, 4, 3)
    monkeypatch.setattr(nn.Conv2d, "forward", lambda self, x: seen.append((self.weight, x)) or x)
    x, network = torch.randn(2, 3, 8, 8), nn.Sequential(conv)
    for side in torch_sides(network, network, x):
        side.prepare(x)()
    last = [[t.is_contiguous(memory_format=torch.channels_last) for t in pair] for pair in seen]
    assert last == [[False, False], [True, True]] * 2
    assert conv.weight.is_contiguous()


def test_vectors_have_one_layout():
    linear = nn.Linear(4, 2)
    assert len(list(torch_sides(linear, linear, torch.randn(3, 4)))) == 2


def answering(logits, **options):
    return Rival("rival", "network", lambda x: lambda: logits[: len(x)], **options)


REFERENCE = nn.Linear(1, 3)
with torch.no_grad():
    REFERENCE.weight[:] = 0
    REFERENCE.bias[:] = torch.tensor([0.0, 1.0, 10.0])


@pytest.mark.parametrize(("error", "faithful"), [(0.0, True), (0.9, True), (1.1, False)])
def test_a_difference_counts_as_a_share_of_the_range_of_logits(error, faithful):
    found = check(
        answering(np.array([[0, 1 + error, 10]] * 2), tolerance=0.1), REFERENCE, torch.ones(2, 1)
    )
    assert found.difference == pytest.approx(error)
    assert (found.faithful, found.agreement) == (faithful, 1)


def test_a_rival_that_answers_nan_is_not_faithful():
    found = check(answering(np.full((2, 3), np.nan), tolerance=1), REFERENCE, torch.ones(2, 1))
    assert not found.faithful


def test_agreement_is_the_share_of_equal_answers():
    logits = np.array([[0, 1, 10], [11, 1, 10], [0, 1, 10], [0, 1, 10]])
    assert check(answering(logits), REFERENCE, torch.ones(4, 1)).agreement == 0.75


def test_a_rival_for_one_sample_sees_one_at_a_time():
    sizes = []

    def prepare(x):
        sizes.append(len(x))
        return lambda: REFERENCE(x).numpy()

    found = check(Rival("r", "network", prepare, batched=False), REFERENCE, torch.ones(3, 1))
    assert sizes == [1, 1, 1]
    assert found.faithful


def test_rows_are_batches_of_one():
    assert [tuple(row.shape) for row in rows(torch.ones(3, 4, 5))] == [(1, 4, 5)] * 3
