"""What a terminal shows of a report."""

from dataclasses import replace

from rich.console import Console
from sample_reports import EXACT, REPORT

from xnorkit.deploy.report.screen import renderable


def shown(report, width=110):
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(renderable(report))
    return captured.get()


def test_title_sides_and_binary_layers_are_shown():
    text = shown(REPORT)
    assert text.startswith("xnor_kws_cnn_words, embedded subset\n")
    for line in ("torch eager", "15.00", "WRONG: 0.5, 75 %", "7 of 2,000"):
        assert line in text
    assert "LiteRT float32: not installed: pip install litert-torch" in text


def test_parts_and_versions_are_left_to_the_page():
    assert "program and labels" not in shown(REPORT)
    assert "2.13" not in shown(REPORT)


def test_without_a_race_there_is_no_latency():
    assert "p50" not in shown(EXACT)


def test_brackets_are_shown_as_they_are():
    report = replace(REPORT, subject=replace(REPORT.subject, source="[bold]home[/bold]"))
    assert "[bold]home[/bold]" in shown(report)


def test_a_terminal_of_80_columns_loses_no_number():
    text = shown(REPORT, width=80)
    assert "…" not in text
    for number in ("3,750", "3,770", "15.00", "17,067", "WRONG", "75 %", "7 of 2,000"):
        assert number in text


def test_quartiles_are_left_to_the_page():
    assert "14.50" not in shown(REPORT)
