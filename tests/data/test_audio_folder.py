"""xnorkit.data.audio_folder."""

from collections import Counter

import pytest

from xnorkit.data import AudioFolder
from xnorkit.data.splits import which_set


def ready(root, data_dir, **options):
    module = AudioFolder(root, data_dir, **options)
    module.prepare_data()
    module.setup()
    return module


def test_labels_are_the_folders_and_noise_is_none(tmp_path, write_root):
    write_root(tmp_path / "mine", {"train": {"stop": 1, "go": 1, "_unknown_": 1}})
    module = AudioFolder(tmp_path / "mine", tmp_path / "data")
    assert module.labels == ("_unknown_", "go", "stop")
    assert module.title == "mine, 3 classes"
    assert module.source_note == f"folder {tmp_path / 'mine'}"


def test_without_lists_the_hash_of_the_speaker_decides(tmp_path, write_clip):
    want = Counter()
    for speaker in range(40):
        for word in ("go", "stop"):
            write_clip(tmp_path / "mine" / word / f"{speaker}_nohash_0.wav", speaker + 1)
            want[which_set(f"{speaker}_nohash_0", 20, 30)] += 1
    module = ready(
        tmp_path / "mine", tmp_path / "data", validation_percentage=20, testing_percentage=30,
        batch_size=1,
    )  # fmt: skip
    assert module.counts == want
    speakers = [
        {v for b in loader for v in b["waveform"][:, 0].tolist()}
        for loader in (module.train_dataloader(), module.val_dataloader(), module.test_dataloader())
    ]
    assert not speakers[0] & speakers[1]
    assert not speakers[0] & speakers[2]
    assert not speakers[1] & speakers[2]
    assert len(module.noise) == 0


def test_lists_decide_where_there_are_lists(bedcathappy, tmp_path):
    module = ready(bedcathappy, tmp_path, batch_size=8)
    assert module.labels == ("bed", "cat", "happy")
    assert module.counts == {"train": 24, "validation": 6, "test": 6}
    assert Counter(module._ready["test"].labels.tolist()) == {0: 2, 1: 2, 2: 2}


def test_other_rates_and_lengths_are_a_setting(bedcathappy, tmp_path):
    module = ready(bedcathappy, tmp_path, sample_rate=8000, samples=4000)
    assert next(iter(module.val_dataloader()))["waveform"].shape == (6, 4000)
    assert len(module.noise) == 12000


def test_a_speaker_in_two_splits_is_refused(tmp_path, write_clip):
    root = tmp_path / "mine"
    for word in ("go", "stop"):
        write_clip(root / word / "anna_nohash_0.wav", 1)
    (root / "validation_list.txt").write_text("go/anna_nohash_0.wav\n")
    (root / "testing_list.txt").write_text("")
    with pytest.raises(ValueError, match="speaker anna is in two splits"):
        AudioFolder(root, tmp_path / "data").prepare_data()


def test_a_folder_without_audio_is_refused(tmp_path):
    (tmp_path / "mine" / "go").mkdir(parents=True)
    (tmp_path / "mine" / "go" / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=r"data.root=.*mine: no audio in it. Expected <root>/<lab"):
        AudioFolder(tmp_path / "mine", tmp_path / "data")
