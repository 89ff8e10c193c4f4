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


@pytest.fixture
def trained(tmp_path):
    """A float checkpoint, as far as it is read."""
    torch.manual_seed(1)
    net = network(Float())
    for buffer in net.buffers():
        buffer.add_(1)
    state = {f"network._orig_mod.{name}": value for name, value in net.state_dict().items()}
    config = {"model": FLOAT}
    saved = {"state_dict": state, "hyper_parameters": {"config": config, "labels": ["a"]}}
    torch.save(saved, tmp_path / "float.ckpt")
    return net, str(tmp_path / "float.ckpt")


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
