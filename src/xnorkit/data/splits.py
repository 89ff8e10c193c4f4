"""Clip names → train, validation, test: by given lists, or by the official hash rule.

Source: `which_set` in the Speech Commands README and Warden 2018, section 7.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

from xnorkit.data.file_tree import FileTree

SPLITS = ("train", "validation", "test")
LISTS = ("validation_list.txt", "testing_list.txt")
_LARGEST = 2**27 - 1  # the official MAX_NUM_WAVS_PER_CLASS, about 134 million
_SPEAKER = re.compile(r"([^/]*?)_nohash_[^/]*$")
# The 12-class archives put the spoken word in front: _unknown_/backward_0c540988_nohash_0.wav
_SPOKEN_WORD = re.compile(r"(?<=^_unknown_/)[a-z]+_(?=[0-9a-f]{8}_nohash_)")


def which_set(name: str, validation_percentage: float = 10, testing_percentage: float = 10) -> str:
    """The split of a clip by the hash of its speaker; adding clips never moves another one.

    Args:
        name: path or file name; what stands before `_nohash_` is the speaker, and a name without
            it is its own speaker.
        validation_percentage: share of all speakers, 0 … 100.
        testing_percentage: the same.

    Returns:
        "train", "validation" or "test".
    """
    speaker = re.sub(r"_nohash_.*$", "", name.rpartition("/")[2])
    number = int(hashlib.sha1(speaker.encode()).hexdigest(), 16)
    percentage = (number % (_LARGEST + 1)) * (100.0 / _LARGEST)
    if percentage < validation_percentage:
        return "validation"
    if percentage < validation_percentage + testing_percentage:
        return "test"
    return "train"


def split_by_hash(
    names: Iterable[str], validation_percentage: float = 10, testing_percentage: float = 10
) -> dict[str, str]:
    """Name → split by `which_set`, a speaker's clips in `_unknown_` with the others."""
    percentages = (validation_percentage, testing_percentage)
    return {name: which_set(_SPOKEN_WORD.sub("", name), *percentages) for name in names}


def read_list(text: bytes) -> set[str]:
    """Names of one list, without their endings: the clips may have been converted."""
    return {without_suffix(line.strip()) for line in text.decode().splitlines() if line.strip()}


def without_suffix(name: str) -> str:
    """The name without `./` and its ending: yes/0a7c2a8d_nohash_0."""
    folder, _, file = name.removeprefix("./").rpartition("/")
    return f"{folder}/{file.rpartition('.')[0] or file}"


def split_by_lists(names: Iterable[str], validation: set[str], testing: set[str]) -> dict[str, str]:
    """Name → split; what is in neither list is for training."""
    both = validation & testing
    if both:
        raise ValueError(f"{min(both)} is in the validation list and in the testing list.")
    return {name: _listed(without_suffix(name), validation, testing) for name in names}


def _listed(stem: str, validation: set[str], testing: set[str]) -> str:
    if stem in validation:
        return "validation"
    return "test" if stem in testing else "train"


def check_speakers(split_of: Mapping[str, str], place: str) -> None:
    """ValueError where a speaker is in two splits: the test would measure a memory of voices."""
    seen: dict[str, tuple[str, str]] = {}
    for name, split in split_of.items():
        speaker = _speaker(name)
        if speaker is None:
            continue
        first_split, first = seen.setdefault(speaker, (split, name))
        if first_split != split:
            raise ValueError(
                f"speaker {speaker} is in two splits of {place}: {first} is in {first_split}, "
                f"{name} in {split}. Move all clips of a speaker to one split in the lists, "
                "or remove the lists: the hash rule keeps speakers together."
            )


def _speaker(name: str) -> str | None:
    """What stands before `_nohash_`; None where the name tells no speaker."""
    match = _SPEAKER.search(_SPOKEN_WORD.sub("", name))
    return match and match.group(1)


def lists_of(tree: FileTree) -> tuple[set[str], set[str]] | None:
    """The validation and the testing list on top of a tree; None where it has neither.

    Raises:
        ValueError: it has only one of them.
    """
    found = [name for name in LISTS if name in tree.stamps]
    if not found:
        return None
    if len(found) == 1:
        missing = next(name for name in LISTS if name not in found)
        raise ValueError(
            f"{tree.place} has {found[0]} but no {missing}. Add it (it may be empty of clips of a "
            "label, not of all), or remove both to split by the hash rule."
        )
    return read_list(tree.read(LISTS[0])), read_list(tree.read(LISTS[1]))
