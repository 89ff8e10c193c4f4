"""xnorkit-configs lists, shows and copies."""

import pytest

from xnorkit.cli.configs import copy, main, names, path_of
from xnorkit.resources import CONF_DIR


def test_all_are_listed_and_those_of_a_group(capsys):
    assert main(["list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed == names()
    assert {"train", "model/xnor", "data/features/audio", "hydra/launcher/slurm"} <= set(listed)
    files = {f"model/{path.stem}" for path in (CONF_DIR / "model").iterdir()}
    assert names("model") == sorted(files)


def test_one_is_shown(capsys):
    assert main(["show", "model/xnor"]) == 0
    assert capsys.readouterr().out == (CONF_DIR / "model" / "xnor.yaml").read_text()
    assert path_of("model/xnor.yaml") == path_of("model/xnor")


def test_all_are_copied(tmp_path, capsys):
    assert main(["copy", str(tmp_path / "conf")]) == 0
    copied = sorted(p.relative_to(tmp_path / "conf") for p in (tmp_path / "conf").rglob("*.yaml"))
    assert copied == sorted(p.relative_to(CONF_DIR) for p in CONF_DIR.rglob("*.yaml"))
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "conf" / p) for p in copied]


def test_one_or_a_group_is_copied_and_nothing_overwritten(tmp_path):
    assert copy("model/xnor", str(tmp_path)) == [tmp_path / "model" / "xnor.yaml"]
    with pytest.raises(ValueError, match="already there"):
        copy("model", str(tmp_path))
    assert len(copy("network", str(tmp_path))) == len(names("network"))


def test_one_is_copied_under_another_name_as_the_docs_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["copy", "model/xnor", "conf/model/mine.yaml"]) == 0
    assert (tmp_path / "conf/model/mine.yaml").read_text() == path_of("model/xnor").read_text()


@pytest.mark.parametrize("arguments", [["model/xnor"], ["model"], ["model", "mine.yaml"]])
def test_a_copy_without_a_place_to_go_is_refused(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["copy", *arguments]) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["list", "nothing"], ["show", "model/nothing"]])
def test_what_is_not_there_is_a_sentence(command, capsys):
    assert main(command) == 2
    assert "error: " in capsys.readouterr().err
