"""xnorkit.data.batches."""

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from xnorkit import draws
from xnorkit.data.batches import EvaluationLoader, TrainLoader
from xnorkit.data.roster import Roster, Unknown
from xnorkit.data.stored_clips import StoredClips

SAMPLES = 4


@pytest.fixture
def roster(tmp_path):
    """27 clips: 20 of the task, and 7 of 30 unknown ones; clip i has the sample value i."""
    np.repeat(np.arange(50, dtype=np.int16), SAMPLES).tofile(tmp_path / "train.waveforms")
    np.zeros(50, np.int64).tofile(tmp_path / "train.words")
    clips = StoredClips(tmp_path / "train", 50, SAMPLES)
    extras = [Unknown(3, 7, np.arange(20, 50))]
    return Roster(clips, np.zeros(0, np.int16), np.arange(20), np.arange(20) % 3, extras)


def values(loader):
    return [batch["waveform"][:, 0].tolist() for batch in loader]


def flat(loader):
    return [value for batch in values(loader) for value in batch]


def test_a_batch_holds_waveforms_labels_and_keys(roster):
    batch = next(iter(TrainLoader(roster, 4, seed=1)))
    assert {name: (t.dtype, tuple(t.shape)) for name, t in batch.items()} == {
        "waveform": (torch.int16, (4, SAMPLES)),
        "label": (torch.int64, (4,)),
        "key": (torch.int64, (4,)),
    }


def test_an_epoch_meets_each_clip_at_most_once_and_drops_the_last_batch(roster):
    loader = TrainLoader(roster, 4, seed=1)
    batches = values(loader)
    assert len(loader) == len(batches) == 6
    assert {len(batch) for batch in batches} == {4}
    assert len({value for batch in batches for value in batch}) == 24


def test_every_iteration_is_another_epoch_with_another_order_and_other_unknown_words(roster):
    loader = TrainLoader(roster, 9, seed=1)
    first, second = values(loader), values(loader)
    assert first != second
    unknown = [{v for b in batches for v in b if v >= 20} for batches in (first, second)]
    assert unknown[0] != unknown[1]
    assert values(TrainLoader(roster, 9, seed=1)) == first
    assert values(TrainLoader(roster, 9, seed=2)) != first


def test_an_iteration_that_was_broken_off_is_followed_by_the_next_epoch(roster):
    whole, broken = TrainLoader(roster, 4, seed=1), TrainLoader(roster, 4, seed=1)
    _, second = values(whole), values(whole)
    next(iter(broken))
    assert values(broken) == second


def test_asking_for_an_iterator_changes_nothing(roster):
    loader = TrainLoader(roster, 4, seed=1)
    for _ in range(3):
        iter(loader)
    assert values(loader) == values(TrainLoader(roster, 4, seed=1))


def test_keys_belong_to_a_place_and_an_epoch_whatever_the_batch(roster):
    def keys(batch_size):
        loader = TrainLoader(roster, batch_size, seed=1)
        return torch.cat([batch["key"] for batch in loader])

    assert torch.equal(keys(3), keys(9))
    assert set(keys(3).tolist()) == set(draws.key(1, 0, torch.arange(27), "sample").tolist())


@pytest.mark.parametrize("done", [0, 1, 3, 6, 7])
def test_a_loaded_state_goes_on_with_the_next_batch(done, roster):
    whole, stopped, resumed = (TrainLoader(roster, 4, seed=1) for _ in range(3))
    want = [batch for _ in range(3) for batch in values(whole)]
    seen = []
    while len(seen) < done:
        for batch in stopped:
            seen.append(batch["waveform"][:, 0].tolist())
            if len(seen) == done:
                break
    resumed.load_state_dict(stopped.state_dict())
    rest = [batch for _ in range(3) for batch in values(resumed)]
    assert seen == want[:done]
    assert rest[: len(want) - done] == want[done:]


@pytest.mark.parametrize("other", [{"batch_size": 3}, {"seed": 2}, {"world_size": 2}])
def test_a_state_of_other_training_data_is_refused(other, roster):
    state = TrainLoader(roster, 4, seed=1).state_dict()
    loader = TrainLoader(roster, **{"batch_size": 4, "seed": 1, **other})
    with pytest.raises(ValueError, match="resume with the same data, batch size, seed"):
        loader.load_state_dict(state)


def test_a_batch_larger_than_the_split_is_refused(roster):
    with pytest.raises(ValueError, match="batch_size=28 is more than the 27 training samples"):
        TrainLoader(roster, 28, seed=1)
    with pytest.raises(ValueError, match="batch_size=14 in each of 2 processes"):
        TrainLoader(roster, 14, seed=1, world_size=2)


def test_ranks_share_each_large_batch_of_one_process(roster):
    one = values(TrainLoader(roster, 6, seed=1))
    ranks = [values(TrainLoader(roster, 3, 1, rank, 2)) for rank in (0, 1)]
    assert [a + b for a, b in zip(*ranks, strict=True)] == one


def test_evaluation_gives_every_clip_once_in_a_fixed_order(roster):
    loader = EvaluationLoader(roster, 10, seed=1, draw_seed=5)
    assert len(loader) == 3
    assert [len(b) for b in values(loader)] == [10, 10, 7]
    assert values(loader) == values(loader)
    assert flat(loader)[:20] == list(range(20))
    assert values(EvaluationLoader(roster, 10, seed=2, draw_seed=5)) == values(loader)
    keys = torch.cat([batch["key"] for batch in loader])
    assert torch.equal(keys, draws.key(1, 0, torch.arange(27), "sample"))


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_ranks_share_an_evaluation_in_equally_many_batches(world_size, roster):
    loaders = [EvaluationLoader(roster, 5, 1, 5, rank, world_size) for rank in range(world_size)]
    shares = [flat(loader) for loader in loaders]
    assert len({len(loader) for loader in loaders}) == 1
    assert len({len(share) for share in shares}) == 1
    whole = flat(EvaluationLoader(roster, 5, 1, 5))
    assert set().union(*shares) == set(whole)


class Recorder(LightningModule):
    """Writes down what it sees."""

    def __init__(self, roster):
        super().__init__()
        self.roster, self.weight = roster, nn.Parameter(torch.zeros(1))
        self.seen = []

    def train_dataloader(self):
        return TrainLoader(self.roster, 4, seed=1)

    def val_dataloader(self):
        return EvaluationLoader(self.roster, 10, 1, 5)

    def training_step(self, batch, index):
        self.seen.append((self.current_epoch, index, batch["key"].tolist()))
        return (self.weight - batch["waveform"].float().mean()).square().mean()

    def validation_step(self, batch, index):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class AtEpochEnd(ModelCheckpoint):
    """Its own class, because Lightning tells callbacks apart by their class."""


def fit(roster, folder, ckpt_path=None, **options):
    module = Recorder(roster)
    checkpoints = [
        ModelCheckpoint(folder, "step{step}", every_n_train_steps=1, save_top_k=-1),
        AtEpochEnd(folder, "end{step}", save_top_k=-1, save_on_train_epoch_end=True),
        ModelCheckpoint(folder, "val{step}", save_top_k=-1, save_on_train_epoch_end=False),
    ]
    trainer = Trainer(
        accelerator="cpu", max_epochs=3, callbacks=checkpoints if ckpt_path is None else [],
        logger=False, enable_checkpointing=ckpt_path is None, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=1, **options,
    )  # fmt: skip
    trainer.fit(module, ckpt_path=ckpt_path)
    return module


@pytest.mark.filterwarnings("ignore:Checkpoint directory", "ignore:Be aware that when using")
@pytest.mark.parametrize(
    "options",
    [{}, {"limit_train_batches": 4}, {"val_check_interval": 2}, {"accumulate_grad_batches": 2}],
    ids=lambda options: next(iter(options), "plain"),
)
def test_lightning_resumed_from_any_checkpoint_sees_the_same_batches(options, roster, tmp_path):
    whole = fit(roster, tmp_path, **options)
    epoch_length = options.get("limit_train_batches", 6)
    assert len(whole.seen) == 3 * epoch_length
    assert len({tuple(key) for _, _, key in whole.seen}) == len(whole.seen)
    paths = sorted(tmp_path.glob("*.ckpt"))
    assert len(paths) > 3
    for path in paths:
        resumed = fit(roster, tmp_path, ckpt_path=path, **options)
        steps = torch.load(path, weights_only=True)["global_step"]
        rest = len(whole.seen) - steps * options.get("accumulate_grad_batches", 1)
        assert resumed.seen == whole.seen[len(whole.seen) - rest :], path.name
        assert torch.equal(resumed.weight, whole.weight), path.name
