"""xnorkit-configs lists, shows and copies."""

import pytest

from xnorkit.cli.configs import copy, main, names, path_of
from xnorkit.resources import CONF_DIR


def test_all_are_listed_and_those_of_a_group(capsys):
    assert main(["list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed == names()
    assert {"train", "model/xnor", "data/features/audio", "hydra/launcher/slurm"} <= set(listed)
    assert names("model") == ["model/binarynet", "model/bwn", "model/float", "model/xnor"]


def test_one_is_shown(capsys):
    assert main(["show", "model/xnor"]) == 0
    assert capsys.readouterr().out == (CONF_DIR / "model" / "xnor.yaml").read_text()
    assert path_of("model/xnor.yaml") == path_of("model/xnor")


def test_all_are_copied(tmp_path, capsys):
    assert main(["copy", str(tmp_path / "conf")]) == 0
    copied = sorted(p.relative_to(tmp_path / "conf") for p in (tmp_path / "conf").rglob("*.yaml"))
    assert copied == sorted(p.relative_to(CONF_DIR) for p in CONF_DIR.rglob("*.yaml"))
    assert f"{len(copied)} files" in capsys.readouterr().out


def test_some_are_copied_and_none_is_overwritten(tmp_path):
    assert copy(tmp_path, ["model/xnor"]) == 1
    assert [p.name for p in tmp_path.rglob("*.yaml")] == ["xnor.yaml"]
    with pytest.raises(ValueError, match="already there"):
        copy(tmp_path)


@pytest.mark.parametrize("command", [["list", "nothing"], ["show", "model/nothing"]])
def test_what_is_not_there_is_a_sentence(command, capsys):
    assert main(command) == 2
    assert "error: " in capsys.readouterr().err
