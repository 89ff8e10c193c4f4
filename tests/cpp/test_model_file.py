"""The reader in C++: what it hands out, what it refuses, and that no byte leads it astray."""

import hashlib
import subprocess
from ctypes import CDLL, c_char, c_size_t, c_void_p, create_string_buffer

import numpy as np
import pytest
from cpp_programs import compiled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xnor_files import (
    FORGED,
    METADATA,
    STRINGS,
    TENSORS,
    VALID,
    build,
    flip,
    header,
    ruined,
    sealed,
)

from xnorkit.deploy.xnor_file import XnorFileError, canonical_json, from_bytes

SOURCE = "tests/model_file_driver.cpp"
LETTERS = {"float32": b"f", "int32": b"i", "int8": b"b", "uint8": b"u"}


class Reader:
    """The driver's functions."""

    def __init__(self, library):
        self.library = library

    def error(self, content):
        error = create_string_buffer(512)
        good = self.library.check(content, c_size_t(len(content)), error, c_size_t(512))
        assert good == (error.value == b"")
        return error.value.decode()

    def tensor(self, content, op, field, dtype, count):
        error, out = create_string_buffer(512), np.zeros(max(count, 1), dtype)
        found = self.library.tensor(
            *(content, c_size_t(len(content)), op.encode(), field.encode()),
            *(c_char(LETTERS[np.dtype(dtype).name]), c_size_t(count)),
            *(out.ctypes.data_as(c_void_p), error, c_size_t(512)),
        )
        assert bool(found) == (error.value == b"")
        return out if found else error.value.decode()

    def has_program(self, content, text):
        text = text.encode()
        return bool(
            self.library.has_program(content, c_size_t(len(content)), text, c_size_t(len(text)))
        )


@pytest.fixture(scope="session")
def reader(request):
    return Reader(CDLL(str(compiled(request, SOURCE, "-O1", "-shared", "-fPIC"))))


@pytest.mark.parametrize("size", [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000])
def test_sha256_is_hashlibs_for_every_tail_and_in_pieces(reader, size):
    data = np.random.default_rng(size).bytes(size)
    for first in {0, size // 3, size}:
        digits = create_string_buffer(64)
        reader.library.sha256(data, c_size_t(size), c_size_t(first), digits)
        assert digits.raw.decode() == hashlib.sha256(data).hexdigest()


def test_every_tensor_is_handed_out_as_it_was_written(reader):
    assert reader.error(VALID) == ""
    for name, array in TENSORS.items():
        found = reader.tensor(VALID, *name.split("."), array.dtype, array.size)
        np.testing.assert_array_equal(found, array.ravel(), strict=True)


def test_a_name_of_many_parts_is_found_whole(reader):
    place = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
    content = build(header({"blocks.0.conv.weight": place}), data=b"\7")
    assert reader.tensor(content, "blocks.0.conv", "weight", np.uint8, 1) == 7
    for op, field in (
        ("blocks.0", "weight"),
        ("blocks.0.conv", "weigh"),
        ("locks.0.conv", "weight"),
    ):
        assert "has no tensor" in reader.tensor(content, op, field, np.uint8, 1)


def test_another_type_or_count_than_the_engine_needs_is_a_sentence(reader):
    said = reader.tensor(VALID, "b", "weight", np.uint8, 7)
    assert said.startswith("b.weight in model.xnor has 6 x U8, the engine needs 7 x U8. Write it")
    said = reader.tensor(VALID, "b", "threshold", np.float32, 2)
    assert said.startswith("b.threshold in model.xnor has 2 x I32, the engine needs 2 x F32. Write")
    said = reader.tensor(VALID, "x", "weight", np.uint8, 1)
    assert said.startswith("model.xnor has no tensor x.weight: it is of another network. Write it")


def test_a_damaged_file_hands_out_nothing_and_keeps_its_first_sentence(reader):
    said = reader.tensor(flip(VALID, len(VALID) - 1, 0), "b", "weight", np.uint8, 6)
    assert said.startswith("model.xnor is damaged or cut short: its bytes have another SHA-256.")


def test_the_program_is_compared_whole(reader):
    text = canonical_json(METADATA.program)
    assert text == STRINGS["program"]
    assert reader.has_program(VALID, text)
    for other in ("", text[:-1], text + " ", text.replace("40", "41"), "\\" + text):
        assert not reader.has_program(VALID, other)
    assert not reader.has_program(flip(VALID, len(VALID) - 1, 0), text)


def test_memory_that_is_short_is_a_sentence(reader):
    error = create_string_buffer(512)
    assert not reader.library.take_too_much(VALID, c_size_t(len(VALID)), error, c_size_t(512))
    assert error.value.startswith(b"no memory for the 4611686018427387904 bytes of layers.0.")


def test_a_file_at_an_odd_address_is_a_sentence(reader):
    memory = create_string_buffer(b"\0" * 2 + VALID)
    error = create_string_buffer(512)
    odd = (c_char * len(VALID)).from_buffer(memory, 2)
    assert not reader.library.check(odd, c_size_t(len(VALID)), error, c_size_t(512))
    assert b"at an address divisible by 4" in error.value


def test_every_changed_bit_and_every_shorter_file_is_refused(reader):
    for at in range(len(VALID)):
        assert reader.error(VALID[:at])
        for bit in range(8):
            assert reader.error(flip(VALID, at, bit))


def test_another_version_is_named_with_the_one_that_is_read(reader):
    other = build(header().replace('"xnor_format":"1"', '"xnor_format":"12"'))
    assert "format version 12, this engine reads 1. Upgrade xnorkit" in reader.error(other)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(200), b"PK\3\4", bytes(99)])
def test_other_files_are_refused_with_the_way_out(reader, content):
    assert reader.error(content).endswith("Give the model.xnor of a run.")


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_is_refused_for_what_is_wrong_with_it(reader, name):
    said = reader.error(FORGED[name])
    assert said.endswith("Write it again from the checkpoint: xnorkit-deploy CKPT.")
    assert "file_format.md" in said or name == "data that begin at 8"


def agree(reader, content):
    """What Python reads C++ reads, to the same tensors."""
    try:
        tensors = from_bytes(content).tensors
    except XnorFileError:
        return
    assert reader.error(content) == ""
    for name, array in tensors.items():
        if "." in name:
            found = reader.tensor(content, *name.rsplit(".", 1), array.dtype, array.size)
            np.testing.assert_array_equal(found, array.ravel())


@given(st.one_of(ruined(), st.binary(max_size=300)))
def test_ruin_is_refused_with_a_sentence(reader, content):
    if content != VALID:
        assert reader.error(content).endswith(".")


@given(ruined())
def test_ruin_with_the_right_digest_is_read_as_python_reads_it(reader, content):
    agree(reader, sealed(content))


@pytest.fixture(scope="session")
def sanitized(request):
    """The driver as a program: files in, a line for each out; it dies where a byte is misread."""
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    program = compiled(request, SOURCE, *flags)

    def say(contents):
        given = b"".join(len(content).to_bytes(8, "little") + content for content in contents)
        done = subprocess.run([program], input=given, capture_output=True, timeout=300)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode(errors="replace").splitlines()

    return say


@pytest.mark.slow
def test_sanitizers_find_nothing_whichever_bit_is_changed_or_missing(reader, sanitized):
    flipped = [flip(VALID, at, bit) for at in range(len(VALID)) for bit in range(8)]
    short = [VALID[:at] for at in range(len(VALID))]
    contents = [VALID, *FORGED.values(), *flipped, *short, *map(sealed, flipped + short)]
    assert sanitized(contents) == [reader.error(content) or "ok" for content in contents]


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(contents=st.lists(st.one_of(ruined(), ruined().map(sealed)), min_size=50, max_size=100))
def test_sanitizers_find_nothing_in_ruin(sanitized, contents):
    assert len(sanitized(contents)) == len(contents)
