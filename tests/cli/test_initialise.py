"""A float run's weights start a binary network of the same topology."""

import pytest
import torch

from xnorkit.cli.checks import Refused
from xnorkit.cli.initialise import initialise
from xnorkit.networks import KWSCNN
from xnorkit.schemes import XNOR, Float

FLOAT = {"_target_": "xnorkit.schemes.Float"}
BINARY = {"_target_": "xnorkit.schemes.XNOR"}


def network(scheme, **options):
    return KWSCNN(
        scheme, (1, 8, 13), 3, **{"stem_channels": 8, "widths": [8, 8], "pools": [1, 1]} | options
    )


def checkpoint(net, path, model):
    """A checkpoint, as far as it is read."""
    state = {f"network._orig_mod.{name}": value for name, value in net.state_dict().items()}
    saved = {"state_dict": state, "hyper_parameters": {"config": {"model": model}, "labels": ["a"]}}
    torch.save(saved, path)
    return str(path)


@pytest.fixture
def trained(tmp_path):
    torch.manual_seed(1)
    net = network(Float())
    for buffer in net.buffers():
        buffer.add_(1)
    return net, checkpoint(net, tmp_path / "float.ckpt", FLOAT)


def test_a_path_may_begin_with_the_home_folder(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert initialise(network(XNOR()), "~/float.ckpt", BINARY) == 5


def test_the_layers_weights_are_taken_and_batch_norms_begin_anew(trained):
    source, path = trained
    net = network(XNOR())
    assert initialise(net, path, BINARY) == 5  # stem, two layers, head's weight and bias
    own, other = net.state_dict(), source.state_dict()
    for name in ("stem.weight", "blocks.0.layer.weight", "blocks.1.layer.weight", "head.bias"):
        assert torch.equal(own[name], other[name]), name
    assert torch.equal(own["blocks.0.norm.running_mean"], torch.zeros(8))


def test_between_runs_of_one_scheme_everything_is_taken(trained):
    source, path = trained
    net = network(Float())
    assert initialise(net, path, FLOAT) == len(source.state_dict())
    for name, value in net.state_dict().items():
        assert torch.equal(value, source.state_dict()[name]), name


@pytest.mark.parametrize(("scheme", "model"), [(XNOR(), BINARY), (Float(), FLOAT)])
def test_an_int8_stem_takes_a_float_ones_weights_and_steps_that_suit_them(scheme, model, trained):
    source, path = trained
    with torch.no_grad():
        source.stem.weight.mul_(9)
    checkpoint(source, path, FLOAT)
    net = network(scheme, stem="int8")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    steps = {"stem.raw_input_step", "stem.raw_weight_step"}
    copied = 5 if model == BINARY else len(before.keys() - steps)
    assert initialise(net, path, model) == copied
    assert torch.equal(net.stem.weight, source.stem.weight)
    assert torch.equal(net.stem.raw_input_step, before["stem.raw_input_step"])
    means = net.stem.weight.detach().abs().mean((1, 2, 3))
    torch.testing.assert_close(net.stem.quantised_weight()[1], 2 * means / 127**0.5)


@pytest.mark.parametrize(("scheme", "model"), [(XNOR(), BINARY), (Float(), FLOAT)])
def test_between_int8_stems_the_steps_are_taken_too(scheme, model, tmp_path):
    source = network(Float(), stem="int8")
    with torch.no_grad():
        source.stem.raw_input_step.fill_(0.5)
        source.stem.raw_weight_step.uniform_(-1, 1)
    net = network(scheme, stem="int8")
    initialise(net, checkpoint(source, tmp_path / "int8.ckpt", FLOAT), model)
    for name, value in source.stem.state_dict().items():
        assert torch.equal(net.stem.state_dict()[name], value), name


@pytest.mark.parametrize(("scheme", "model"), [(XNOR(), BINARY), (Float(), FLOAT)])
def test_a_float_stem_takes_an_int8_ones_weights(scheme, model, tmp_path):
    source, net = network(Float(), stem="int8"), network(scheme)
    initialise(net, checkpoint(source, tmp_path / "int8.ckpt", FLOAT), model)
    assert torch.equal(net.stem.weight, source.stem.weight)


def test_one_step_without_the_other_is_refused(trained):
    source, path = network(Float(), stem="int8"), trained[1]
    del source.stem.raw_input_step
    net = network(XNOR(), stem="int8")
    with pytest.raises(Refused, match=r"stem\.raw_input_step: none → scalar"):
        initialise(net, checkpoint(source, path, FLOAT), BINARY)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"widths": [8, 16]}, "blocks.1.layer.weight: 8x8x3x3 → 16x8x3x3; head.weight"),
        ({"widths": [8], "pools": [1]}, "blocks.1.layer.weight: 8x8x3x3 → none"),
        (
            {"widths": [8, 8, 8], "pools": [1, 1, 1]},
            "blocks.2.layer.weight: none → 8x8x3x3",
        ),
    ],
)
def test_another_topology_is_refused_with_the_keys_that_differ(options, named, trained):
    with pytest.raises(Refused) as refusal:
        initialise(network(XNOR(), **options), trained[1], BINARY)
    assert named in str(refusal.value)
