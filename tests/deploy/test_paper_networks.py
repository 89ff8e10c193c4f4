"""The papers' networks as programs: exact up to the head where DESIGN promises it, near elsewhere.

The fast tests run the programs in numpy; the slow ones compile them, on every path of this CPU, and
at full size.
"""

import pytest
import torch
from interpreter import Interpreter
from merged_programs import Merged
from paper_networks import NARROW, SCHEMES, calibrated, narrow
from torch_agreement import assert_agreement

from xnorkit.deploy import pipeline
from xnorkit.deploy.lower import lower
from xnorkit.deploy.validate import compare, validate
from xnorkit.networks import NIN, AlexNet, LeNet5, ResNet18
from xnorkit.schemes import XNOR

KINDS = (LeNet5, NIN, AlexNet, ResNet18)
BINARY = ("xnor", "binarynet", "dorefa")
IMAGENET = (3, 224, 224)


def lowered_of(network, shape):
    return lower(network, torch.zeros(1, *shape))


def interpreted(lowered):
    return Interpreter(lowered.program, lowered.tensors())


def assert_exact(found, layers):
    """Every layer is promised to be exact, and is."""
    assert len(found.layers) == layers
    assert found.exact
    assert found.exact_until is None
    assert all(layer.inputs and layer.wrong_in_whole == 0 for layer in found.layers)


@pytest.mark.parametrize(
    ("kind", "layers", "scheme"),
    [
        (LeNet5, 2, "xnor"),
        (NIN, 7, "xnor"),
        (NIN, 7, "dorefa"),
        (AlexNet, 6, "xnor"),
        (ResNet18, 19, "xnor"),
        (ResNet18, 19, "binarynet"),
    ],  # the others are among the slow ones
)
def test_behind_an_int8_stem_every_layer_is_exact(kind, layers, scheme):
    lowered = lowered_of(*narrow(kind, SCHEMES[scheme], stem="int8"))
    assert_exact(assert_agreement(lowered, interpreted(lowered), samples=2), layers)


def test_the_post_activation_of_the_reference_programs_is_exact_too():
    lowered = lowered_of(*narrow(NIN, XNOR(post_activation="relu"), stem="int8"))
    assert_exact(assert_agreement(lowered, interpreted(lowered), samples=2), 7)


@pytest.mark.parametrize("scheme", ["float", "bwn"])
@pytest.mark.parametrize("kind", KINDS)
def test_real_inputs_have_a_tolerance(kind, scheme):
    lowered = lowered_of(*narrow(kind, SCHEMES[scheme]))
    found = assert_agreement(lowered, interpreted(lowered), samples=2)
    assert found.exact_until == "stem"


def test_a_float_shortcut_ends_exactness_there_and_not_before():
    lowered = lowered_of(*narrow(ResNet18, XNOR(), stem="int8", shortcut="float"))
    found = assert_agreement(lowered, interpreted(lowered), samples=2)
    assert found.exact_until == "blocks.2.shortcut.1"
    assert [layer.exact for layer in found.layers] == [True] * 6 + [False] * 10


def test_a_float_stem_gives_torchs_answers_though_its_signs_have_a_tolerance():
    lowered = lowered_of(*narrow(LeNet5, XNOR()))
    found = validate(lowered, interpreted(lowered), torch.randn(4, *NARROW[LeNet5][0]))
    assert (found.agreement, found.exact_until) == (1.0, "stem")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_compiled_they_are_as_exact_on_every_path(scheme, engine_cache):
    stem = "int8" if scheme in BINARY else "float"
    all_of_it = [lowered_of(*narrow(kind, SCHEMES[scheme], stem=stem)) for kind in KINDS]
    merged = Merged(all_of_it, engine_cache)
    for index, lowered in enumerate(merged.lowered):
        for engine in merged.engines(index):
            found = assert_agreement(lowered, engine, samples=4)
            assert (found.exact_until is None) == (scheme in BINARY)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "shape", "classes", "layers"),
    [
        (LeNet5, (1, 28, 28), 10, 2),
        (NIN, (3, 32, 32), 10, 7),
        (AlexNet, IMAGENET, 1000, 6),
        (ResNet18, IMAGENET, 1000, 19),
    ],
)
def test_at_full_size_an_engine_is_exact_with_random_weights(
    kind, shape, classes, layers, engine_cache
):
    torch.manual_seed(0)
    network = calibrated(kind(XNOR(), shape, classes, stem="int8"), shape, samples=4)
    engine = pipeline.compile(network, torch.zeros(1, *shape), cache_dir=engine_cache)
    found = compare(lowered_of(network, shape), engine, torch.randn(3, *shape))
    print(f"{kind.__name__}:", *found.lines(), sep="\n  ")
    assert_exact(found, layers)
    assert found.agreement == 1.0
    assert found.largest_difference < 1e-4
