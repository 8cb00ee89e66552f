"""Renders changes for people as git does: `-` and `+` for what went and came, and `old -> new` for short values.

Pure: from `FieldChanged` to styled lines for a width.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.versions.field_changes import FieldChanged
from dashboard_catalog.cli.versions.text_diff import Line, diff_of

_STYLES = {"+": "green", "-": "red", "@": "dim", " ": ""}
_LABEL = "bold"


@dataclass(frozen=True, slots=True)
class Layout:
    """How to lay changes out.

    Attributes:
        width: Number of columns; None if there is no terminal, so that nothing is wrapped or shortened.
        indent: Number of blanks before each line.
        most: Maximum number of lines per field; None for all.
    """

    width: int | None
    indent: int = 0
    most: int | None = None


def change_lines(changes: Iterable[FieldChanged], layout: Layout) -> Iterator[Text]:
    """Yields the lines of the changes of a version."""
    for one in changes:
        yield from _indented(_field_lines(one, layout), layout)


def _field_lines(one: FieldChanged, layout: Layout) -> Iterator[Text]:
    if (line := _as_one_line(one, layout)) is not None:
        yield line
        return
    yield Text(output.printable(one.label), _LABEL)
    lines = list(_signed_lines(one, layout))
    most = len(lines) if layout.most is None or len(lines) <= layout.most + 1 else layout.most
    yield from lines[:most]
    if more := len(lines) - most:
        yield Text(f"  ... and {more:,} more lines", "dim")


def _as_one_line(one: FieldChanged, layout: Layout) -> Text | None:
    """Returns a change of a short value as `label  old -> new`; None if it has another form."""
    label = (f"{output.printable(one.label)}  ", _LABEL)
    if one.name == "deleted":
        return Text("restored", "green") if one.new in {None, "no"} else Text("deleted", "red")
    if not (one.removed or one.added) and one.old is None and one.new is None:
        return Text.assemble(label, "changed")
    if one.removed or one.added or one.has_lines:
        return None
    line = Text.assemble(
        label,
        ("(none)" if one.old is None else output.printable(one.old), "dim" if one.old is None else "red"),
        " -> ",
        ("(none)" if one.new is None else output.printable(one.new), "dim" if one.new is None else "green"),
    )
    fits = layout.width is None or cell_len(line.plain) <= layout.width - layout.indent
    return line if fits else None


def _signed_lines(one: FieldChanged, layout: Layout) -> Iterator[Text]:
    if one.old is not None or one.new is not None:
        for line in diff_of(one.old or "", one.new or "", shortens=layout.width is not None):
            yield from _signed(line.sign, _styled(line, layout), layout)
        return
    for sign, elements in (("-", one.removed), ("+", one.added)):
        for element in elements:
            yield from _signed(sign, Text(output.printable(element), _STYLES[sign]), layout)


def _styled(line: Line, layout: Layout) -> Text:
    if line.sign == "@":
        return Text("...")
    style = _STYLES[line.sign]
    # Where nobody sees styles, the words that differ look like the others.
    marked = f"{style} reverse" if layout.width is not None else style
    return Text.assemble(*((output.printable(text), marked if differs else style) for text, differs in line.pieces))


def _signed(sign: str, text: Text, layout: Layout) -> Iterator[Text]:
    """Yields a line with its sign, and with the sign again if it is wrapped."""
    shown = " " if sign == "@" else sign
    for part in _wrapped(text, layout):
        line = Text.assemble((f"{shown} ", _STYLES[sign]), part)
        line.rstrip()
        yield line


def _wrapped(text: Text, layout: Layout) -> Sequence[Text]:
    if layout.width is None:
        return [text]
    room = max(layout.width - layout.indent - 2, 10)
    if cell_len(text.plain) <= room:
        return [text]
    return list(text.wrap(Console(width=room), room))


def _indented(lines: Iterable[Text], layout: Layout) -> Iterator[Text]:
    for line in lines:
        yield Text.assemble(" " * layout.indent, line)
