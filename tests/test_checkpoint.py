"""A checkpoint becomes a module again, without hydra, and runs nothing that it should not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from runs import composed, tiny

import xnorkit
from xnorkit.checkpoint import build, load
from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.train import run_job


@pytest.fixture(scope="module")
def best(tones, tmp_path_factory):
    """best.ckpt of a small training."""
    folder = tmp_path_factory.mktemp("run")
    options = ("logger=none", "callbacks=none", "test=false")
    run_job(composed(folder, *tiny(tones, *options)))
    return RunFolder(folder).best


def rewritten(best, path, change):
    checkpoint = torch.load(best, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, path)
    return path


def test_the_module_is_in_eval_mode_with_the_checkpoints_weights(best):
    module = load(best)
    assert not any(part.training for part in module.modules())
    assert module.labels == ("high", "low", "middle")
    for name, value in torch.load(best, weights_only=True)["state_dict"].items():
        assert torch.equal(module.state_dict()[name], value), name


def test_it_answers_waveforms(best):
    module = load(best)
    with torch.no_grad():
        logits = module.network(module.frontend(torch.zeros(2, 4000, dtype=torch.int16)))
    assert logits.shape == (2, 3)


def test_loading_needs_no_hydra(best):
    code = (
        "import sys; sys.modules['hydra'] = sys.modules['omegaconf'] = None;"
        f"import xnorkit; xnorkit.load({str(best)!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_prefixes_of_torch_compile_are_stripped(best, tmp_path):
    def compiled(checkpoint):
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {
            name.replace("network.", "network._orig_mod.", 1): v for name, v in state.items()
        }

    assert load(rewritten(best, tmp_path / "compiled.ckpt", compiled)).labels


def test_a_checkpoint_of_before_there_were_tasks_is_a_classifiers_and_says_so(best, tmp_path):
    def old(checkpoint):
        del checkpoint["hyper_parameters"]["config"]["task"]["_target_"]

    module = load(rewritten(best, tmp_path / "old.ckpt", old))
    task = dict(module.hparams)["config"]["task"]  # deploying and testing ask it
    assert task["_target_"] == "xnorkit.tasks.Classification"


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "xnorkit.checkpoint.importlib.import_module",
        "xnorkit.checkpoint.Path",
        "torch.nn.functional.relu",
        "xnorkitty.Evil",
    ],
)
def test_a_foreign_target_is_refused_with_the_way_out(target, best, tmp_path):
    def foreign(checkpoint):
        checkpoint["hyper_parameters"]["config"]["network"]["_target_"] = target

    path = rewritten(best, tmp_path / "foreign.ckpt", foreign)
    with pytest.raises(ValueError, match=r"allow=\[|not installed here") as refusal:
        load(path)
    assert target in str(refusal.value)


def test_an_allowed_package_is_built():
    node = {"_target_": "fractions.Fraction", "numerator": 1, "denominator": 2}
    with pytest.raises(ValueError, match="fractions"):
        build(node)
    assert build(node, allow=["fractions"]) == 0.5


def test_nested_targets_and_lists_are_built_from_the_inside_out():
    linear = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 3}
    built = build({"layers": [linear, 7], "name": "x"})
    assert isinstance(built["layers"][0], torch.nn.Linear)
    assert (built["layers"][1], built["name"]) == (7, "x")


def test_nothing_in_the_package_unpickles_a_file():
    folder = Path(xnorkit.__file__).parent
    for source in folder.rglob("*.py"):
        text = source.read_text()
        for call in re.findall(r"torch\.load\(.*|\.fit\([^)]*ckpt_path[^)]*\)", text):
            assert "weights_only=True" in call, (source, call)
        said = re.search(r"import (pickle|dill|cloudpickle|joblib)\b|allow_pickle|np\.load\(", text)
        assert said is None, (source, said)


def test_files_that_are_no_checkpoint_are_named(tmp_path):
    with pytest.raises(ValueError, match="there is no such checkpoint"):
        load(tmp_path / "missing.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(ValueError, match="not a checkpoint that can be read safely"):
        load(tmp_path / "text.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="not a checkpoint of xnorkit"):
        load(tmp_path / "other.ckpt")


def test_a_damaged_checkpoint_is_refused(best, tmp_path):
    (tmp_path / "cut.ckpt").write_bytes(best.read_bytes()[:1000])
    with pytest.raises(ValueError, match="damaged"):
        load(tmp_path / "cut.ckpt")


def test_weights_that_do_not_fit_are_refused(best, tmp_path):
    def without_head(checkpoint):
        del checkpoint["state_dict"]["network.head.weight"]

    path = rewritten(best, tmp_path / "partial.ckpt", without_head)
    with pytest.raises(ValueError, match=r"do not fit.*"):
        load(path)


def test_the_package_offers_it():
    assert xnorkit.load is load
