"""xnorkit.callbacks.binop_groups: weights of one rule swap together."""

import pytest
import torch
from binop_cases import binary_network, inner_weights, is_binary, latent, plain_network

from xnorkit.binarize import BINARYNET_RULE
from xnorkit.callbacks.binop_groups import groups_of
from xnorkit.callbacks.binop_targets import find_targets


def group_of(network):
    (group,) = groups_of(find_targets(network, {}))
    return group


def test_targets_are_grouped_by_rule_and_kind():
    network = binary_network()
    network[5].weight_rule = BINARYNET_RULE
    targets = find_targets(network, {}, ["2", "5", "7"])
    groups = groups_of(targets)
    assert [[t.name for t in g.targets] for g in groups] == [["2"], ["5"], ["7"]]
    assert [g.plain for g in groups] == [False, False, True]


def test_an_interrupt_while_writing_can_be_undone(monkeypatch):
    network = binary_network()
    group = group_of(network)
    group.binarize("training")
    group.restore()
    before = [w.detach().clone() for w in inner_weights(network)]

    def interrupted(weights, rule):
        weights[0].data.zero_()
        raise KeyboardInterrupt

    monkeypatch.setattr("xnorkit.binarize.in_place.binarize_", interrupted)
    with pytest.raises(KeyboardInterrupt):
        group.binarize("training", centre=False)
    group.restore()
    assert all(map(torch.equal, inner_weights(network), before))
    assert not network[2].holds_binary_weight


def test_the_latent_weight_of_a_state_dict_is_found_by_its_memory():
    network = plain_network()
    group = group_of(network)
    assert group.latent_of(network[2].weight.detach()) is None  # it is latent itself
    group.binarize("training")
    found = {name: group.latent_of(value) for name, value in network.state_dict().items()}
    assert [name for name, value in found.items() if value is not None] == ["2.weight", "5.weight"]
    assert group.latent_of(network[2].weight.detach().flatten()) is None
    assert group.latent_of("no tensor") is None
    group.restore()
    assert torch.equal(found["2.weight"], network[2].weight)


def test_forgetting_restores_and_frees():
    network = plain_network()
    group = group_of(network)
    group.binarize("training")
    assert all(map(is_binary, inner_weights(network)))
    group.forget()
    assert latent(network)
    group.binarize("training")  # and it can begin again
    group.restore()
    assert latent(network)


def test_only_gradients_that_are_there_are_rescaled_and_measured():
    network = plain_network()
    group = group_of(network)
    network[5].weight.grad = torch.ones_like(network[5].weight)
    assert group.rescale_gradients(measure=False) == {}
    assert list(group.rescale_gradients(measure=True)) == ["5"]


def test_what_evaluation_saves_can_be_written_in_training():
    network = plain_network()
    group = group_of(network)
    with torch.inference_mode():
        group.binarize("evaluation")
        group.restore()
    group.binarize("training")
    group.restore()
    assert latent(network)
