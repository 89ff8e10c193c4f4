"""A stream's decisions against the one-shot answers to the same clips."""

import math

import numpy as np
import pytest
from heard_model import CLIP, HOP_MS, RATE, heard_model, sound
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.deploy.audio.listener import WaveformError
from xnorkit.deploy.audio.stream import Stream
from xnorkit.deploy.engine import Engine

CACHE = {}


@pytest.fixture(scope="module", autouse=True)
def engine(engine_cache):
    CACHE["engine"] = Engine(heard_model().content, cache_dir=engine_cache)
    return CACHE["engine"]


def fed(stream, samples, sizes):
    """The decisions on samples that come in pieces of these sizes, then all the rest."""
    decisions = []
    for size in sizes:
        decisions += stream.feed(samples[:size])
        samples = samples[size:]
    return decisions + stream.feed(samples)


def assert_as_one_shot(engine, decisions, samples, hop):
    clip = engine.features["samples"]
    starts = range(0, len(samples) - clip + 1, hop)
    ends = [round(decision.end * RATE, 6) for decision in decisions]
    assert ends == [start + clip for start in starts]
    for decision, start in zip(decisions, starts, strict=True):
        whole = engine.predict(samples[start : start + clip])
        np.testing.assert_array_equal(decision.probabilities, whole.probabilities)
        assert decision.label == whole.label


@settings(deadline=None, max_examples=60)
@given(
    columns=st.integers(1, CLIP // 320),
    sizes=st.lists(st.integers(0, 2 * CLIP), max_size=30),
    length=st.integers(0, 5 * CLIP),
    as_float=st.booleans(),
)
def test_decisions_are_those_of_one_shot_to_the_last_bit(columns, sizes, length, as_float):
    engine = CACHE["engine"]
    samples = sound(length, seed=columns)
    samples = samples.astype(np.float32) / 32768 if as_float else samples
    stream = engine.stream(hop_ms=HOP_MS * columns)
    decisions = fed(stream, samples, sizes)
    assert_as_one_shot(engine, decisions, samples, stream.hop)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"window_ms": 25, "n_fft": 400},
        {"n_fft": 511, "window_ms": 20, "samples": 3999},
        {"n_fft": 4096, "window_ms": 30},  # mirrored far, but where the window has zeros
        {"n_fft": 6000, "samples": 3999, "window_ms": 200, "f_max": 7999.5},  # nothing is interior
    ],
    ids=str,
)
def test_so_are_those_of_other_features_on_every_path(engine, other):
    changed = heard_model(**other)
    samples = sound(40000, 5)
    for isa in engine.library.supported:
        other_engine = Engine(changed.content, engine.library, isa)
        stream = other_engine.stream(hop_ms=HOP_MS * 2)
        sizes = [700] * 40
        assert_as_one_shot(other_engine, fed(stream, samples, sizes), samples, stream.hop)


def test_a_stream_runs_on_for_long(engine):
    samples = sound(40 * CLIP)
    stream = engine.stream(hop_ms=HOP_MS)
    decisions = fed(stream, samples, [480] * 300)
    assert_as_one_shot(engine, decisions, samples, stream.hop)


def test_int16_and_float_pieces_may_take_turns(engine):
    samples = sound(2 * CLIP)
    stream, decisions = engine.stream(hop_ms=40), []
    for place, start in enumerate(range(0, len(samples), 333)):
        piece = samples[start : start + 333]
        decisions += stream.feed(piece.astype(np.float32) / 32768 if place % 2 else piece)
    assert_as_one_shot(engine, decisions, samples, stream.hop)


@pytest.mark.parametrize("smoothing", [1, 3, 50])
def test_smoothing_is_the_mean_of_the_last_decisions(engine, smoothing):
    samples = sound(4 * CLIP)
    raw = [d.probabilities for d in engine.stream(HOP_MS).feed(samples)]
    smooth = engine.stream(HOP_MS, smoothing).feed(samples)
    assert len(smooth) == len(raw)
    for index, decision in enumerate(smooth):
        wanted = np.mean(raw[max(0, index + 1 - smoothing) : index + 1], axis=0)
        np.testing.assert_allclose(decision.probabilities, wanted, atol=1e-6)
        assert decision.label == engine.labels[int(decision.probabilities.argmax())]


def test_streams_of_one_engine_don_t_meet(engine):
    one, two = engine.stream(HOP_MS), engine.stream(2 * HOP_MS)
    first, second = sound(2 * CLIP, 1), sound(2 * CLIP, 2)
    ones, twos = [], []
    for start in range(0, 2 * CLIP, 1000):
        ones += one.feed(first[start : start + 1000])
        twos += two.feed(second[start : start + 1000])
    assert_as_one_shot(engine, ones, first, one.hop)
    assert_as_one_shot(engine, twos, second, two.hop)


@pytest.mark.parametrize(
    "hop_ms", [0, -20, 10, 30, 20.5, 20.1, 1e-9, math.nan, -math.inf, "20", None]
)
def test_a_hop_that_is_no_multiple_of_the_features_is_refused(engine, hop_ms):
    with pytest.raises(WaveformError, match=r"move by 20 ms.*Choose 20, 40, 60"):
        engine.stream(hop_ms)


@pytest.mark.parametrize("hop_ms", [260, 280, 501, 1e308, math.inf, 10**400])
def test_a_hop_beyond_a_clip_is_refused(engine, hop_ms):
    with pytest.raises(WaveformError, match="a clip has 250 ms.*Choose at most 250"):
        engine.stream(hop_ms)


class Clips:
    """What a stream asks a listener: how clips are cut, and to begin."""

    def __init__(self, rate, clip, hop):
        self.rate, self.clip, self.hop = rate, clip, hop

    def stream(self, hop, smoothing):
        assert 0 < hop <= self.clip
        assert hop % self.hop == 0


def hop_of(clips, hop_ms):
    """In samples; None: it is refused."""
    try:
        return Stream(clips, hop_ms).hop
    except WaveformError:
        return None


@pytest.mark.parametrize(("rate", "step"), [(16000, 10), (16000, 16), (44100, 20), (100, 10)])
def test_of_all_whole_milliseconds_only_multiples_up_to_a_clip_are_a_hop(rate, step):
    """Of a second: 801, 802, 501 and 1001 are as wrong as 11 is."""
    clips = Clips(rate, rate, rate * step // 1000)
    found = [hop_of(clips, ms) for ms in range(1100)]
    multiples = range(step, 1001, step)
    assert found == [ms * rate // 1000 if ms in multiples else None for ms in range(1100)]


@pytest.mark.parametrize("hop_ms", [798, 802.5, 990.4, 1000.1, 10.1, 9.99])
def test_a_hop_that_misses_a_multiple_by_a_little_is_refused(hop_ms):
    assert hop_of(Clips(16000, 16000, 160), hop_ms) is None


@pytest.mark.parametrize(
    ("rate", "step_ms", "hop"),
    [
        (11025, 10, 110),
        (11025, 9.977, 110),
        (16000, 15.6, 250),
        (11025, 12.5, 138),
        (44100, 11.61, 512),
    ],
)
def test_a_hop_is_a_multiple_where_rounding_to_samples_made_it_none(rate, step_ms, hop):
    """Said as in training, as it is, or as it is to a tenth, up to a clip of 100 columns."""
    clips = Clips(rate, 100 * hop + 7, hop)
    for columns in (1, 2, 3, 50, 99, 100):
        exact = 1000 * hop * columns / rate
        for hop_ms in (step_ms * columns, exact, round(exact, 1), float(f"{exact:g}")):
            assert hop_of(clips, hop_ms) == hop * columns
        for hop_ms in (exact + 0.3 * step_ms, exact - 0.3 * step_ms):
            assert hop_of(clips, hop_ms) is None
    assert hop_of(clips, 101 * step_ms) is None


@pytest.mark.parametrize("smoothing", [0, 2**32 + 1, 1.5, None])
def test_a_smoothing_that_can_not_be_is_refused(engine, smoothing):
    with pytest.raises(WaveformError, match=f"smoothing={smoothing}: 1 to "):
        engine.stream(20, smoothing=smoothing)


def test_a_piece_that_is_refused_was_not_heard(engine):
    samples = sound(CLIP)
    stream = engine.stream(HOP_MS)
    stream.feed(samples[:1000])
    with pytest.raises(WaveformError):
        stream.feed(np.array([np.inf], np.float32))
    assert_as_one_shot(engine, stream.feed(samples[1000:]), samples, stream.hop)
