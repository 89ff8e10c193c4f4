"""xnorkit.tasks.losses, beside the formulas written out."""

import pickle

import pytest
import torch
import torch.nn.functional as F

from xnorkit.tasks.losses import square_hinge, training_loss

LOGITS = torch.tensor([[2.0, -0.5, 0.25], [-3.0, 1.0, 0.0]])
LABELS = torch.tensor([0, 2])


def test_square_hinge_is_the_mean_over_samples_and_classes():
    terms = [0, 0.5**2, 1.25**2, 0, 2**2, 1**2]
    assert square_hinge(LOGITS, LABELS).item() == pytest.approx(sum(terms) / 6)


def test_square_hinge_pulls_only_what_is_inside_the_margin():
    logits = LOGITS.clone().requires_grad_()
    square_hinge(logits, LABELS).backward()
    expected = torch.tensor([[0.0, 0.5, 1.25], [0.0, 2.0, -1.0]]) * 2 / 6
    torch.testing.assert_close(logits.grad, expected)


def test_smoothing_mixes_in_the_uniform_distribution():
    targets = 0.7 * F.one_hot(LABELS, 3) + 0.1
    expected = -(targets * LOGITS.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(training_loss("cross_entropy", 0.3)(LOGITS, LABELS), expected)


@pytest.mark.parametrize(
    ("name", "smoothing"), [("cross_entropy", 0.0), ("cross_entropy", 0.3), ("square_hinge", 0.0)]
)
def test_a_loss_goes_into_spawned_processes(name, smoothing):
    loss = training_loss(name, smoothing)
    assert torch.equal(pickle.loads(pickle.dumps(loss))(LOGITS, LABELS), loss(LOGITS, LABELS))


@pytest.mark.parametrize(
    ("name", "smoothing", "why"),
    [
        ("hinge", 0.0, "task.loss=hinge: choose cross_entropy or square_hinge"),
        ("square_hinge", 0.1, "only cross-entropy's labels are smoothed"),
        ("cross_entropy", 1.0, r"choose a number in \[0, 1\)"),
    ],
)
def test_what_cannot_work_is_refused(name, smoothing, why):
    with pytest.raises(ValueError, match=why):
        training_loss(name, smoothing)
