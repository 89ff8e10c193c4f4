"""The reader of WAV files in C++ beside Python's: the same samples, and a sentence for the rest."""

import io
from ctypes import CDLL, c_size_t, c_void_p, create_string_buffer

import numpy as np
import pytest
import soundfile
from cpp_programs import compiled
from hypothesis import given
from hypothesis import strategies as st

from xnorkit.data.audio_file import decode

RATE, FRAMES = 16000, 200


def wav(subtype, channels, format="WAV", seed=0):
    """The bytes of a file; loud enough that some samples clip."""
    rng = np.random.default_rng(seed)
    samples = np.clip(rng.normal(0, 0.6, (FRAMES, channels)), -1.2, 1.2)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, subtype, format=format)
    return file.getvalue()


@pytest.fixture(scope="module")
def read(request):
    library = CDLL(str(compiled(request, "tests/wav_driver.cpp", "-O1", "-shared", "-fPIC")))
    library.read_wav.restype = c_size_t

    def read(content, most=2 * FRAMES):
        """Samples, or a sentence."""
        out, error = np.zeros(most, np.int16), create_string_buffer(512)
        count = library.read_wav(
            *(content, c_size_t(len(content)), out.ctypes.data_as(c_void_p), c_size_t(most)),
            *(error, c_size_t(512)),
        )
        assert (count > 0) == (error.value == b"")
        return out[:count] if count else error.value.decode()

    return read


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("format", ["WAV", "WAVEX"])
def test_samples_are_those_that_python_reads(read, subtype, channels, format):
    content = wav(subtype, channels, format)
    np.testing.assert_array_equal(read(content), decode(content, RATE).samples, strict=True)


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "IMA_ADPCM"])
def test_an_encoding_that_is_not_read_is_named_with_the_way_out(read, subtype):
    assert "are read. Convert it: ffmpeg -i IN" in read(wav(subtype, 1))


@pytest.mark.parametrize("format", ["FLAC", "OGG", "AIFF", "RF64"])
def test_another_container_is_no_wav_file(read, format):
    file = io.BytesIO()
    soundfile.write(file, np.zeros(10), RATE, format=format)
    assert read(file.getvalue()).startswith("this is no WAV file")


@given(st.sampled_from(["PCM_U8", "PCM_16", "PCM_24", "PCM_32"]), st.binary(min_size=8))
def test_any_bytes_behind_the_header_are_the_samples_that_python_reads(read, subtype, data):
    header = wav(subtype, 2)[:40]
    content = header + len(data).to_bytes(4, "little") + data
    np.testing.assert_array_equal(read(content), decode(content, RATE).samples, strict=True)


@given(
    st.sampled_from(["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE"]),
    st.integers(0, 79),
    st.binary(min_size=1, max_size=8),
)
def test_a_damaged_header_gives_samples_or_a_sentence(read, subtype, at, some):
    whole = wav(subtype, 2)
    said = read(whole[:at] + some + whole[at + len(some) :])
    assert said.endswith(".") if isinstance(said, str) else said.dtype == np.int16
