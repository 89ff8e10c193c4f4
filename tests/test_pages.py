"""The Python of the README runs as it stands, with stand-ins for what is the reader's."""

import re
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
from heard_model import CLIP, LABELS, heard_model, sound
from torch import nn

from xnorkit.nn import BinaryLinear

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


class OneStep(lightning.LightningModule):
    """A reader's module of float layers, which ends after its first epoch."""

    def __init__(self):
        super().__init__()
        self.layers = layers()

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(2, 4))

    def training_step(self, batch, batch_idx):
        return self.layers(batch).sum()

    def on_train_epoch_end(self):
        self.trainer.should_stop = True

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def layers():
    return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))


@pytest.fixture
def ran(tmp_path, monkeypatch, engine_cache):
    """Runs the README's n-th block with the reader's names; gives all names after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("xnorkit.native.compile.default_cache_dir", lambda: engine_cache)
    (tmp_path / "outputs/…/deploy").mkdir(parents=True)
    (tmp_path / "outputs/…/deploy/model.xnor").write_bytes(heard_model().content)
    names = {}

    def run(number, **readers):
        names.update(readers)
        exec(compile(BLOCKS[number], f"README, block {number}", "exec"), names)
        return names

    return run


def test_an_engine_is_made_and_heard(ran, tmp_path, capsys):
    example = torch.zeros(1, *heard_model().frontend.output_shape)
    names = ran(0, module=heard_model().network, example_input=example, x=example)
    assert names["logits"].shape == (1, len(LABELS))
    assert (tmp_path / "model.xnor").is_file()
    pieces = np.array_split(sound(3 * CLIP), 7)
    ran(1, samples=sound(2 * CLIP), microphone=pieces)
    decisions = capsys.readouterr().out.splitlines()
    assert len(decisions) == 1 + 2 * CLIP // 320  # the first clip, then one every 20 ms of 16 kHz
    assert decisions[0].split()[2] in LABELS


def test_binop_trains_a_readers_module_and_a_hand_written_loop(ran):
    module, model = OneStep(), layers()
    names = ran(2, your_module=module)
    assert module.trainer.global_step == 2
    before = model[1].weight.clone()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    batches = [(torch.ones(3, 4), torch.tensor([0, 1, 0]))]
    ran(3, model=model, optimizer=optimizer, batches=batches, loss=nn.CrossEntropyLoss())
    assert [target.name for target in names["bin_op"].targets] == ["1"]
    assert not torch.equal(model[1].weight, before)


def test_layers_are_torchs_and_are_packed(ran):
    names = ran(4)
    assert isinstance(names["layer"], nn.Conv2d)
    model, x = nn.Sequential(BinaryLinear(70, 5)).eval(), torch.randn(3, 70)
    before = model(x)
    a, b = torch.randn(4, 1000), torch.randn(6, 1000)
    names = ran(5, model=model, a=a, b=b)
    assert torch.equal(model(x), before)
    assert torch.load("packed.pt", weights_only=True)["0.weight"].dtype == torch.uint8
    signs = [torch.where(t < 0, -1, 1) for t in (a, b)]
    assert torch.equal(names["y"], (signs[0] @ signs[1].T).int())


def test_no_block_is_left_out():
    assert len(BLOCKS) == 6
