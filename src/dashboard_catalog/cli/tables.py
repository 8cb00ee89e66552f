"""Prints rows and fields. On a terminal they fit its width, and no name is broken in two; otherwise nothing is cut."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from dashboard_catalog.cli import output

_GAP = "  "
_NARROWEST = 10


def print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table. Its first column has the names by which other commands find the rows, and is never shortened.

    If these names leave too little room, each stands on a line of its own, above the other columns.

    Args:
        titles: Titles of the columns.
        rows: Cells. On a terminal a cell may have several lines.
    """
    table = [[_lines(cell) for cell in row] for row in (titles, *rows)]
    widths = [max(cell_len(line) for row in table for line in row[column]) for column in range(len(titles))]
    if (room := output.width()) is None:
        stacked = False
    else:
        first = widths[0] + len(_GAP)
        stacked = len(widths) > 1 and first + sum(min(one, _NARROWEST) + len(_GAP) for one in widths[1:]) > room
        widths[1:] = _fitting(widths[1:], room - (len(_GAP) if stacked else first))
    header, *lines = (_stacked(row, widths) if stacked else _side_by_side(row, widths) for row in table)
    output.print_lines([Text("\n".join(header), "bold"), *("\n".join(row) for row in lines)])


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Prints labels with their values beside them. Long values are wrapped between words."""
    indent = max((cell_len(label) for label, _ in fields), default=0) + len(_GAP)
    room = output.width()
    for label, value in fields:
        lines = (
            _lines(value)
            if room is None
            else [part for line in _lines(value) for part in _wrapped(line, room - indent)]
        )
        below = "".join(f"\n{' ' * indent}{line}" for line in lines[1:])
        output.print_lines([Text.assemble((set_cell_size(label, indent), "bold"), lines[0] + below)])


def _lines(text: str) -> list[str]:
    return output.printable(text).split("\n")


def _wrapped(line: str, room: int) -> list[str]:
    if cell_len(line) <= room:
        return [line]
    return textwrap.wrap(line, max(room, 1), break_long_words=False, break_on_hyphens=False) or [""]


def _fitting(widths: list[int], room: int) -> list[int]:
    """Returns the widths of columns that have this room: the widest ones give way, down to ten cells."""
    widths = widths.copy()
    while sum(one + len(_GAP) for one in widths) - len(_GAP) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _side_by_side(row: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for number in range(max(map(len, row))):
        cells = [cell[number] if number < len(cell) else "" for cell in row]
        yield _GAP.join(map(_sized, cells, widths)).rstrip()


def _stacked(row: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    yield row[0][0]
    yield from (f"{_GAP}{line}" for line in _side_by_side(row[1:], widths[1:]))


def _sized(text: str, width: int) -> str:
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
