"""Report → folder: report.md with pictures beside it, and report.json."""

from collections.abc import Collection, Iterator
from pathlib import Path

from xnorkit.deploy.report.plots import figures
from xnorkit.deploy.report.record import Report
from xnorkit.deploy.report.sections import Section, sections


class ReportError(ValueError):
    """A report that can't be written; the message says why and the way out."""


def write(report: Report, folder: Path) -> Path:
    """Write all files of a report.

    Args:
        report: what they say.
        folder: made where it isn't there.

    Returns:
        Path of report.md.

    Raises:
        ReportError: the disk is full, or the folder can't be written.
    """
    path = folder / "report.md"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drawn = figures(report)
        for name, figure in drawn.items():
            figure.savefig(folder / f"{name}.png", dpi=120)
        report.write(folder / "report.json")
        path.write_text(markdown(report, drawn), encoding="utf-8")
    except OSError as error:
        raise ReportError(
            f"{folder}: the report can't be written ({error.strerror or error}); model.xnor is "
            "there. Make room, then deploy again."
        ) from error
    return path


def markdown(report: Report, pictures: Collection[str] = ()) -> str:
    """report.md.

    Args:
        report: what it says.
        pictures: stems of the PNG files beside it.
    """
    lines = [f"# {report.subject.title}", ""]
    for section in sections(report):
        lines += _section(section, pictures)
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Section, pictures: Collection[str]) -> Iterator[str]:
    if section.title:
        yield f"## {section.title}"
        yield ""
    if section.figure in pictures:
        yield f"![{section.title}]({section.figure}.png)"
        yield ""
    if section.rows:
        headings = section.headings or ("", "")
        yield _line(headings)
        yield _line(tuple(map(_rule, zip(*section.rows, strict=True))))
        yield from (_line(row) for row in section.rows)
        yield ""
    for note in section.notes:
        yield note
        yield ""


def _rule(column: tuple[str, ...]) -> str:
    """Numbers stand at the right."""
    return "---:" if all(cell[:1].isdigit() or cell == "-" for cell in column) else "---"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
