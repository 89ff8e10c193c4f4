import errno
import os

import pytest
from full_disk import files_up_to

from xnorkit.whole_file import replace_file


def test_text_and_bytes_take_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    for content in ("größer", b"\x00\xff"):
        replace_file(path, content)
        expected = content.encode() if isinstance(content, str) else content
        assert path.read_bytes() == expected
    assert os.listdir(tmp_path) == ["a.txt"]


def test_where_it_cant_be_written_the_old_file_stays_and_is_named(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with files_up_to(1000), pytest.raises(OSError, match=r"a\.bin") as error:
        replace_file(path, bytes(5000))
    assert error.value.errno == errno.EFBIG
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]
