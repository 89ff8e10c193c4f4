"""xnorkit.data.datamodule, with samples that are no recordings."""

import numpy as np
import pytest
import torch

from xnorkit.data.datamodule import DataModule


class Numbers:
    """A split: sample i is the number i."""

    def __init__(self, count):
        self.labels = np.arange(count) % 2

    def __len__(self):
        return len(self.labels)

    def epoch(self, seed, epoch):
        return self

    def inputs(self, places):
        return {"number": torch.from_numpy(places)}


class Counting(DataModule):
    sample, if_empty = "number", "Count further."

    def __init__(self, sizes, **options):
        super().__init__(("even", "odd"), **options)
        self.sizes, self.title, self.source_note = sizes, "Numbers", "nowhere"

    def _splits(self, fetch):
        return {split: Numbers(size) for split, size in self.sizes.items()}

    def fit_features(self):
        pass


def ready(train=10, validation=3, test=2, **options):
    module = Counting({"train": train, "validation": validation, "test": test}, **options)
    module.prepare_data()
    module.setup()
    return module


def numbers(loader):
    return [value for batch in loader for value in batch["number"].tolist()]


def test_each_loader_has_the_samples_of_its_split_under_their_own_name():
    module = ready(batch_size=5, eval_batch_size=2)
    assert module.counts == {"train": 10, "validation": 3, "test": 2}
    assert sorted(numbers(module.train_dataloader())) == list(range(10))
    assert numbers(module.val_dataloader()) == [0, 1, 2]
    assert numbers(module.test_dataloader()) == [0, 1]
    batch = next(iter(module.val_dataloader()))
    assert batch["label"].tolist() == [0, 1]
    assert batch["key"].dtype == torch.int64


def test_an_empty_split_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match="no number is in the validation split .nowhere.. Count f"):
        ready(validation=0)


def test_a_label_without_samples_is_named_once(caplog):
    module = ready(test=1)
    module.setup("test")
    assert caplog.text.count("no number in the test split: odd") == 1


def test_a_batch_larger_than_the_training_split_is_refused():
    with pytest.raises(ValueError, match="batch_size=11 is more than the 10 training samples"):
        ready(batch_size=11).train_dataloader()
