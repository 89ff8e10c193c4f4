"""Report → what a terminal shows of it."""

from rich import box
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from xnorkit.deploy.report.record import Report
from xnorkit.deploy.report.sections import Section, sections


def renderable(report: Report) -> Group:
    """For rich's `Console.print`; names are shown as they are, whatever brackets they have."""
    parts: list[RenderableType] = [Text(report.subject.title, style="bold")]
    for section in sections(report):
        if section.on_screen:
            parts += _parts(section)
    return Group(*parts)


def _parts(section: Section) -> list[RenderableType]:
    if not section.headings:
        return [_grid(section)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown = [i for i, h in enumerate(section.headings) if h not in section.page_only]
    for place in shown:
        justify: JustifyMethod = "right" if place else "left"
        words = any(" " in row[place] for row in section.rows)  # numbers are never broken in two
        table.add_column(section.headings[place], justify=justify, no_wrap=not words)
    for row in section.rows:
        table.add_row(*(_cell(row[place]) for place in shown))
    return [table, *(Text(note, style="dim") for note in section.notes)]


def _grid(section: Section) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, value in section.rows:
        grid.add_row(Text(name, style="dim"), Text(value, overflow="fold"))
    return grid


def _cell(text: str) -> Text:
    return Text(text, style="bold red" if text.startswith("WRONG") else "")
