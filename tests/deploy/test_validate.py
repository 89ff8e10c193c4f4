"""Validation finds a wrong number wherever it is, and says where exactness ends."""

import dataclasses

import numpy as np
import pytest
import torch
from interpreter import Interpreter
from random_networks import Sum, settle
from torch import nn

from xnorkit.deploy import steps
from xnorkit.deploy.agreement import DisagreementError
from xnorkit.deploy.lower import lower
from xnorkit.deploy.validate import compare, exact_values, validate
from xnorkit.networks import KWSCNN
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.schemes import BWN, XNOR


@pytest.fixture(scope="module")
def made():
    """Signs from the input on: exact up to the head."""
    torch.manual_seed(0)
    network = nn.Sequential(
        BinaryConv2d(2, 40, 3, padding=1), nn.BatchNorm2d(40), nn.MaxPool2d(2),
        BinaryConv2d(40, 30, 3), nn.BatchNorm2d(30), nn.Hardtanh(), nn.Flatten(),
        BinaryLinear(30 * 2 * 1, 20), nn.BatchNorm1d(20), nn.Linear(20, 4),
    )  # fmt: skip
    lowered = lower(settle(network, 1), torch.zeros(1, 2, 9, 7))
    return lowered, lowered.tensors(), torch.randn(12, 2, 9, 7)


def run(made, tensors=None, labels=None):
    lowered, right, inputs = made
    engine = Interpreter(lowered.program, right if tensors is None else tensors)
    return validate(lowered, engine, inputs, labels)


def test_a_right_engine_passes_and_every_layer_was_compared(made):
    found = run(made)
    assert found.exact
    assert found.exact_until is None
    assert [layer.path for layer in found.layers] == ["0", "3", "7"]
    assert [layer.inputs for layer in found.layers] == [12 * 9 * 7 * 2, 12 * 4 * 3 * 40, 12 * 60]
    assert [layer.outputs for layer in found.layers] == [12 * 63 * 40, 12 * 2 * 30, 12 * 20]
    assert found.agreement == 1.0


def test_a_flattened_map_is_compared_in_the_engines_order():
    network = nn.Sequential(
        nn.Flatten(), nn.BatchNorm1d(70), BinaryLinear(70, 20), nn.BatchNorm1d(20)
    )
    lowered = lower(settle(network, 1), torch.zeros(1, 7, 2, 5))
    found = run((lowered, lowered.tensors(), torch.randn(9, 7, 2, 5)))
    assert found.exact
    assert found.layers[0].inputs == 9 * 70
    assert found.largest_difference == 0


def test_accuracies_and_confusion_count_the_labels(made):
    lowered, _, inputs = made
    labels = lowered.network(inputs).argmax(1)
    labels[0] = (labels[0] + 1) % 4
    found = run(made, labels=labels)
    assert (found.torch_correct, found.engine_correct) == (11, 11)
    assert found.confusion.sum() == 12
    assert found.confusion.trace() == 11


def test_samples_whose_two_best_logits_are_nearly_equal_are_counted_as_ties():
    torch.manual_seed(0)
    network = nn.Sequential(BinaryLinear(9, 5), nn.Linear(5, 4)).eval()
    with torch.no_grad():
        network[1].weight[1] = network[1].weight[0]
        network[1].bias.copy_(torch.tensor([0.2, 0.20005, 0.1, 0.0]))
    lowered, inputs = lower(network, torch.zeros(1, 9)), torch.randn(40, 9)
    found = run((lowered, lowered.tensors(), inputs))
    tied = int((network(inputs).argmax(1) <= 1).sum())
    assert 0 < tied < 40
    assert (found.ties, found.agreeing, found.agreement) == (tied, 40 - tied, 1.0)


@pytest.mark.parametrize("layer", ["0", "3", "7"])
def test_wrong_weight_bits_are_found_and_their_layer_named(made, layer):
    tensors = {name: value.clone() for name, value in made[1].items()}
    tensors[f"{layer}.weight"][:, 0] ^= 15
    with pytest.raises(DisagreementError, match=rf"^{layer}: \d+ of"):
        run(made, tensors)


def test_a_wrong_threshold_is_found(made):
    tensors = {name: value.clone() for name, value in made[1].items()}
    tensors["3.flip"] ^= 1
    with pytest.raises(DisagreementError, match=r"^3: \d+ of"):
        run(made, tensors)


def test_a_wrong_sign_before_a_layer_is_found_in_the_whole(made):
    tensors = {name: value.clone() for name, value in made[1].items()}
    tensors["0.sign.threshold"] += 0.5
    with pytest.raises(DisagreementError, match=r"^0: \d+ of .* input bits"):
        run(made, tensors)


def test_a_wrong_pool_is_found_in_the_whole(made):
    tensors = {name: value.clone() for name, value in made[1].items()}
    tensors["2.any"] ^= 1
    with pytest.raises(DisagreementError, match=r"^3: \d+ of .* input bits"):
        run(made, tensors)


def test_a_wrong_head_is_found_by_its_logits(made):
    tensors = {name: value.clone() for name, value in made[1].items()}
    tensors["9.weight"] += 1e-3
    with pytest.raises(DisagreementError, match="logits differ"):
        run(made, tensors)


def test_a_wrong_head_is_found_behind_a_float_stem_too():
    torch.manual_seed(0)
    network = KWSCNN(XNOR(), (1, 9, 9), 3, 8, widths=(8, 8), pools=(1, 1))
    lowered = lower(settle(network, 2), torch.zeros(1, 1, 9, 9))
    tensors, inputs = lowered.tensors(), torch.randn(12, 1, 9, 9)
    found = run((lowered, tensors, inputs))
    assert not found.exact
    [head] = [n for n, v in lowered.network.named_modules() if isinstance(v, nn.Linear)]
    wrong = tensors | {f"{head}.2.bias0": tensors[f"{head}.2.bias0"] + 0.01}
    with pytest.raises(DisagreementError, match="logits differ from torch's by up to 0.01"):
        run((lowered, wrong, inputs))


def test_a_flipped_sign_after_a_float_stem_may_move_logits():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), BinaryConv2d(8, 8, 3), nn.Flatten(), nn.Linear(72, 2)
    )
    lowered = lower(settle(network, 2), torch.zeros(1, 1, 7, 7))
    tensors, inputs = lowered.tensors(), torch.randn(12, 1, 7, 7)
    nearly = tensors | {"0.weight": tensors["0.weight"] * 1.01}
    found = compare(lowered, Interpreter(lowered.program, nearly), inputs)
    assert found.layers[0].wrong_in_whole > 0
    assert 0 < found.flipped <= found.samples
    assert found.largest_difference > 1e-3 > found.largest_alike


@pytest.mark.parametrize("sample", [0, 11])
def test_logits_that_are_no_numbers_are_found(made, sample):
    lowered, tensors, inputs = made
    engine = Interpreter(lowered.program, tensors)
    with torch.no_grad():
        least = int(lowered.network(inputs)[sample].argmin())

    class Broken:
        value, step = engine.value, engine.step

        def __call__(self, x):
            answer = engine(x)
            if (x == inputs[sample].numpy()).all():
                answer[0, least] = np.nan
            return answer

    with pytest.raises(
        DisagreementError, match="agreement|logits differ from torch's by up to nan"
    ):
        validate(lowered, Broken(), inputs)
    assert np.isnan(compare(lowered, Broken(), inputs).largest_difference)


class Twice(nn.Module):
    """A binary layer used twice, its second call asked for bits before its first for sums."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(BinaryConv2d(2, 30, 3), nn.BatchNorm2d(30))
        self.shared = BinaryConv2d(30, 30, 3, padding=1)
        self.norm, self.last = nn.BatchNorm2d(30), BinaryConv2d(30, 4, 1)

    def forward(self, x):
        x = self.stem(x)
        first, second = self.shared(x), self.norm(self.shared(torch.relu(x)))
        return self.last(second) + self.last(first)


def test_a_layer_that_is_used_twice_is_compared_at_each_use():
    torch.manual_seed(0)
    lowered = lower(settle(Twice(), 1), torch.zeros(1, 2, 7, 7))
    found = run((lowered, lowered.tensors(), torch.randn(9, 2, 7, 7)))
    assert [layer.path for layer in found.layers].count("shared") == 2
    assert found.exact


def test_what_reaches_a_layer_is_compared_as_it_was_before_others_overwrote_it():
    network = nn.Sequential(
        nn.BatchNorm2d(2), Sum(BinaryConv2d(2, 2, 1), nn.ReLU(inplace=True)), nn.Flatten()
    )
    lowered = lower(settle(network, 1), torch.zeros(1, 2, 3, 3))
    found = run((lowered, lowered.tensors(), torch.randn(9, 2, 3, 3)))
    assert found.layers[0].wrong_in_whole == 0


def test_the_inputs_are_not_overwritten():
    lowered = lower(nn.Sequential(nn.ReLU(inplace=True), BinaryLinear(3, 2)), torch.zeros(1, 3))
    inputs = -torch.ones(4, 3)
    run((lowered, lowered.tensors(), inputs), labels=torch.zeros(4, dtype=torch.long))
    assert torch.equal(inputs, -torch.ones(4, 3))


@pytest.mark.parametrize(
    ("scheme", "until", "layers_exact"), [(BWN, "stem", []), (XNOR, "stem", [False, False])]
)
def test_it_says_from_where_on_there_is_a_tolerance(scheme, until, layers_exact):
    network = settle(KWSCNN(scheme(), (1, 9, 9), 3, 8, widths=(8, 8), pools=(1, 1)), 2)
    lowered = lower(network, torch.zeros(1, 1, 9, 9))
    exact, first = exact_values(lowered)
    assert first == until
    ops = [lowered.program.ops[step.op] for step in lowered.binary]
    assert [exact[op.inputs[0]] for op in ops] == layers_exact


@pytest.fixture
def otherwise(monkeypatch):
    """A torch whose BatchNorm rounds otherwise than was found when steps were chosen."""
    fused = steps.batch_norm_is_fused()
    monkeypatch.setattr(steps, "batch_norm_is_fused", lambda: not fused)


def test_where_torch_rounds_otherwise_exactness_ends_and_the_log_says_why(otherwise, caplog):
    body = nn.Sequential(BinaryConv2d(40, 40, 3, padding=1), nn.BatchNorm2d(40))
    network = nn.Sequential(
        BinaryConv2d(2, 40, 3), nn.BatchNorm2d(40), BinaryConv2d(40, 40, 1), nn.BatchNorm2d(40),
        Sum(nn.Identity(), body), BinaryConv2d(40, 30, 3), nn.Flatten(), nn.Linear(30 * 9, 4),
    )  # fmt: skip
    lowered = lower(settle(network, 1), torch.zeros(1, 2, 7, 7))
    departing = [op.name for op in lowered.program.ops if "pointwise" in op.kind][:2]
    assert list(lowered.departures()) == departing
    found = validate(
        lowered, Interpreter(lowered.program, lowered.tensors()), torch.randn(9, 2, 7, 7)
    )
    assert found.exact_until == departing[0]
    # The third takes signs of sums, which are compared with thresholds; the fourth of the sum.
    assert [layer.exact for layer in found.layers] == [True, True, True, False]
    assert f"{departing[0]}: not exact, torch rounds otherwise here: channel" in caplog.text


def test_thresholds_need_no_formula_so_another_rounding_ends_no_exactness(otherwise, made):
    lowered = lower(made[0].network, torch.zeros(1, 2, 9, 7))
    found = validate(lowered, Interpreter(lowered.program, lowered.tensors()), made[2])
    assert found.exact


def test_the_records_are_plain_data(made):
    assert dataclasses.asdict(run(made))["layers"][0]["wrong_alone"] == 0
