"""The folder of a report: a page whose pictures are there, and the numbers beside it."""

import json
import re
from dataclasses import replace

import pytest
from sample_reports import EXACT, REPORT

from xnorkit.deploy.report.page import ReportError, markdown, write


def test_the_page_shows_every_picture_that_is_written(tmp_path):
    page = write(REPORT, tmp_path / "report")
    shown = set(re.findall(r"!\[[^]]*\]\(([^)]*)\)", page.read_text(encoding="utf-8")))
    assert shown == {"latency.png", "agreement.png", "sizes.png", "confusion.png"}
    for name in shown:
        assert (page.parent / name).read_bytes().startswith(b"\x89PNG")
    assert json.loads((page.parent / "report.json").read_text())["sizes"]["file"] == 1000


def test_what_was_not_timed_has_no_picture(tmp_path):
    write(EXACT, tmp_path)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"report.json", "report.md", "agreement.png", "sizes.png"}


def test_a_folder_that_can_not_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match=r"file/report: the report can't be written \(Not a dir"):
        write(REPORT, tmp_path / "file" / "report")


def test_the_title_names_the_data_and_tables_have_a_rule_below_their_headings():
    lines = markdown(REPORT).splitlines()
    assert lines[0] == "# xnor_kws_cnn_words, embedded subset"
    heading = lines.index(next(line for line in lines if line.startswith("| side |")))
    assert lines[heading + 1] == "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    assert lines[heading + 2].startswith("| xnorkit | network | 250 |")


def test_tables_are_whole():
    for block in re.findall(r"(?:^\|.*\n)+", markdown(REPORT), re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_a_bar_in_a_name_does_not_end_its_cell():
    report = replace(REPORT, subject=replace(REPORT.subject, data="a|b"))
    assert "| data | a\\|b; ships with xnorkit |" in markdown(report)
