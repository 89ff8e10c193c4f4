"""From a module to an engine: sizes known before, answers of torch after."""

import numpy as np
import pytest
import torch
from interpreter import Interpreter
from random_networks import settle
from torch import nn

import xnorkit
from xnorkit.deploy import pipeline, xnor_file
from xnorkit.deploy.agreement import DisagreementError
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.pipeline import MODEL, UNIT, compile, deploy, plan
from xnorkit.features import Frontend, LogMel
from xnorkit.nn import BinaryConv2d, BinaryLinear


def network(seed=1):
    torch.manual_seed(seed)
    layers = nn.Sequential(
        BinaryConv2d(2, 40, 3, padding=1), nn.BatchNorm2d(40), nn.MaxPool2d(2),
        BinaryConv2d(40, 70, 3, stride=2, padding=1, padding_value=1), nn.BatchNorm2d(70),
        nn.Hardtanh(), nn.Flatten(), BinaryLinear(70 * 2 * 2, 20), nn.BatchNorm1d(20),
        nn.Linear(20, 4),
    )  # fmt: skip
    return settle(layers, seed)


INPUTS = torch.randn(9, 2, 7, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def deployed(tmp_path_factory, engine_cache):
    folder = tmp_path_factory.mktemp("deploy")
    planned = plan(network(), INPUTS[:1], ("a", "b", "c", "d"))
    labels = torch.zeros(9, dtype=torch.long)
    return folder, planned, *deploy(planned, folder, INPUTS, labels, cache_dir=engine_cache)


def test_the_engine_is_exact_and_its_logits_are_torchs(deployed):
    _, _, engine, found = deployed
    assert found.exact
    assert all(layer.wrong_in_whole == layer.wrong_alone == 0 for layer in found.layers)
    with torch.no_grad():
        torch.testing.assert_close(engine(INPUTS), network()(INPUTS), rtol=0, atol=1e-5)


def test_the_size_was_known_before_the_numbers(deployed):
    folder, planned, engine, _ = deployed
    untrained = plan(network(seed=7), INPUTS[:1], ("a", "b", "c", "d"))
    size = (folder / MODEL).stat().st_size
    assert untrained.nbytes == planned.nbytes == size == engine.nbytes


def test_another_training_of_the_network_compiles_nothing(deployed, engine_cache):
    engine = compile(network(seed=2), INPUTS[:1], cache_dir=engine_cache)
    assert engine.library.built.seconds == 0
    with torch.no_grad():
        torch.testing.assert_close(engine(INPUTS), network(2)(INPUTS), rtol=0, atol=1e-5)


def test_a_saved_model_gives_the_same_answers(deployed, engine_cache, tmp_path):
    engine = deployed[2]
    engine.save(tmp_path / "copy.xnor")
    again = Engine.load(tmp_path / "copy.xnor", cache_dir=engine_cache)
    np.testing.assert_array_equal(again(INPUTS.numpy()), engine(INPUTS.numpy()))
    assert again.labels == ("a", "b", "c", "d")


@pytest.mark.parametrize("isa", ["portable", "x86_avx2", "x86_avx512bw", "x86_avx512"])
def test_every_path_gives_the_same_answers(deployed, engine_cache, isa):
    engine = deployed[2]
    if isa not in engine.library.supported:
        pytest.skip(f"this CPU has no {isa}")
    other = compile(network(), INPUTS[:1], isa=isa, cache_dir=engine_cache)
    assert other.isa == isa
    torch.testing.assert_close(other(INPUTS), engine(INPUTS), rtol=0, atol=1e-5)


def test_an_engine_that_answers_otherwise_than_torch_is_refused(tmp_path, monkeypatch):
    planned, other = plan(network(), INPUTS[:1]), plan(network(seed=2), INPUTS[:1]).lowered
    wrong = Interpreter(other.program, other.tensors())
    monkeypatch.setattr(pipeline, "Engine", lambda *_, **__: wrong)
    with pytest.raises(DisagreementError, match=r"^0: \d+ of [\d,]+ outputs of the engine differ"):
        deploy(planned, tmp_path, INPUTS)


def test_the_unit_is_kept_beside_the_model(deployed):
    assert "XNORKIT_ENGINE(Network)" in (deployed[0] / UNIT).read_text()


def test_the_features_statistics_travel_with_the_model(tmp_path):
    frontend = Frontend(LogMel(n_mels=7, samples=1600))
    frontend.standardise.mean += torch.arange(7.0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(7 * frontend.output_shape[2], 2))
    planned = plan(net, torch.zeros(1, *frontend.output_shape), frontend=frontend)
    model = planned.model()
    assert len(model) == planned.nbytes
    file = xnor_file.from_bytes(model)
    np.testing.assert_array_equal(file.tensors["features.mean"], np.arange(7.0))
    assert file.metadata.features == frontend.parameters_dict()


def test_as_many_labels_as_logits_are_asked_for():
    with pytest.raises(ValueError, match="3 labels for 4 logits: give one for each, or none"):
        compile(network(), INPUTS[:1], labels=("a", "b", "c"))


def test_it_has_its_public_name():
    assert xnorkit.compile is compile
    assert xnorkit.Engine is Engine
