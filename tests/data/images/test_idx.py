"""xnorkit.data.images.idx, on bytes written by hand."""

import gzip

import numpy as np
import pytest

from xnorkit.data.images.idx import parse_idx

FILE = bytes.fromhex("00000802 00000002 00000003 010203 0405ff")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_array_is_read_in_its_shape(pack):
    assert parse_idx(pack(FILE), "f").tolist() == [[1, 2, 3], [4, 5, 255]]


def test_a_vector_of_labels_is_an_array_too():
    found = parse_idx(bytes.fromhex("00000801 00000004 07020109"), "f")
    assert found.dtype == np.uint8
    assert found.tolist() == [7, 2, 1, 9]


@pytest.mark.parametrize("data", [FILE[:-1], FILE + b"\0", FILE[:6], FILE[:4]])
def test_another_length_than_the_header_says_is_refused_with_the_name(data):
    with pytest.raises(ValueError, match=r"^f\.gz: \d+ bytes, but its header says"):
        parse_idx(data, "f.gz")


@pytest.mark.parametrize("data", [b"", b"\0\0\x08", b"<html>", b"\0\0\x0d\x01\0\0\0\0"])
def test_what_is_no_idx_file_of_bytes_is_refused(data):
    with pytest.raises(ValueError, match="no idx file of bytes"):
        parse_idx(data, "f")


@pytest.mark.parametrize("end", [3, 15, -1])
def test_a_cut_gzip_is_refused(end):
    with pytest.raises(ValueError, match="^f: damaged gzip"):
        parse_idx(gzip.compress(FILE)[:end], "f")


def test_a_changed_gzip_is_refused():
    data = bytearray(gzip.compress(FILE))
    data[-6] ^= 1
    with pytest.raises(ValueError, match="^f: damaged gzip"):
        parse_idx(bytes(data), "f")
