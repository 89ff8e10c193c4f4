"""experiment=binarynet_digits, small, from config to checkpoint and back, in this process."""

import pytest
import torch
from runs import composed
from torch import nn

import xnorkit
from xnorkit.cli import build
from xnorkit.cli.checks import Refused
from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.train import run_job
from xnorkit.data.images.digits import Digits
from xnorkit.nn import BinaryLinear
from xnorkit.ops import pack_

SMALL = (
    "experiment=binarynet_digits", "network.widths=[24,16,16]", "recipe.epochs=2", "deploy=none",
    "logger=none", "callbacks.progress=null",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two epochs with Glorot-scaled rates."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    run_job(composed(folder.path, *SMALL, "task.lr_scale=glorot"))
    return folder


def test_the_experiment_on_mnist_is_the_6144_wide_mlp_of_the_authors(tmp_path):
    cfg = composed(tmp_path, "experiment=binarynet_mnist", f"data_dir={tmp_path}")
    data = build.datamodule(cfg)
    with torch.device("meta"):
        network = build.network(cfg, data.features, data.labels)
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert [(type(m), m.in_features, m.out_features) for m in layers] == [
        (nn.Linear, 784, 6144), (BinaryLinear, 6144, 6144), (BinaryLinear, 6144, 6144),
        (nn.Linear, 6144, 10),
    ]  # fmt: skip
    kinds = [type(m) for m in network.modules()]
    assert kinds.count(nn.BatchNorm1d) == kinds.count(nn.Hardtanh) == 3
    assert all(m.weight_rule.clamp_after_step and m.input_dropout == 0.5 for m in layers[1:3])
    assert network.dropout.p == 0.5
    assert cfg.task.loss == "square_hinge"


def test_the_checkpoint_becomes_a_module_that_answers_images(run):
    module = xnorkit.load(run.best)
    assert module.labels == tuple("0123456789")
    assert module.frontend.output_shape == (1, 8, 8)
    images = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    assert module(module.frontend(images)).shape == (3, 10)
    layers = [m for m in module.modules() if isinstance(m, BinaryLinear)]
    assert [layer.input_dropout for layer in layers] == [0.2, 0.2]
    assert all(layer.weight.abs().max() <= 1 for layer in layers)  # clamped after each step


@torch.no_grad()
def test_the_checkpoint_answers_the_same_when_packed(run):
    module = xnorkit.load(run.best)
    images = module.frontend(torch.randint(0, 256, (9, 1, 8, 8), dtype=torch.uint8))
    before = module(images)
    assert torch.equal(pack_(module)(images), before)
    packed = [m for m in module.modules() if isinstance(m, BinaryLinear)]
    assert [m.weight.dtype for m in packed] == [torch.uint8] * 2


def test_the_checkpoint_is_tested_alone_on_the_same_images(run, tmp_path):
    found = run_job(composed(tmp_path, "fit=false", f"ckpt_path={run.best}", "logger=none"))
    module = xnorkit.load(run.best)
    data = Digits(eval_batch_size=500)
    data.prepare_data()
    (batch,) = data.test_dataloader()
    with torch.no_grad():
        answers = module(module.frontend(batch["image"])).argmax(1)
    assert found == pytest.approx((answers == batch["label"]).float().mean().item())


def test_a_smoothed_hinge_is_refused_before_training(tmp_path):
    with pytest.raises(Refused, match="only cross-entropy's labels are smoothed"):
        run_job(composed(tmp_path, *SMALL, "recipe.label_smoothing=0.1"))


def test_images_and_features_of_two_sizes_are_refused_before_training(tmp_path):
    with pytest.raises(Refused, match=r"data.features.shape=\[1, 28, 28\]"):
        run_job(composed(tmp_path, *SMALL, "data.features.shape=[1,28,28]"))
