"""Tables say what was found, and say it where something is wrong."""

from dataclasses import replace

import pytest
from sample_reports import EXACT, REPORT

from xnorkit.deploy.report.sections import microseconds, percent, sections


def facts(report):
    return dict(sections(report)[0].rows)


def section(report, title):
    return next(s for s in sections(report) if s.title == title)


def test_facts_name_data_agreement_size_and_machine():
    told = facts(REPORT)
    assert told["data"] == "words, embedded subset; ships with xnorkit"
    assert told["accuracy"].startswith("engine 0.9025, torch 0.9000 on the 408 samples of the test")
    assert told["agreement"] == (
        "99.75 % top-1 with torch on 408 samples (3 ties left out, torch's two best within "
        "0.0001); logits differ by 0.002 at most, by 2e-05 on the 401 samples where no sign fell "
        "the other way"
    )
    assert told["exact"] == "to the bit before stem; from there on within a tolerance"
    assert told["size"] == (
        "model.xnor 1,000 bytes, as stated before training; float32 twin 24,000 bytes, "
        "24.0 times as many"
    )
    assert told["engine"] == "x86_avx2, compiled by g++ 12.2"
    assert told["CPU"] == "Some CPU"


def test_what_was_not_found_is_not_told():
    told = facts(EXACT)
    assert "accuracy" not in told
    assert "(no tie)" in told["agreement"]
    assert told["exact"] == "to the bit up to the head, whose sums are float"
    titles = [s.title for s in sections(EXACT)]
    assert titles == ["", "Binary layers", "Size of each part", "Versions"]


def test_a_size_other_than_stated_is_told():
    report = replace(REPORT, sizes=replace(REPORT.sizes, stated=990))
    assert "+10 against what was stated before training" in facts(report)["size"]
    report = replace(REPORT, sizes=replace(REPORT.sizes, stated=None))
    assert "stated" not in facts(report)["size"]


def test_every_row_has_a_cell_for_each_heading():
    for found in sections(REPORT):
        assert {len(row) for row in found.rows} <= {len(found.headings) or 2}


def test_latency_has_a_row_a_side_with_its_ratio_to_the_engine():
    ours, eager, int8 = section(REPORT, "Latency").rows
    assert ours == ("xnorkit", "network", "250", "260", "270", "1", "-", "256,000", "-")
    assert eager[5:] == ("15.00", "14.50-15.25", "17,067", "0, 100 %")
    assert int8[7] == "-"


def test_a_rival_with_other_answers_is_told_to_be_wrong():
    assert section(REPORT, "Latency").rows[2][8] == "WRONG: 0.5, 75 %"


def test_notes_name_threads_and_who_is_missing():
    first, *missing = section(REPORT, "Latency").notes
    assert first.startswith("One thread each; sides in turn, warm-up excluded.")
    assert missing == ["LiteRT float32: not installed: pip install litert-torch"]


def test_shares_of_the_ops_are_of_their_sum():
    rows = section(REPORT, "Time of each op").rows
    assert rows[1][:4] == ("blocks.0.layer", "lut-pair", "180", "77.4%")


def test_an_op_that_memory_limits_says_what_share_of_a_read_loop_it_reaches():
    found = section(REPORT, "Time of each op")
    assert [row[4:] for row in found.rows] == [("", ""), ("15.0", "75%"), ("", "")]
    assert "3,000,000 bytes" in found.notes[1]
    assert "20.0 GB/s" in found.notes[1]
    plain = replace(REPORT, speed=replace(REPORT.speed, traffic=None))
    assert section(plain, "Time of each op").headings == ("op", "loop", "µs", "share")


def test_binary_layers_say_how_many_bits_differ():
    _, second = section(REPORT, "Binary layers").rows
    assert second == ("blocks.1.layer", "0 of 1,000", "7 of 2,000", "no")


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1.0, "100 %"), (0.999999, "99.99 %"), (0.9975, "99.75 %"), (0.5, "50 %"), (0.0, "0 %")],
)
def test_a_hundred_percent_means_all(share, shown):
    assert percent(share) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1234, "0.123"), (9.876, "9.88"), (99.4, "99.4"), (3750.2, "3,750")]
)
def test_times_have_three_digits(value, shown):
    assert microseconds(value) == shown
