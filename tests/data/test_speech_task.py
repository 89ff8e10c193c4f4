"""xnorkit.data.speech_task."""

import numpy as np
import pytest

from xnorkit.data.speech_task import (
    SILENCE,
    UNKNOWN,
    WORDS,
    labels_of,
    require_every_class,
    rosters_of,
)
from xnorkit.data.stored_clips import StoredClips
from xnorkit.data.waveform_store import WaveformStore

TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SAMPLES = 10


@pytest.fixture
def make_store(tmp_path):
    """make_store({split: {word: clips}}, noise): clip i of a split is the constant i."""

    def make(splits, noise=100):
        words = tuple(sorted({word for counts in splits.values() for word in counts}))
        stored = {}
        for split, counts in splits.items():
            places = [words.index(word) for word, n in counts.items() for _ in range(n)]
            np.array(places, np.int64).tofile(tmp_path / f"{split}.words")
            values = np.repeat(np.arange(len(places), dtype=np.int16), SAMPLES)
            values.tofile(tmp_path / f"{split}.waveforms")
            stored[split] = StoredClips(tmp_path / split, len(places), SAMPLES)
        return WaveformStore(words, stored, np.ones(noise, np.int16), (noise,))

    return make


def composition(roster, labels, epoch=0):
    found = roster.epoch(1, epoch).labels
    return {label: int((found == i).sum()) for i, label in enumerate(labels)}


def test_the_tasks_are_the_published_ones():
    assert labels_of(12, "v0.02") == (*TEN, UNKNOWN, SILENCE)
    assert labels_of("12", "v0.01") == labels_of(12, "v0.02")
    twenty = labels_of(20, "v0.01")
    assert len(twenty) == 22
    assert {"zero", "nine"} < set(twenty)
    assert len(labels_of(35, "v0.02")) == len(set(labels_of(35, "v0.02"))) == 35
    assert not {UNKNOWN, SILENCE} & set(labels_of(35, "v0.02"))
    assert labels_of(["cat", "bed"], "v0.01") == ("cat", "bed", UNKNOWN, SILENCE)
    assert {len(words) for words in WORDS.values()} == {30, 35}


@pytest.mark.parametrize(
    ("task", "version", "sentence"),
    [
        (13, "v0.02", "data.task=13: it can be 12, 20, 35 or a list"),
        (35, "v0.01", "v0.01 has 30 words"),
        (["yess"], "v0.02", "'yess' is not a word of Speech Commands v0.02. Did you mean yes?"),
        (["visual"], "v0.01", "'visual' is not a word of Speech Commands v0.01"),
        ([True, False], "v0.02", "YAML takes a bare yes, no, on or off for a truth value"),
        (["yes", "yes"], "v0.02", "none twice"),
        ([], "v0.02", "at least one word"),
        (12, "v3", "data.version=v3: it can be v0.01 or v0.02"),
    ],
)
def test_what_is_no_task_is_refused_with_a_sentence(task, version, sentence):
    with pytest.raises(ValueError, match=sentence.replace("?", r"\?")):
        labels_of(task, version)


def test_unknown_and_silence_are_a_tenth_each_in_every_split(make_store):
    counts = dict.fromkeys(TEN, 20) | {"bed": 60, "cat": 60}
    store = make_store({"train": counts, "validation": counts, "test": counts})
    labels = labels_of(12, "v0.02")
    for roster in rosters_of(store, labels).values():
        assert composition(roster, labels) == dict.fromkeys(TEN, 20) | {UNKNOWN: 20, SILENCE: 20}


def test_unknown_takes_what_there_is_where_it_is_less(make_store):
    store = make_store({"train": {"yes": 100, "no": 100, "bed": 3}})
    roster = rosters_of(store, labels_of(["yes", "no"], "v0.02"))["train"]
    assert len(roster) == 200 + 3 + 20


def test_unknown_clips_are_of_words_outside_the_task(make_store):
    store = make_store({"train": {"bed": 5, "no": 40, UNKNOWN: 5, SILENCE: 5, "yes": 40}})
    labels = labels_of(["no", "yes"], "v0.02")
    roster = rosters_of(store, labels)["train"]
    seen = set()
    for epoch in range(30):
        drawn = roster.epoch(1, epoch)
        seen |= set(drawn.drawn.rows[drawn.labels == 2].tolist())
    assert seen == {*range(5), *range(45, 50)}


def test_a_ready_test_split_is_taken_as_it_is_and_training_is_still_drawn(make_store):
    ready = dict.fromkeys(TEN, 2) | {UNKNOWN: 7, SILENCE: 5}
    store = make_store({"train": ready, "validation": ready, "test": ready})
    labels = labels_of(12, "v0.02")
    rosters = rosters_of(store, labels)
    for split in ("validation", "test"):
        assert composition(rosters[split], labels) == ready
        assert sorted(rosters[split].epoch(1, 0).drawn.rows) == list(range(32))
    assert composition(rosters["train"], labels) == dict.fromkeys(TEN, 2) | {UNKNOWN: 2, SILENCE: 2}


def test_all_words_are_all_clips_and_nothing_is_drawn(make_store):
    counts = dict.fromkeys(WORDS["v0.02"], 2) | {SILENCE: 3}
    labels = labels_of(35, "v0.02")
    roster = rosters_of(make_store({"train": counts}), labels)["train"]
    assert composition(roster, labels) == dict.fromkeys(WORDS["v0.02"], 2)
    first, second = (roster.epoch(1, e).drawn.rows.tolist() for e in (0, 1))
    assert first == second


def test_missing_words_are_named_with_the_place(make_store):
    store = make_store({"train": {"yes": 1, "bed": 1}})
    labels = labels_of(12, "v0.02")
    with pytest.raises(ValueError, match="of which /sc has no training clip: no up .* It has bed"):
        require_every_class(rosters_of(store, labels)["train"], labels, ("bed", "yes"), "/sc")


def test_a_place_without_other_words_has_no_unknown(make_store):
    store = make_store({"train": {"yes": 1, "no": 1}})
    labels = labels_of(["yes", "no"], "v0.02")
    with pytest.raises(ValueError, match="no training clip for _unknown_.*audio_folder"):
        require_every_class(rosters_of(store, labels)["train"], labels, ("yes", "no"), "/sc")


def test_a_place_without_noise_has_no_silence(make_store):
    store = make_store({"train": {"yes": 1, "no": 1}}, noise=SAMPLES - 1)
    labels = labels_of(["yes"], "v0.02")
    with pytest.raises(ValueError, match="nothing for _silence_: .*_background_noise_"):
        require_every_class(rosters_of(store, labels)["train"], labels, ("no", "yes"), "/sc")


def test_a_test_split_with_some_of_the_classes_is_taken_as_it_is(make_store):
    store = make_store({"test": {"yes": 3, UNKNOWN: 5, SILENCE: 2}}, noise=0)
    labels = labels_of(12, "v0.02")
    expected = dict.fromkeys(labels, 0) | {"yes": 3, UNKNOWN: 5, SILENCE: 2}
    assert composition(rosters_of(store, labels)["test"], labels) == expected
