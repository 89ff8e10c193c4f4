"""xnorkit.data.splits."""

from types import SimpleNamespace

import pytest

from xnorkit.data.splits import (
    check_speakers,
    lists_of,
    read_list,
    split_by_hash,
    split_by_lists,
    which_set,
)


def official_splits(folder):
    lines = (folder / "splits.txt").read_text().split("\n")[:-1]
    return {name: split for split, name in (line.split() for line in lines)}


def test_the_hash_rule_reproduces_the_official_lists_of_4598_clips(bedcathappy):
    official = official_splits(bedcathappy)
    assert len(official) == 4598
    assert {name: which_set(f"{name}.wav") for name in official} == official


def test_a_clip_is_where_its_speaker_is_whatever_its_folder_number_or_ending():
    names = ("yes/0a7c2a8d_nohash_0.wav", "no/0a7c2a8d_nohash_4.opus", "0a7c2a8d_nohash_1")
    assert len({which_set(name) for name in names}) == 1


def test_percentages_are_shares_of_the_speakers():
    names = [f"{i}_nohash_0.wav" for i in range(4000)]
    sets = [which_set(name, 20, 30) for name in names]
    assert sets.count("validation") / 4000 == pytest.approx(0.2, abs=0.03)
    assert sets.count("test") / 4000 == pytest.approx(0.3, abs=0.03)
    assert {which_set(name, 0, 0) for name in names} == {"train"}
    assert {which_set(name, 100, 0) for name in names} == {"validation"}


def test_unknown_words_of_a_speaker_stay_with_the_speaker():
    speakers = [f"{i:08x}_nohash_0" for i in range(50)]
    split_of = split_by_hash([f"_unknown_/backward_{s}.wav" for s in speakers])
    assert list(split_of.values()) == [which_set(s) for s in speakers]


def test_lists_may_name_clips_with_another_ending():
    names = ["yes/a_nohash_0.opus", "no/b_nohash_0.wav", "go/c_nohash_0.flac"]
    validation = read_list(b"yes/a_nohash_0.wav\r\n\n")
    testing = read_list(b"./no/b_nohash_0.flac\n")
    assert list(split_by_lists(names, validation, testing).values()) == [
        "validation",
        "test",
        "train",
    ]


def test_a_clip_in_both_lists_is_refused():
    with pytest.raises(ValueError, match="yes/a is in the validation list and in the testing"):
        split_by_lists(["yes/a.wav"], {"yes/a"}, {"yes/a"})


def tree(**files):
    contents = {f"{name}.txt": text.encode() for name, text in files.items()}
    return SimpleNamespace(place="/sc", stamps=contents, read=contents.__getitem__)


def test_lists_are_read_from_the_tree_or_are_none():
    assert lists_of(tree()) is None
    assert lists_of(tree(validation_list="a/b.wav", testing_list="")) == ({"a/b"}, set())


def test_one_list_without_the_other_is_refused():
    with pytest.raises(ValueError, match=r"/sc has testing_list.txt but no validation_list.txt"):
        lists_of(tree(testing_list=""))


@pytest.mark.parametrize(
    "second", ["no/0a7c2a8d_nohash_1.wav", "_unknown_/bed_0a7c2a8d_nohash_1.wav"]
)
def test_a_speaker_in_two_splits_is_named(second):
    split_of = {"yes/0a7c2a8d_nohash_0.wav": "train", second: "test"}
    with pytest.raises(ValueError, match="speaker 0a7c2a8d is in two splits of /sc") as error:
        check_speakers(split_of, "/sc")
    assert second in str(error.value)


def test_names_without_a_speaker_may_recur_in_every_split():
    check_speakers({"_silence_/1.wav": "train", "yes/1.wav": "test"}, "/sc")
