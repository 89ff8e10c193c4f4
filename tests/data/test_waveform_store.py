"""xnorkit.data.waveform_store."""

import errno
import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xnorkit.data import waveform_store
from xnorkit.data.file_tree import FolderTree, audio_names
from xnorkit.data.waveform_store import StorePlan, open_store

SPLITS = {"train": {"no": 2, "yes": 3}, "validation": {"yes": 1}, "test": {"no": 1}}


def plan_of(root, data_dir, splits=SPLITS, **options):
    tree = FolderTree(root)
    names = audio_names(tree)
    wanted = [split for split, words in splits.items() for n in words.values() for _ in range(n)]
    by_value = sorted(names, key=lambda name: name.rpartition("/")[2])
    split_of = {name: wanted[min(i, len(wanted) - 1)] for i, name in enumerate(by_value)}
    split_of = {name: split_of[name] for name in names}
    return StorePlan(tree, split_of, Path(data_dir), str(root), 16000, 16000, **options)


@pytest.fixture
def root(tmp_path, write_root):
    write_root(tmp_path / "root", SPLITS)
    return tmp_path / "root"


def firsts(store, split):
    clips = store.splits[split]
    return clips.gather(np.arange(len(clips)))[:, 0].tolist()


def words(store, split):
    return [store.words[i] for i in store.splits[split].words]


def builds(monkeypatch):
    """A list that grows with every build."""
    calls, build = [], waveform_store._build
    monkeypatch.setattr(waveform_store, "_build", lambda *a: (calls.append(a), build(*a))[1])
    return calls


def test_every_clip_is_in_its_split_with_its_word_and_the_noise_is_joined(
    root, tmp_path, write_clip
):
    write_clip(root / "_background_noise_" / "aaa.wav", np.full(20000, 77, np.int16))
    store = open_store(plan_of(root, tmp_path / "data"), 0)
    assert sorted(zip(words(store, "train"), firsts(store, "train"), strict=True)) == [
        ("no", 1), ("no", 2), ("yes", 3), ("yes", 4), ("yes", 5),
    ]  # fmt: skip
    assert (words(store, "validation"), firsts(store, "validation")) == (["yes"], [6])
    assert (words(store, "test"), firsts(store, "test")) == (["no"], [7])
    assert store.noise_lengths == (20000, 32000)
    assert set(store.noise[:20000].tolist()) == {77}
    assert len(store.noise) == 52000


def test_the_second_start_finds_the_store_and_both_say_so(root, tmp_path, monkeypatch, caplog):
    calls = builds(monkeypatch)
    for said in ("waveform store built in", "waveform store found", "waveform store found"):
        caplog.clear()
        open_store(plan_of(root, tmp_path / "data"), 0)
        assert said in caplog.text
    assert len(calls) == 1


@pytest.mark.parametrize("change", ["content", "time", "new", "gone", "noise", "splits"])
def test_a_changed_source_is_stored_anew(change, root, tmp_path, monkeypatch, write_clip):
    calls = builds(monkeypatch)
    before = plan_of(root, tmp_path / "data")
    open_store(before, 0)
    clip = root / "yes" / "00000004_nohash_0.wav"
    if change == "content":
        write_clip(clip, np.full(9000, 99, np.int16))
    elif change == "time":
        os.utime(clip, (1, 1))
    elif change == "new":
        write_clip(root / "yes" / "ffffffff_nohash_0.wav", 9)
    elif change == "gone":
        clip.unlink()
    elif change == "noise":
        write_clip(root / "_background_noise_" / "more.wav", 3)
    after = plan_of(root, tmp_path / "data")
    if change == "splits":
        after = replace(after, split_of={**after.split_of, "yes/00000004_nohash_0.wav": "test"})
    store = open_store(after, 0)
    assert len(calls) == 2
    assert after.folder == before.folder
    assert sum(len(clips) for clips in store.splits.values()) == len(after.split_of)


def test_other_rates_and_lengths_have_stores_of_their_own(root, tmp_path):
    plan = plan_of(root, tmp_path)
    others = [replace(plan, samples=8000), replace(plan, sample_rate=8000), replace(plan, name="x")]
    assert len({p.folder for p in [plan, *others]}) == 4
    store = open_store(others[0], 0)
    assert store.splits["train"].gather(np.array([0])).shape == (1, 8000)


def test_odd_files_are_made_to_fit_with_one_summary_line(root, tmp_path, write_clip, caplog):
    write_clip(root / "yes" / "1000_nohash_0.wav", np.full((16000, 2), 5, np.int16))
    write_clip(root / "yes" / "2000_nohash_0.wav", np.full(8000, 6, np.int16), rate=8000)
    write_clip(root / "yes" / "3000_nohash_0.wav", np.full(40000, 7, np.int16))
    write_clip(root / "yes" / "4000_nohash_0.wav", np.full(4000, 8, np.int16))
    store = open_store(plan_of(root, tmp_path / "data"), 0)
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    for part in (
        "of 12 files", "1 mixed from 2 channels", "1 resampled from 8000 Hz",
        "1 cut to 16000 samples", "1 padded to 16000 samples",
    ):  # fmt: skip
        assert part in caplog.text
    waveforms = store.splits["test"].gather(np.arange(len(store.splits["test"])))
    assert waveforms.shape == (5, 16000)


def spoil(root, write_clip):
    (root / "yes" / "ruin_nohash_0.wav").write_bytes(b"not audio")
    write_clip(root / "no" / "void_nohash_0.wav", np.zeros(0, np.int16))
    (root / "_background_noise_" / "bad.wav").write_bytes(b"RIFF")


def test_bad_files_are_named_counted_and_left_out(root, tmp_path, write_clip, caplog):
    spoil(root, write_clip)
    for _ in range(2):  # when built, and when found
        caplog.clear()
        store = open_store(plan_of(root, tmp_path / "data"), 0.3)
        assert "3 of 11 files left out" in caplog.text
        for name in ("yes/ruin_nohash_0.wav", "no/void_nohash_0.wav (it is empty)", "bad.wav"):
            assert name in caplog.text
    assert sum(len(clips) for clips in store.splits.values()) == 7
    assert len(store.splits["test"].words) == len(store.splits["test"])


def test_too_many_bad_files_are_an_error_that_names_them(root, tmp_path, write_clip):
    spoil(root, write_clip)
    with pytest.raises(ValueError, match=r"3 of 11 files in .* max_bad_fraction=0.1") as error:
        open_store(plan_of(root, tmp_path / "data"), 0.1)
    assert "no/void_nohash_0.wav (it is empty)" in str(error.value)


def test_of_many_bad_files_only_the_first_are_named(root, tmp_path):
    for i in range(20):
        (root / "yes" / f"{i}_nohash_0.wav").write_bytes(b"")
    with pytest.raises(ValueError, match="and 15 more"):
        open_store(plan_of(root, tmp_path / "data"), 0)


def test_a_build_that_is_stopped_leaves_nothing_and_the_next_one_succeeds(
    root, tmp_path, monkeypatch
):
    plan = plan_of(root, tmp_path / "data")

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(waveform_store, "decode", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_store(plan, 0)
    assert [p.name for p in plan.folder.parent.iterdir() if p.suffix != ".lock"] == []
    plan.folder.with_name(plan.folder.name + ".building").mkdir()  # as a killed process leaves it
    assert len(open_store(plan, 0).splits["train"]) == 5


@pytest.mark.parametrize("damage", ["", "{", '{"fingerprint": 1}'])
def test_a_damaged_store_is_built_anew(damage, root, tmp_path):
    plan = plan_of(root, tmp_path / "data")
    open_store(plan, 0)
    (plan.folder / "store.json").write_text(damage)
    assert len(open_store(plan, 0).splits["train"]) == 5
    assert json.loads((plan.folder / "store.json").read_text())["words"] == ["no", "yes"]


def test_a_full_disk_says_how_much_is_needed_and_where(root, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(waveform_store, "_write_split", full)
    plan = plan_of(root, tmp_path / "data")
    with pytest.raises(OSError, match=r"disk is full: the store needs 0.0 GB. .*set data_dir"):
        open_store(plan, 0)
    assert not list(plan.folder.parent.glob("*.building"))


def _open_and_report(root, data_dir, queue):
    built = []
    build = waveform_store._build
    waveform_store._build = lambda *a: (built.append(1), build(*a))[1]
    store = open_store(plan_of(root, data_dir), 0)
    queue.put((len(built), sorted(firsts(store, "train"))))


def test_concurrent_builders_build_once_and_see_the_same(root, tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    args = (root, tmp_path / "data", queue)
    processes = [context.Process(target=_open_and_report, args=args) for _ in range(4)]
    for process in processes:
        process.start()
    reports = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sum(built for built, _ in reports) == 1
    assert all(values == [1, 2, 3, 4, 5] for _, values in reports)


def test_an_open_store_survives_being_replaced(root, tmp_path, write_clip):
    store = open_store(plan_of(root, tmp_path / "data"), 0)
    before = firsts(store, "train")
    write_clip(root / "yes" / "00000004_nohash_0.wav", 1000)
    open_store(plan_of(root, tmp_path / "data"), 0)
    assert firsts(store, "train") == before
