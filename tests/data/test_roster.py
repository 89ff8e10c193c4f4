"""xnorkit.data.roster."""

import numpy as np
import pytest

from xnorkit.data.roster import Roster, Silence, Unknown, extra_count, has_cuts, level
from xnorkit.data.stored_clips import StoredClips

SAMPLES = 100
NONE = np.zeros(0, np.int64)


@pytest.fixture
def clips(tmp_path):
    """20 clips of constant samples 0 … 19."""
    waveforms = np.repeat(np.arange(20, dtype=np.int16), SAMPLES)
    waveforms.tofile(tmp_path / "train.waveforms")
    np.zeros(20, np.int64).tofile(tmp_path / "train.words")
    return StoredClips(tmp_path / "train", 20, SAMPLES)


def recordings(*lengths):
    """Each recording a constant: 1000, 2000, …"""
    parts = [np.full(n, 1000 * (i + 1), np.int16) for i, n in enumerate(lengths)]
    return np.concatenate(parts), lengths


def silence(count, noise, lengths, ready=NONE, levels=()):
    return Silence(11, count, noise, lengths, ready, np.array(levels, float), SAMPLES)


def test_an_epoch_is_the_words_then_the_extras(clips):
    rows, labels = np.array([3, 4, 5]), np.array([0, 1, 0])
    roster = Roster(clips, NONE, rows, labels, [Unknown(10, 2, np.array([7, 8, 9]))])
    epoch = roster.epoch(1, 0)
    assert len(roster) == 5
    assert epoch.labels.tolist() == [0, 1, 0, 10, 10]
    values = epoch.waveforms(np.arange(5))[:, 0].tolist()
    assert values[:3] == [3, 4, 5]
    assert set(values[3:]) <= {7, 8, 9}


def test_unknown_words_are_drawn_anew_each_epoch_and_none_twice(clips):
    unknown = Unknown(10, 6, np.arange(20))
    drawn = [unknown.draw(1, epoch).rows.tolist() for epoch in range(40)]
    assert all(len(set(rows)) == 6 for rows in drawn)
    assert len({tuple(rows) for rows in drawn}) == 40
    assert {row for rows in drawn for row in rows} == set(range(20))
    assert unknown.draw(1, 7).rows.tolist() == drawn[7]


def test_cuts_come_from_all_recordings_long_enough_and_cross_none():
    noise, lengths = recordings(150, 99, 1000, 100)
    drawn = silence(500, noise, lengths).draw(1, 0)
    assert set(drawn.rows.tolist()) == {-1}
    starts = drawn.starts
    inside = [(0, 150), (249, 1249), (1249, 1349)]
    shares = [np.mean((starts >= a) & (starts + SAMPLES <= b)) for a, b in inside]
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0.25  # equally often, whatever their lengths
    assert {0, 50} <= set(starts[starts < 150].tolist())  # both ends can be met
    assert 0 <= drawn.gains.min() < 0.05
    assert 0.95 < drawn.gains.max() < 1


def test_silence_is_heard_as_the_cut_times_its_gain(clips):
    noise, lengths = recordings(300)
    epoch = Roster(clips, noise, NONE, NONE, [silence(8, noise, lengths)]).epoch(3, 5)
    want = np.rint(1000 * epoch.drawn.gains).astype(np.int16)
    got = epoch.waveforms(np.arange(8))
    np.testing.assert_array_equal(got, np.repeat(want[:, None], SAMPLES, axis=1))


def test_half_of_the_silence_is_ready_clips_and_cuts_are_as_loud_as_these(clips):
    noise, lengths = recordings(300)
    ready = np.array([18, 19])
    drawn = silence(1000, noise, lengths, ready, [500, 2000]).draw(1, 0)
    is_cut = drawn.rows < 0
    assert 0.44 < is_cut.mean() < 0.56
    assert set(drawn.rows[~is_cut].tolist()) == {18, 19}
    assert set(np.round(drawn.gains[is_cut], 6)) == {0.5, 2.0}


def test_a_cut_is_not_made_louder_than_full_scale():
    noise = np.tile(np.array([20000, 0, 0, 0, 0], np.int16), 40)
    drawn = silence(20, noise, (200,), np.array([0]), [32000.0]).draw(1, 0)
    assert set(np.rint(20000 * drawn.gains)) == {32767}


def test_digital_silence_can_be_cut():
    noise = np.zeros(200, np.int16)
    drawn = silence(20, noise, (200,), np.array([0]), [100.0]).draw(1, 0)
    assert np.isfinite(drawn.gains).all()


def test_without_noise_all_silence_is_ready_clips():
    drawn = silence(50, NONE.astype(np.int16), (), np.array([18, 19]), [1, 2]).draw(1, 0)
    assert set(drawn.rows.tolist()) == {18, 19}


def test_places_come_in_any_order_and_kind(clips):
    noise, lengths = recordings(300)
    extras = [Unknown(10, 2, np.array([7, 8])), silence(3, noise, lengths)]
    epoch = Roster(clips, noise, np.arange(4), np.arange(4), extras).epoch(1, 0)
    whole = epoch.waveforms(np.arange(9))
    places = np.array([8, 0, 5, 6, 3])
    np.testing.assert_array_equal(epoch.waveforms(places), whole[places])
    assert epoch.waveforms(places).dtype == np.int16


@pytest.mark.parametrize(("words", "extras"), [(0, 0), (1, 1), (10, 1), (11, 2), (2909, 291)])
def test_an_extra_is_a_tenth_of_the_words_rounded_up(words, extras):
    assert extra_count(words) == extras


def test_level_is_the_root_mean_square_of_a_row():
    rows = np.array([[3, -3, 3, -3], [30000, 30000, 30000, 30000]], np.int16)
    assert level(rows).tolist() == [3, 30000]
    assert has_cuts((99, 100), 100)
    assert not has_cuts((99,), 100)
    assert not has_cuts((), 100)
