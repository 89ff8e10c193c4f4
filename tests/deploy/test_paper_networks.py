"""The papers' networks as programs: exact up to the head where DESIGN promises it, near elsewhere.

The fast tests run the programs in numpy; the slow ones compile them, on every path of this CPU, and
at full size.
"""

import pytest
import torch
from interpreter import Interpreter
from merged_programs import Merged
from paper_networks import NARROW, SCHEMES, calibrated, layers, narrow
from torch_agreement import assert_agreement

from xnorkit.deploy import pipeline
from xnorkit.deploy.lower import lower
from xnorkit.deploy.validate import compare, validate
from xnorkit.networks import NIN, AlexNet, LeNet5, ResNet18
from xnorkit.nn import BinaryLayer
from xnorkit.schemes import XNOR

KINDS = (LeNet5, NIN, AlexNet, ResNet18)
BINARY = ("xnor", "binarynet", "dorefa")
IMAGENET = (3, 224, 224)


def lowered_of(network, shape):
    return lower(network, torch.zeros(1, *shape))


def interpreted(lowered):
    return Interpreter(lowered.program, lowered.tensors())


def assert_exact(found, count):
    """Every layer is promised to be exact, and is."""
    assert len(found.layers) == count
    assert found.exact
    assert found.exact_until is None
    assert all(layer.inputs and layer.wrong_in_whole == 0 for layer in found.layers)


@pytest.mark.parametrize(
    ("kind", "count", "scheme"),
    [
        (LeNet5, 2, "xnor"),
        (NIN, 7, "xnor"),
        (NIN, 7, "dorefa"),
        (AlexNet, 6, "xnor"),
        (ResNet18, 19, "xnor"),
        (ResNet18, 19, "binarynet"),
    ],  # the others are among the slow ones
)
def test_behind_an_int8_stem_every_layer_is_exact(kind, count, scheme):
    lowered = lowered_of(*narrow(kind, SCHEMES[scheme], stem="int8"))
    assert_exact(assert_agreement(lowered, interpreted(lowered), samples=2), count)


def test_the_post_activation_of_the_reference_programs_is_exact_too():
    lowered = lowered_of(*narrow(NIN, XNOR(post_activation="relu"), stem="int8"))
    assert_exact(assert_agreement(lowered, interpreted(lowered), samples=2), 7)


@pytest.mark.parametrize("scheme", ["float", "bwn"])
@pytest.mark.parametrize("kind", KINDS)
def test_real_inputs_have_a_tolerance(kind, scheme):
    lowered = lowered_of(*narrow(kind, SCHEMES[scheme]))
    found = assert_agreement(lowered, interpreted(lowered), samples=2)
    assert found.exact_until == "stem"


@pytest.mark.parametrize("scheme", ["float", "bwn"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_sums_of_every_layer_of_real_inputs_are_torchs_within_a_tolerance(kind, scheme):
    network, shape = narrow(kind, SCHEMES[scheme])
    lowered, sums = lowered_of(network, shape), {}

    def note(layer, _, output):
        binary = isinstance(layer, BinaryLayer)
        scale = layer.sum_scale() if binary else torch.ones(1)
        bias = torch.zeros(1) if layer.bias is None else layer.bias
        per_channel = (-1, *(1,) * (output.dim() - 2))
        sums[layer] = (
            (output[0] - bias.reshape(per_channel)) / scale.reshape(per_channel)
        ).detach()

    for layer in layers(network):
        layer.register_forward_hook(note)
    engine, x = interpreted(lowered), 2 * torch.randn(1, *shape)
    network(x)
    engine(x.numpy())
    ops = [op for op in lowered.program.ops if op.kind in ("float_conv2d", "bwn_conv2d")]
    assert len(ops) == len(sums) == len(layers(network))
    for op in ops:
        wanted = sums[network.get_submodule(op.name)]
        got = torch.from_numpy(engine.buffers[op.output]).permute(2, 0, 1).reshape(wanted.shape)
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


def test_a_float_shortcut_ends_exactness_there_and_not_before():
    lowered = lowered_of(*narrow(ResNet18, XNOR(), stem="int8", shortcut="float"))
    found = assert_agreement(lowered, interpreted(lowered), samples=2)
    assert found.exact_until == "blocks.2.shortcut.1"
    assert [layer.exact for layer in found.layers] == [True] * 6 + [False] * 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_float_stem_gives_torchs_answers_though_its_signs_have_a_tolerance(kind):
    lowered = lowered_of(*narrow(kind, XNOR()))
    found = validate(lowered, interpreted(lowered), torch.randn(4, *NARROW[kind][0]))
    assert (found.agreement, found.exact_until) == (1.0, "stem")
    assert all(layer.wrong_in_whole <= 1e-3 * layer.inputs for layer in found.layers)


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
    ("kind", "shape", "classes", "count"),
    [
        (LeNet5, (1, 28, 28), 10, 2),
        (NIN, (3, 32, 32), 10, 7),
        (AlexNet, IMAGENET, 1000, 6),
        (ResNet18, IMAGENET, 1000, 19),
    ],
)
def test_at_full_size_an_engine_is_exact_with_random_weights(
    kind, shape, classes, count, engine_cache
):
    torch.manual_seed(0)
    network = calibrated(kind(XNOR(), shape, classes, stem="int8"), shape, samples=4)
    engine = pipeline.compile(network, torch.zeros(1, *shape), cache_dir=engine_cache)
    found = compare(lowered_of(network, shape), engine, torch.randn(3, *shape))
    print(f"{kind.__name__}:", *found.lines(), sep="\n  ")
    assert_exact(found, count)
    assert found.agreement == 1.0
    assert found.largest_difference < 1e-4
