"""What was typed, with the values that it has."""

import pytest
from omegaconf import OmegaConf

from xnorkit.cli.checks import Refused
from xnorkit.cli.given import differences, given_values, plain

CFG = OmegaConf.create(
    {"lr": 0.1, "optimizer": {"_target_": "torch.optim.SGD", "lr": "${lr}"}, "text": "a b"}
)


def test_values_are_those_of_the_config_resolved():
    typed = ["optimizer.lr=7", "text='a b'", "+new.key=1", "experiment=quick"]
    given = given_values(CFG, typed)
    assert given == {"optimizer.lr": 0.1, "text": "a b", "new.key": None, "experiment": None}


def test_a_groups_choice_gives_the_whole_group():
    expected = {"_target_": "torch.optim.SGD", "lr": 0.1}
    assert given_values(CFG, ["optimizer=sgd"]) == {"optimizer": expected}


def test_a_deletion_is_refused():
    with pytest.raises(Refused, match="set the key to null"):
        given_values(CFG, ["~optimizer"])


def test_differences_name_each_leaf():
    saved = {"a": 1, "b": {"c": [1, 2], "d": None}}
    assert differences(saved, saved, "x") == []
    wanted = {"a": 1, "b": {"c": [1, 3], "e": 4}}
    assert differences(saved, wanted, "x") == ["x.b.c: [1, 2] → [1, 3]", "x.b.e: None → 4"]


def test_of_another_class_only_the_class_is_named():
    saved, wanted = {"_target_": "a.Float"}, {"_target_": "a.XNOR", "alpha": "filter"}
    assert differences(saved, wanted, "model") == ["model: Float → XNOR"]


def test_plain_leaves_numbers_as_they_are():
    assert plain(3) == 3
    assert plain(CFG.optimizer)["lr"] == 0.1
