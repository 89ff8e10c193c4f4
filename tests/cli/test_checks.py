"""What can't work is refused with a sentence, before anything is built."""

import pytest
import torch
from omegaconf import OmegaConf

from xnorkit.cli import checks
from xnorkit.cli.checks import Refused


def config(tmp_path, **changes):
    trainer = {"accelerator": "cpu", "devices": 1, "precision": "32-true"}
    values = {
        "fit": True, "test": True, "ckpt_path": None, "resume": None, "init_from": None,
        "seed": 1, "run_dir": str(tmp_path), "trainer": trainer | changes.pop("trainer", {}),
    }  # fmt: skip
    return OmegaConf.create(values | changes)


def test_what_can_work_is_not_refused(tmp_path):
    checks.check(config(tmp_path))
    checks.check(config(tmp_path), multirun=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fit": False}, "name the checkpoint to test"),
        ({"fit": False, "test": False, "ckpt_path": "a"}, "nothing is left to do"),
        ({"fit": False, "ckpt_path": "a", "resume": "b"}, "Leave one of them out"),
        ({"ckpt_path": "a"}, "to test it set fit=false"),
        ({"resume": "a", "init_from": "b"}, "has its own weights"),
        ({"init_from": "nowhere.ckpt"}, "init_from=nowhere.ckpt: there is no such checkpoint"),
        ({"seed": -1}, "seed=-1: choose a whole number"),
        ({"seed": "one"}, "seed=one"),
        ({"seed": 2**32}, "seed=4294967296"),
        ({"callbacks": {"binop": {"alpha": "layer"}}}, "Set model.alpha"),
        ({"run_dir": "/dev/null/run"}, "can't be written"),
        ({"trainer": {"accelerator": "tpu"}}, "choose cpu, gpu, cuda, mps or auto"),
        ({"trainer": {"precision": "16-mixed"}}, "float16 needs a GPU"),
        ({"trainer": {"precision": "bf16-true"}}, "latent weights need float32"),
        ({"trainer": {"precision": "8"}}, "choose one of 32-true"),
        ({"trainer": {"strategy": "fsdp"}}, "shards the weights"),
        ({"trainer": {"strategy": "deepspeed_stage_2"}}, "shards the weights"),
    ],
)
def test_it_is_refused_with_a_sentence(changes, sentence, tmp_path):
    with pytest.raises(Refused) as refusal:
        checks.check(config(tmp_path, **changes))
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_resume_in_a_sweep_is_refused(tmp_path):
    with pytest.raises(Refused, match="Leave out -m"):
        checks.check(config(tmp_path, resume="run"), multirun=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_accelerator_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refused, match="Take trainer=cpu"):
        checks.check(config(tmp_path, trainer={"accelerator": "gpu"}))


def test_more_gpus_than_there_are_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    checks.check_accelerator("gpu", 2)
    checks.check_accelerator("gpu", -1)
    for devices in (3, [0, 2], "3"):
        with pytest.raises(Refused, match="there are 2"):
            checks.check_accelerator("gpu", devices)


def test_bfloat16_on_a_gpu_without_it_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "GeForce 1080")
    for has_it in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_it)  # noqa: B023
        if has_it:
            checks.check_precision("bf16-mixed", "gpu")
        else:
            with pytest.raises(Refused, match="GeForce 1080 has no bfloat16"):
                checks.check_precision("bf16-mixed", "gpu")


SPAWNED = {"_target_": "lightning.pytorch.strategies.DDPStrategy", "start_method": "spawn"}
POPENED = {"_target_": "lightning.pytorch.strategies.DDPStrategy"}


@pytest.mark.parametrize(
    ("strategy", "devices", "refused"),
    [
        ("ddp", 2, True),
        ("ddp_find_unused_parameters_true", 2, True),
        ("auto", 2, True),
        (POPENED, 2, True),
        ("auto", 1, False),
        ("ddp_spawn", 2, False),
        (SPAWNED, 2, False),
    ],
)
def test_subprocess_ddp_is_refused_in_a_sweep_only(strategy, devices, refused):
    node = OmegaConf.create({"strategy": strategy}).strategy
    checks.check_strategy(node, devices, multirun=False)
    if refused:
        with pytest.raises(Refused, match="each would run the whole sweep"):
            checks.check_strategy(node, devices, multirun=True)
    else:
        checks.check_strategy(node, devices, multirun=True)
