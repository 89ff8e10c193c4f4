"""xnorkit.data.speech_commands."""

import dataclasses
import hashlib
import inspect
import socket
from collections import Counter

import pytest
import torch

from xnorkit.data import SpeechCommands, speech_commands
from xnorkit.data.download import UnreachableError
from xnorkit.data.roster import level
from xnorkit.data.splits import which_set

TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
OFFICIAL = {
    split: dict.fromkeys(TEN, n) | {"bed": n} for split, n in [("train", 4), ("validation", 1)]
} | {"test": dict.fromkeys(TEN, 1) | {"bed": 2}}
READY = dict.fromkeys(TEN, 1) | {"_unknown_": 3, "_silence_": 2}


@pytest.fixture
def root(tmp_path, write_root):
    write_root(tmp_path / "sc", OFFICIAL)
    return tmp_path / "sc"


@pytest.fixture
def no_network(monkeypatch):
    """All archives at an address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        site = f"http://127.0.0.1:{free.getsockname()[1]}/"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def moved(archive):
        return dataclasses.replace(archive, url=site + archive.file, unpacked_size=0, size=0)

    archives = {version: moved(a) for version, a in speech_commands.ARCHIVES.items()}
    monkeypatch.setattr(speech_commands, "ARCHIVES", archives)
    monkeypatch.setattr(speech_commands, "TEST_ARCHIVE", moved(speech_commands.TEST_ARCHIVE))


def ready(*args, **options):
    module = SpeechCommands(*args, **options)
    module.prepare_data()
    module.setup()
    return module


def labels_in(module, loader):
    found = Counter(label for batch in loader for label in batch["label"].tolist())
    return {module.labels[place]: n for place, n in found.items()}


def test_labels_and_title_are_known_before_any_file_is_touched(tmp_path):
    module = SpeechCommands(tmp_path / "nothing", task=20)
    assert module.labels[:2] == ("yes", "no")
    assert module.title == "Speech Commands v0.02, 22 classes"
    assert not (tmp_path / "nothing").exists()


def test_a_root_in_the_official_layout_follows_the_protocol(root, tmp_path):
    module = ready(tmp_path / "data", root=root, batch_size=1)
    assert module.title == "Speech Commands v0.02, 12 classes"
    assert module.source_note == f"folder {root}"
    assert module.counts == {"train": 40 + 4 + 4, "validation": 12, "test": 12}
    want = dict.fromkeys(TEN, 1) | {"_unknown_": 1, "_silence_": 1}
    assert labels_in(module, module.val_dataloader()) == want
    assert labels_in(module, module.train_dataloader())["_silence_"] == 4


def test_validation_and_test_do_not_depend_on_the_seed_and_training_does(root, tmp_path):
    def waveforms(loader):
        return torch.cat([batch["waveform"] for batch in loader])

    a, b = (ready(tmp_path / "data", root=root, seed=seed, batch_size=4) for seed in (1, 2))
    assert torch.equal(waveforms(a.test_dataloader()), waveforms(b.test_dataloader()))
    assert torch.equal(waveforms(a.val_dataloader()), waveforms(b.val_dataloader()))
    assert not torch.equal(waveforms(a.train_dataloader()), waveforms(b.train_dataloader()))


def test_tasks_share_one_store(root, tmp_path, caplog):
    ready(tmp_path / "data", root=root)
    module = ready(tmp_path / "data", root=root, task=["bed", "go"], batch_size=2)
    assert module.labels == ("bed", "go", "_unknown_", "_silence_")
    assert len([p for p in (tmp_path / "data" / "stores").iterdir() if p.is_dir()]) == 1


def test_real_opus_clips_of_v1_with_their_lists(bedcathappy, tmp_path):
    module = ready(tmp_path, root=bedcathappy, version="v0.01", task=["bed", "cat"], batch_size=2)
    assert module.title == "Speech Commands v0.01, 4 classes"
    assert module.counts == {"train": 16 + 2 + 2, "validation": 4 + 1 + 1, "test": 4 + 1 + 1}


def test_a_root_without_lists_is_split_by_the_official_rule(root, tmp_path):
    for name in ("validation_list.txt", "testing_list.txt"):
        (root / name).unlink()
    module = SpeechCommands(tmp_path / "data", root=root)
    module.prepare_data()
    names = [p.name for word in TEN for p in (root / word).iterdir()]
    want = Counter(which_set(name) for name in names)
    assert {split: len(roster.rows) for split, roster in module._ready.items()} == want


def test_the_separate_test_set_replaces_the_test_split(root, tmp_path, write_root):
    write_root(tmp_path / "tests", {"test": READY}, noise=0)
    module = ready(tmp_path / "data", root=root, test_root=tmp_path / "tests")
    assert labels_in(module, module.test_dataloader()) == READY
    assert module.counts["validation"] == 12


def test_ready_unknown_and_silence_folders_are_the_evaluation_classes(tmp_path, write_root):
    splits = {"train": dict.fromkeys(TEN, 4) | {"_unknown_": 6, "_silence_": 6}}
    write_root(tmp_path / "sc", splits | {"validation": READY, "test": READY})
    module = ready(tmp_path / "data", root=tmp_path / "sc", batch_size=1)
    assert labels_in(module, module.test_dataloader()) == READY
    assert labels_in(module, module.val_dataloader()) == READY
    trained = labels_in(module, module.train_dataloader())
    assert trained == dict.fromkeys(TEN, 4) | {"_unknown_": 4, "_silence_": 4}


def test_the_embedded_subset_has_its_listed_clips(embedded):
    assert embedded.title == "Speech Commands (embedded subset), 12 classes"
    assert embedded.source_note == "embedded subset"
    assert embedded.counts == {"train": 2909 + 276 + 291, "validation": 404, "test": 506}
    test = labels_in(embedded, embedded.test_dataloader())
    assert (test["_unknown_"], test["_silence_"], test["yes"]) == (43, 36, 49)
    validation = labels_in(embedded, embedded.val_dataloader())
    assert (validation["_unknown_"], validation["_silence_"]) == (37, 43)
    assert len(embedded.noise) == 6 * 960_000


def test_embedded_training_silence_is_as_loud_as_test_silence(embedded):
    def median_level(split):
        roster = embedded._ready[split]
        epoch = roster.epoch(1, 0)
        places = (epoch.labels == embedded.labels.index("_silence_")).nonzero()[0]
        return sorted(level(epoch.waveforms(places)))[len(places) // 2]

    assert 0.3 < median_level("train") / median_level("test") < 3


def test_the_embedded_subset_has_the_ten_commands_only(embedded_dir):
    with pytest.raises(ValueError, match="embedded subset has no training clip: zero one two"):
        ready(embedded_dir, source="embedded", task=20)
    assert (
        ready(embedded_dir, source="embedded", task=["yes", "go"]).counts["train"] == 567 + 57 * 2
    )


def test_without_a_network_the_embedded_subset_stands_in_and_says_why(
    no_network, embedded_dir, caplog
):
    module = ready(embedded_dir)
    assert module.title.startswith("Speech Commands (embedded subset)")
    assert "EMBEDDED SUBSET" in caplog.text
    assert "can't be reached" in " ".join(caplog.text.replace("#", " ").split())
    assert [r.levelname for r in caplog.records if "EMBEDDED" in r.message] == ["WARNING"]


def test_without_a_network_a_pinned_download_says_what_to_do(no_network, tmp_path):
    with pytest.raises(
        UnreachableError, match=r"can't be reached: .*Without a network: .*data.root"
    ):
        SpeechCommands(tmp_path, source="download").prepare_data()


def test_without_a_network_v1_is_not_replaced_by_v2(no_network, tmp_path):
    with pytest.raises(ValueError, match=r"embedded subset is of v0.02, not of data.version=v0.01"):
        SpeechCommands(tmp_path, version="v0.01").prepare_data()


def test_a_downloaded_folder_needs_no_network_and_brings_the_test_set(
    no_network, tmp_path, write_root
):
    write_root(tmp_path / "speech_commands_v0.02", OFFICIAL)
    write_root(tmp_path / "speech_commands_test_set_v0.02", {"test": READY}, noise=0)
    module = ready(tmp_path)
    assert module.source_note == "download v0.02"
    assert labels_in(module, module.test_dataloader()) == READY
    listed = ready(tmp_path, task=["yes", "no"])
    assert labels_in(listed, listed.test_dataloader())["_unknown_"] == 1


def test_what_is_not_there_is_fetched_main_set_first(monkeypatch, tmp_path, write_root):
    fetched = []

    def fetch(archive, folder):
        fetched.append(archive.file)
        write_root(folder, {"test": READY} if "test" in archive.file else OFFICIAL)

    monkeypatch.setattr(speech_commands, "fetch_archive", fetch)
    module = ready(tmp_path)
    assert module.source_note == "download v0.02"
    assert labels_in(module, module.test_dataloader()) == READY
    assert fetched == ["speech_commands_v0.02.tar.gz", "speech_commands_test_set_v0.02.tar.gz"]


def test_the_order_is_root_then_download_then_embedded(
    no_network, root, tmp_path, write_root, embedded_dir
):
    write_root(tmp_path / "data" / "speech_commands_v0.02", OFFICIAL)
    assert ready(tmp_path / "data", root=root, task=["yes"]).source_note.startswith("folder")
    pinned = ready(tmp_path / "data", root=root, task=["yes"], source="download")
    assert pinned.source_note == "download v0.02"
    assert ready(embedded_dir, root=root, source="embedded").source_note == "embedded subset"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"source": "web"}, "data.source=web: it can be auto, root, download, embedded"),
        ({"source": "root"}, "data.source=root needs data.root"),
        ({"test_root": "x"}, "data.test_root=x: .* goes with data.task=12 and a data.root"),
        ({"test_root": "x", "root": "y", "task": 35}, "data.test_root=x"),
        ({"task": ["yess"]}, "'yess' is not a word"),
    ],
)
def test_settings_that_cannot_work_are_refused_when_made(options, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        SpeechCommands(tmp_path, **options)


def test_a_root_without_audio_or_without_existence_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"data.root=.*empty: no audio in it"):
        SpeechCommands(tmp_path / "data", root=tmp_path / "empty").prepare_data()
    with pytest.raises(ValueError, match="there is no such folder"):
        SpeechCommands(tmp_path / "data", root=tmp_path / "gone").prepare_data()


def test_a_speaker_in_two_splits_of_a_root_is_refused(root, tmp_path, write_clip):
    write_clip(root / "yes" / "00000001_nohash_0.wav", 1)
    write_clip(root / "bed" / "00000001_nohash_0.wav", 2)
    (root / "testing_list.txt").write_text("bed/00000001_nohash_0.wav\n")
    with pytest.raises(ValueError, match="speaker 00000001 is in two splits"):
        SpeechCommands(tmp_path / "data", root=root).prepare_data()


def test_the_archives_are_those_that_torchaudio_knows():
    from xnorkit._torchaudio import torchaudio

    known = inspect.getsource(torchaudio.datasets.speechcommands)
    for archive in speech_commands.ARCHIVES.values():
        assert archive.sha256 in known
        assert archive.file in known
    assert len(hashlib.sha256().hexdigest()) == len(speech_commands.TEST_ARCHIVE.sha256)


def test_a_folder_of_test_clips_alone_can_be_tested_but_not_trained_on(tmp_path, write_root):
    write_root(tmp_path / "sc", {"test": {"yes": 3, "no": 2, "_unknown_": 4}}, noise=0)
    module = SpeechCommands(tmp_path / "data", root=tmp_path / "sc")
    module.prepare_data()
    module.setup("test")
    labels = torch.cat([batch["label"] for batch in module.test_dataloader()])
    counts = torch.bincount(labels, minlength=12).tolist()
    assert counts == [3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0]
    with pytest.raises(ValueError, match="no clip is in the train split"):
        module.setup()
