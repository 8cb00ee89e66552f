"""Tables: CSV with a header, separated by commas, semicolons or tabs, with one asset or entity per row.

A column fills the field that `--map` gives it, or without any `--map` the field that it is named like. Rows are read
one by one, and their size is limited.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO, TextIOWrapper
from typing import Any

from dashboard_catalog.catalog.model.qualified_names import NameSyntaxError, quote, split
from dashboard_catalog.sources.files.trees import Tree, files_named
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools.tables.columns import Column, columns_of
from dashboard_catalog.sources.wishes import Wishes

MAX_ROW = 4 * 2**20
"""Maximum number of characters of a row. A cell has at most 131,072, which is the limit of the csv module."""

_SUFFIXES = (".csv", ".tsv", ".tab")
_START_BYTES = 65_536
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SAVE_AS = 'save it as UTF-8, in Excel as "CSV UTF-8"'


class Tables:
    """The format."""

    name = "csv"
    # An empty cell is no value, and a table may have no column for charts.
    has_all_charts = False

    def recognizes(self, tree: Tree) -> bool:
        """Says whether a file is named like a table, or whether the only file begins with a header."""
        if any(name.lower().endswith(_SUFFIXES) for name in tree.names):
            return True
        return len(tree.names) == 1 and _is_header(tree.start(tree.names[0], _START_BYTES))

    def items(self, tree: Tree, wishes: Wishes) -> Iterator[Found]:
        """Yields the rows."""
        kind = wishes.kind or Kind.DASHBOARD
        if not (names := files_named(tree, _SUFFIXES)):
            raise SourceError(f"{tree.name} has no file that ends in {', '.join(_SUFFIXES)}")
        for name in names:
            yield from _items(name, tree.read(name), kind, wishes)


def _items(name: str, content: bytes, kind: Kind, wishes: Wishes) -> Iterator[Found]:
    rows = _Rows(name, content)
    _, header = next(rows, (0, []))
    columns = columns_of(name, header, kind, wishes.columns)
    service = quote(wishes.service) if wishes.service and kind.is_asset else None
    if kind.is_asset and service is None and all(column.field.name != "service" for column in columns):
        raise SourceError(f"{name} has no column for service: give --service NAME, or --map COLUMN=service")
    used = {column.index for column in columns}
    # With a mapping people have said what they want of the table.
    unused = {} if wishes.columns else {at: f"column {one!r}"[:80] for at, one in enumerate(header) if at not in used}
    for line, row in rows:
        if any(row[len(header) :]):
            problem = f"has {len(row):,} cells, but the header has {len(header):,}"
            yield BadItem(f"{name}:{line}", problem)
        elif any(row):
            dropped = tuple(column for at, column in unused.items() if at < len(row) and row[at])
            yield _item(f"{name}:{line}", kind, _body(columns, row, service), dropped)


def _body(columns: Sequence[Column], row: Sequence[str], service: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for column in columns:
        column.fill(body, row[column.index] if column.index < len(row) else "")
    if service is not None:
        body.setdefault("service", service)
    if isinstance(charts := body.get("charts"), list) and "service" in body:
        body["charts"] = [_chart(chart, body["service"]) for chart in charts]
    return body


def _item(place: str, kind: Kind, body: Mapping[str, Any], dropped: tuple[str, ...]) -> Found:
    if "name" not in body:
        return BadItem(place, "has no name", kind, body)
    if kind.is_asset and "service" not in body:
        return BadItem(place, "has no service: give --service NAME for such rows", kind, body)
    return FoundItem(place, kind, body, dropped=dropped)


def _chart(name: str, service: str) -> str:
    """Returns the fully qualified name of a chart. A name alone is that of a chart of the same BI service."""
    try:
        return f"{service}.{name}" if len(split(name)) == 1 else name
    except NameSyntaxError:
        return name


class _Rows:
    """The rows of a file, each with the number of its first line."""

    def __init__(self, name: str, content: bytes) -> None:
        if content.startswith(_UTF16):
            raise SourceError(f"{name} is UTF-16 text: {_SAVE_AS}")
        self._name = name
        self._text = TextIOWrapper(BytesIO(content), "utf-8-sig", newline="")
        self._line = 1
        self._next_line = 1
        self._size = 0
        self._reader = csv.reader(self._lines(), delimiter=_separator(content[:_START_BYTES]), strict=True)
        if _states_separator(content):
            next(self._lines(), None)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        self._line, self._size = self._next_line, 0
        try:
            return self._line, next(self._reader)
        except csv.Error as error:
            reason = "a quote is not closed" if "end of data" in str(error) else str(error)
            raise SourceError(f"{self._name}:{self._line} cannot be read: {reason}") from error
        except UnicodeDecodeError as error:
            raise SourceError(f"{self._name} is not UTF-8, at line {self._next_line} or later: {_SAVE_AS}") from error

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(MAX_ROW + 1):
            self._size += len(line)
            if self._size > MAX_ROW:
                raise SourceError(f"{self._name}:{self._line} has a row of more than {MAX_ROW:,} characters")
            self._next_line += 1
            yield line


def _states_separator(content: bytes) -> bool:
    """Says whether the first line is one that Excel writes for itself: `sep=;`."""
    return content.removeprefix(_BOM)[:4].lower() == b"sep="


def _separator(start: bytes) -> str:
    """Returns what separates the cells of the first line: of comma, semicolon and tab the one that it has most of."""
    text = start.removeprefix(_BOM).decode(errors="replace")
    if _states_separator(start):
        return text[4] if text[4:5] in {",", ";", "\t"} else ","
    # What is in quotes is in every second part.
    outside = "".join(text.split('"')[::2]).splitlines()
    first = next(iter(outside), "")
    return max(",;\t", key=first.count)


def _is_header(start: bytes) -> bool:
    if start.lstrip(_BOM + b" \t\r\n").startswith((b"{", b"[", b"<")) or start.startswith(_UTF16):
        return False
    try:
        _, header = next(_Rows("", start), (0, []))
        return len(header) > 1 and bool(columns_of("", header, Kind.DASHBOARD, {}))
    except SourceError:
        return False
