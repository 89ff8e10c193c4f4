"""The file of a compressed picture: layout, and that no altered one is read."""

import hashlib
import struct
from functools import cache

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.codec.xnc_file import BadFileError, CompressedPicture, bits_shape

MODEL = bytes(range(8))


def picture(height=20, width=33, planes=5, seed=0, share=0.5):
    rng = np.random.default_rng(seed)
    bits = (rng.random(bits_shape(planes, height, width)) < share).astype(np.uint8)
    return CompressedPicture(height, width, MODEL, bits)


def signed(fields, body):
    """A file whose checksum fits, whatever it says."""
    return fields + hashlib.blake2b(fields + body, digest_size=8).digest() + body


@cache  # not at import: packing needs a compiled library
def noise():
    """5·2·3 bits: zstandard can't help."""
    return picture().to_bytes()


@cache
def plain():
    """Mostly 0: it does."""
    return picture(300, 400, 32, share=0.02).to_bytes()


FILES = st.sampled_from([noise, plain]).map(lambda file: file())


@settings(deadline=None)
@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.floats(0, 1), st.integers(0, 99)
)
def test_what_is_written_is_read(height, width, planes, share, seed):
    written = picture(height, width, planes, seed, share)
    found = CompressedPicture.from_bytes(written.to_bytes())
    assert (found.height, found.width, found.model_id) == (height, width, MODEL)
    assert np.array_equal(found.bits, written.bits)


def test_the_layout_is_the_documented_one():
    fields = struct.pack("<4sBBHII8s", b"\x89xnc", 1, 0, 5, 20, 33, MODEL)
    assert signed(fields, np.packbits(picture().bits, bitorder="little").tobytes()) == noise()


def test_zstandard_is_used_where_it_helps_and_the_flag_says_so():
    assert noise()[5] == 0
    assert len(noise()) == 32 + 4
    assert plain()[5] == 1
    assert len(plain()) < 32 + 32 * 19 * 25 // 8 / 3
    raw = zstandard.ZstdDecompressor().decompressobj().decompress(plain()[32:])
    expected = picture(300, 400, 32, share=0.02).bits
    assert raw == np.packbits(expected, bitorder="little").tobytes()


@given(FILES, st.data())
def test_any_altered_byte_is_refused(file, data):
    place = data.draw(st.integers(0, len(file) - 1))
    changed = bytearray(file)
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadFileError):
        CompressedPicture.from_bytes(bytes(changed))


@given(FILES, st.data())
def test_any_missing_part_is_refused(file, data):
    begin = data.draw(st.integers(0, len(file) - 1))
    end = data.draw(st.integers(begin + 1, len(file)))
    with pytest.raises(BadFileError):
        CompressedPicture.from_bytes(file[:begin] + file[end:])


@given(FILES, st.binary(min_size=1, max_size=9), st.data())
def test_any_added_part_is_refused(file, added, data):
    place = data.draw(st.integers(0, len(file)))
    changed = file[:place] + added + file[place:]
    with pytest.raises(BadFileError):
        CompressedPicture.from_bytes(changed)


@given(st.binary(max_size=80))
def test_other_bytes_are_refused_even_behind_our_first_four(data):
    for text in (data, b"\x89xnc" + data):
        with pytest.raises(BadFileError):
            CompressedPicture.from_bytes(text)


@given(
    st.integers(0, 255), st.integers(0, 3), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
    st.binary(max_size=60),
)  # fmt: skip
def test_a_forged_file_with_a_right_checksum_is_refused_or_as_long_as_it_says(
    coding, planes, height, width, body
):
    fields = struct.pack("<4sBBHII8s", b"\x89xnc", 1, coding, planes, height, width, MODEL)
    try:
        found = CompressedPicture.from_bytes(signed(fields, body))
    except BadFileError:
        return
    assert found.bits.shape == bits_shape(planes, height, width)
    assert found.bits.size <= 8 * len(body) or coding == 1


def test_a_small_file_that_unfolds_to_more_than_it_says_is_refused():
    bomb = zstandard.ZstdCompressor().compress(bytes(10_000_000))
    fields = struct.pack("<4sBBHII8s", b"\x89xnc", 1, 1, 5, 20, 33, MODEL)
    with pytest.raises(BadFileError, match="its bits can't be read: 5 bytes for 30 bits"):
        CompressedPicture.from_bytes(signed(fields, bomb))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: b"GIF89a" + f, "does not begin as one"),
        (lambda f: f[:20], "cut off: its 20 bytes"),
        (lambda f: f[:4] + b"\2" + f[5:], "of version 2: this xnorkit reads version 1"),
        (lambda f: f[:-1], "damaged: its checksum does not fit"),
    ],
)
def test_the_sentence_says_what_is_wrong(change, sentence):
    with pytest.raises(BadFileError, match=sentence):
        CompressedPicture.from_bytes(change(plain()))
