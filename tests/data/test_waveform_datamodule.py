"""xnorkit.data.waveform_datamodule."""

import pickle

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from listener import Listener

from xnorkit.data import AudioFolder

SPLITS = {"train": {"a": 6, "b": 6}, "validation": {"a": 2, "b": 3}, "test": {"a": 2, "b": 1}}


@pytest.fixture
def root(tmp_path, write_root):
    write_root(tmp_path / "words", SPLITS)
    return tmp_path / "words"


@pytest.fixture
def module(root, tmp_path):
    module = AudioFolder(root, tmp_path / "data", batch_size=4)
    module.prepare_data()
    module.setup()
    return module


def values(loader):
    return [value for batch in loader for value in batch["waveform"][:, 0].tolist()]


def test_the_loaders_give_the_clips_of_their_splits(module):
    assert module.counts == {"train": 12, "validation": 5, "test": 3}
    assert sorted(values(module.train_dataloader())) == list(range(1, 13))
    assert sorted(values(module.val_dataloader())) == list(range(13, 18))
    assert sorted(values(module.test_dataloader())) == list(range(18, 21))


def test_the_noise_is_all_recordings(module):
    assert module.noise.dtype == torch.int16
    assert len(module.noise) == 32000


def test_the_home_folder_may_be_written_as_a_tilde(root, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    AudioFolder(root, "~/cache").prepare_data()
    assert (tmp_path / "cache" / "stores").is_dir()


def test_statistics_come_from_training_clips_the_same_in_every_run(module, root, tmp_path):
    def statistics(module, limit):
        return torch.cat(list(module.statistics_waveforms(limit)))[:, 0].tolist()

    assert sorted(statistics(module, 4096)) == list(range(1, 13))
    few = statistics(module, 5)
    assert len(set(few)) == 5
    other = AudioFolder(root, tmp_path / "data", seed=9)
    other.setup()
    assert statistics(other, 5) == few


def test_there_is_an_example_of_every_class(module):
    examples = module.example_waveforms()
    assert set(examples) == {"a", "b"}
    assert examples["a"].shape == (16000,)
    assert 1 <= examples["a"][0] <= 6 < examples["b"][0] <= 12


def test_preparing_again_touches_nothing(module, monkeypatch):
    monkeypatch.setattr(module, "_rosters", lambda fetch: pytest.fail("it was ready"))
    module.prepare_data()
    module.setup("fit")


def test_a_pickle_is_small_and_still_gives_the_batches(module):
    want = values(module.train_dataloader())
    pickled = pickle.dumps(module)
    assert len(pickled) < 200_000
    assert values(pickle.loads(pickled).train_dataloader()) == want


@pytest.mark.parametrize("key", ["batch_size", "eval_batch_size"])
def test_a_batch_of_nothing_is_refused(key, root, tmp_path):
    with pytest.raises(ValueError, match=rf"data\.{key}=0: it must be at least 1"):
        AudioFolder(root, tmp_path, **{key: 0})


def test_a_data_dir_that_cannot_be_written_is_refused(root, tmp_path):
    (tmp_path / "file").write_text("")
    module = AudioFolder(root, tmp_path / "file" / "deeper")
    with pytest.raises(PermissionError, match=r"data_dir=.*deeper: it can't be written"):
        module.prepare_data()


def test_a_split_without_clips_is_refused_unless_only_the_test_runs(tmp_path, write_root):
    write_root(tmp_path / "words", {"test": {"a": 2, "b": 1}})
    module = AudioFolder(tmp_path / "words", tmp_path / "data")
    module.prepare_data()
    module.setup("test")
    assert len(values(module.test_dataloader())) == 3
    with pytest.raises(ValueError, match="no clip is in the train split"):
        module.setup("fit")


def test_a_label_without_training_clips_is_named(tmp_path, write_root, caplog):
    write_root(tmp_path / "words", SPLITS | {"train": {"a": 6}})
    module = AudioFolder(tmp_path / "words", tmp_path / "data")
    module.prepare_data()
    module.setup("test")
    assert "no clip in the train split" not in caplog.text
    for _ in range(2):
        module.setup("fit")
    assert caplog.text.count("no clip in the train split: b") == 1


def test_random_numbers_of_others_change_nothing(module):
    np.random.seed(0)
    torch.manual_seed(0)
    first = values(module.train_dataloader())
    assert values(module.train_dataloader()) == first


@pytest.mark.slow
def test_two_processes_share_training_and_validation(module, tmp_path):
    trainer = Trainer(
        accelerator="cpu", devices=2, strategy="ddp_spawn", max_epochs=2, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(Listener(tmp_path), module)
    seen = {p.name: p.read_text().split() for p in tmp_path.iterdir() if p.name[-1] in "01"}
    for epoch in (0, 1):
        first, second = seen[f"train{epoch}_0"], seen[f"train{epoch}_1"]
        assert len(first) == len(second) == 4  # of 12 clips: one batch of 4 each, the rest dropped
        assert not set(first) & set(second)
    assert seen["train0_0"] != seen["train1_0"]
    assert set(seen["val0"][:3]) | set(seen["val1"][:3]) == {str(v) for v in range(13, 18)}
