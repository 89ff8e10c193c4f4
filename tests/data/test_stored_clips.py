"""xnorkit.data.stored_clips."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from xnorkit.data import stored_clips
from xnorkit.data.stored_clips import StoredClips


def store(path, count, samples):
    waveforms = np.arange(count * samples, dtype=np.int64).reshape(count, samples) % 30011
    waveforms.astype(np.int16).tofile(f"{path}.waveforms")
    np.arange(count).tofile(f"{path}.words")
    return waveforms, StoredClips(path, count, samples)


def resident_file_bytes():
    return int(re.search(r"RssFile:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024


def test_rows_come_in_the_order_asked_for_twice_if_asked_twice(tmp_path):
    waveforms, clips = store(tmp_path / "train", 9, 5)
    rows = np.array([8, 0, 3, 3])
    got = clips.gather(rows)
    np.testing.assert_array_equal(got, waveforms[rows])
    assert got.dtype == np.int16
    assert len(clips) == 9
    assert clips.words.tolist() == list(range(9))


def test_no_rows_give_no_waveforms_even_from_an_empty_store(tmp_path):
    _, clips = store(tmp_path / "train", 0, 5)
    assert clips.gather(np.zeros(0, np.int64)).shape == (0, 5)


def test_what_was_gathered_is_a_copy(tmp_path):
    _, clips = store(tmp_path / "train", 2, 5)
    clips.gather(np.array([0]))[:] = 7
    assert clips.gather(np.array([0])).tolist() == [[0, 1, 2, 3, 4]]


def test_a_pickle_holds_the_path_and_not_the_waveforms(tmp_path):
    waveforms, clips = store(tmp_path / "train", 100, 16000)
    clips.gather(np.array([0]))
    pickled = pickle.dumps(clips)
    assert len(pickled) < 10_000
    rows = np.array([99])
    np.testing.assert_array_equal(pickle.loads(pickled).gather(rows), waveforms[rows])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_pages_that_were_read_are_handed_back(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_clips, "_RESIDENT_BYTES", 2**22)
    size = 2**26
    _, clips = store(tmp_path / "train", size // 32000, 16000)
    before = resident_file_bytes()
    for begin in range(0, len(clips), 64):
        clips.gather(np.arange(begin, min(begin + 64, len(clips))))
    assert resident_file_bytes() - before < size / 4
