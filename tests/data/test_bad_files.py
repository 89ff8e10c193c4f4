"""xnorkit.data.bad_files."""

import pytest

from xnorkit.data.bad_files import refuse_many, told

BAD = {f"a/{i}.png": "cut" for i in range(7)}


def test_they_are_counted_and_the_first_are_named():
    line = told("/photos", BAD, 100)
    assert line.startswith("/photos: 7 of 100 files left out: a/0.png (cut); a/1.png (cut)")
    assert line.endswith("a/4.png (cut); and 2 more")


def test_few_are_all_named():
    assert told("/p", {"x": "empty"}, 3) == "/p: 1 of 3 files left out: x (empty)"


def test_more_than_allowed_are_refused_with_the_way_out():
    refuse_many("/photos", BAD, 100, 0.07)
    with pytest.raises(
        ValueError, match=r"7 of 100 files in /photos.*max_bad_fraction=0.06.*raise"
    ):
        refuse_many("/photos", BAD, 100, 0.06)
