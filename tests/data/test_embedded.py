"""xnorkit.data.embedded."""

import hashlib
from collections import Counter

from xnorkit.data.embedded import EMBEDDED_ZIP, embedded_tree, embedded_warning
from xnorkit.data.file_tree import audio_names, label_of, noise_names
from xnorkit.data.splits import check_speakers, lists_of, split_by_lists


def test_the_zip_is_the_one_that_was_made():
    digest = hashlib.sha256(EMBEDDED_ZIP.read_bytes()).hexdigest()
    assert digest == "e1d5ece17547b5908bea37449717a728ed9df47a85720769a644fbae1d5a277f"


def test_it_holds_4382_clips_of_12_classes_six_noises_and_its_licence():
    tree = embedded_tree()
    names = audio_names(tree)
    assert len(names) == 4382
    assert len({label_of(name) for name in names}) == 12
    assert len(noise_names(tree)) == 6
    assert b"Creative Commons Attribution 4.0" in tree.read("LICENSE.txt")


def test_its_lists_split_by_speaker():
    tree = embedded_tree()
    split_of = split_by_lists(audio_names(tree), *lists_of(tree))
    assert Counter(split_of.values()) == {"train": 3472, "validation": 404, "test": 506}
    check_speakers(split_of, tree.place)


def test_the_warning_is_framed_and_gives_the_reason_whole():
    reason = "The full one can't be had: " + " ".join(f"reason{i}" for i in range(20))
    text = embedded_warning(reason)
    lines = text.strip().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0] == lines[-1] == "#" * len(lines[0])
    assert "EMBEDDED SUBSET" in text
    assert all(word in text for word in reason.split())
