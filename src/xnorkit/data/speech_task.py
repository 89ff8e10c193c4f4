"""A task of Speech Commands → its labels, and from a store the roster of each split."""

import difflib
from collections.abc import Sequence

import numpy as np

from xnorkit.data.audio_file import Samples
from xnorkit.data.batches import Places
from xnorkit.data.roster import (
    Extra,
    Roster,
    Silence,
    Unknown,
    extra_count,
    has_cuts,
    level,
)
from xnorkit.data.splits import SPLITS
from xnorkit.data.stored_clips import StoredClips
from xnorkit.data.waveform_store import WaveformStore

UNKNOWN, SILENCE = "_unknown_", "_silence_"
_COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_AUXILIARY = ("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow")
WORDS = {
    "v0.01": (*_COMMANDS, *_DIGITS, *_AUXILIARY),
    "v0.02": (
        *_COMMANDS,
        *_DIGITS,
        *_AUXILIARY,
        "backward",
        "follow",
        "forward",
        "learn",
        "visual",
    ),
}

Task = int | str | Sequence[str]


def labels_of(task: Task, version: str) -> tuple[str, ...]:
    """The classes of a task, in the order of the network's outputs.

    Args:
        task: 12: ten commands, `_unknown_`, `_silence_`; 20: the same with the ten digits (22
            classes); 35: all words of v0.02 and nothing else; a list: these words, `_unknown_`,
            `_silence_`.
        version: "v0.01" or "v0.02".

    Raises:
        ValueError: no such task, version or word.
    """
    if version not in WORDS:
        raise ValueError(f"data.version={version}: it can be {' or '.join(WORDS)}.")
    if isinstance(task, int | str):
        return _numbered(str(task), version)
    return (*_checked(list(task), version), UNKNOWN, SILENCE)


def _numbered(task: str, version: str) -> tuple[str, ...]:
    if task == "12":
        return (*_COMMANDS, UNKNOWN, SILENCE)
    if task == "20":
        return (*_COMMANDS, *_DIGITS, UNKNOWN, SILENCE)
    if task == "35" and len(WORDS[version]) == 35:
        return WORDS[version]
    if task == "35":
        raise ValueError(f"data.task=35: {version} has 30 words. Set data.version=v0.02.")
    raise ValueError(f"data.task={task}: it can be 12, 20, 35 or a list of words, as [yes,no].")


def _checked(words: list[str], version: str) -> list[str]:
    for word in words:
        if isinstance(word, bool):
            raise ValueError(
                f"data.task holds {word}: YAML takes a bare yes, no, on or off for a truth value. "
                'Put these words in quotes: "yes".'
            )
        if word not in WORDS[version]:
            near = difflib.get_close_matches(str(word), WORDS[version], 1)
            guess = f"Did you mean {near[0]}? " if near else ""
            raise ValueError(
                f"data.task: {word!r} is not a word of Speech Commands {version}. {guess}"
                f"Its words: {' '.join(WORDS[version])}. For your own words use data=audio_folder."
            )
    if not words or len(set(words)) < len(words):
        raise ValueError(f"data.task={words}: name at least one word, and none twice.")
    return words


def rosters_of(store: WaveformStore, labels: tuple[str, ...]) -> dict[str, Roster]:
    """The roster of every split in the store, by the official protocol.

    A validation or test split that has `_unknown_` or `_silence_` folders, and none that is no
    label (the embedded subset, the official 12-class test archive), is taken as it is.
    """
    return {split: _roster(store, split, labels) for split in SPLITS if split in store.splits}


def require_every_class(
    train: Roster, labels: tuple[str, ...], words: tuple[str, ...], place: str
) -> None:
    """Refuse to train where a class has no clip.

    Args:
        train: the training split's roster.
        labels: the classes.
        words: what the place has.
        place: where the recordings are.

    Raises:
        ValueError: a word has no clip, or nothing is left for `_unknown_` or `_silence_`.
    """
    present = set(train.epoch(0, 0).labels.tolist())
    absent = [label for place, label in enumerate(labels) if place not in present]
    missing = [label for label in absent if label not in _NOTHING_LEFT]
    if missing:
        raise ValueError(
            f"data.task needs words of which {place} has no training clip: {' '.join(missing)}. "
            f"It has {' '.join(words)}. Choose another data.task, or data.root with these words."
        )
    for label in absent:
        raise ValueError(_NOTHING_LEFT[label].format(place=place))


def _roster(store: WaveformStore, split: str, labels: tuple[str, ...]) -> Roster:
    stored = store.splits[split]
    if UNKNOWN not in labels or (split != "train" and _is_ready(store, stored, labels)):
        return Roster(stored, store.noise, *_labelled(store, stored, labels))
    words = tuple(label for label in labels if label not in (UNKNOWN, SILENCE))
    rows, places = _labelled(store, stored, words)
    count = extra_count(len(rows))
    extras: list[Extra] = [
        _unknown(store, stored, words, labels.index(UNKNOWN), count),
        _silence(store, stored, labels.index(SILENCE), count),
    ]
    return Roster(stored, store.noise, rows, places, extras)


def _is_ready(store: WaveformStore, stored: StoredClips, labels: tuple[str, ...]) -> bool:
    own = {store.words[index] for index in np.unique(stored.words)}
    return own <= set(labels) and bool(own & {UNKNOWN, SILENCE})


_NOTHING_LEFT = {
    UNKNOWN: "{place} has no training clip for _unknown_: every word it has is in the task. Leave "
    "a word out of data.task, or use data=audio_folder, which needs no _unknown_.",
    SILENCE: "{place} has nothing for _silence_: no recording of a second in _background_noise_/, "
    "and no training clips in _silence_/. Add one, or use data=audio_folder.",
}


def _labelled(
    store: WaveformStore, stored: StoredClips, labels: tuple[str, ...]
) -> tuple[Places, Places]:
    """Rows of the clips whose word is a label, and these labels' places."""
    place_of = {label: place for place, label in enumerate(labels)}
    by_word = np.array([place_of.get(word, -1) for word in store.words], dtype=np.int64)
    places = by_word[stored.words]
    rows = np.flatnonzero(places >= 0)
    return rows, places[rows]


def _unknown(
    store: WaveformStore, stored: StoredClips, words: tuple[str, ...], label: int, count: int
) -> Unknown:
    known = np.isin(np.array(store.words), (*words, SILENCE))
    pool = np.flatnonzero(~known[stored.words])
    return Unknown(label, min(count, len(pool)), pool)


def _silence(store: WaveformStore, stored: StoredClips, label: int, count: int) -> Silence:
    samples = stored.samples
    ready, _ = _labelled(store, stored, (SILENCE,))
    levels = level(stored.gather(ready))
    if not len(ready) and not has_cuts(store.noise_lengths, samples):
        count = 0
    noise: Samples = store.noise
    return Silence(label, count, noise, store.noise_lengths, ready, levels, samples)
