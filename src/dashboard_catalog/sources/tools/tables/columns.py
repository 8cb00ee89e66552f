"""The columns of a table: which field each one fills, and how a cell becomes a value of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from dashboard_catalog.catalog.model.addresses import without_user
from dashboard_catalog.catalog.model.qualified_names import NameSyntaxError, quote, segment
from dashboard_catalog.sources.files.json_values import values_of
from dashboard_catalog.sources.items.fields import fields_of
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError

_EXTENSION = "extension"
_SEPARATOR = ";"
_SHOWN = 12
_TEAM = "team:"
_USER = "user:"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that fills a field.

    Attributes:
        index: Its place in the table, from 0.
        field: The field.
        key: Name of the custom property; empty for every other field.
    """

    index: int
    field: FieldDescriptor
    key: str = ""

    @property
    def target(self) -> str:
        """Path of what it fills: `display_name`, `extension.costCentre`."""
        return f"{self.field.name}.{self.key}" if self.key else self.field.name

    def fill(self, body: dict[str, Any], cell: str) -> None:
        """Puts the value of a cell into a body. An empty cell is no value."""
        if not cell:
            return
        if self.key:
            # It may be filled by a column of its own as well.
            extension = body.setdefault(_EXTENSION, {})
            if isinstance(extension, dict):
                extension[self.key] = _json_or_text(cell)
        elif self.field.is_repeated:
            if elements := [one for part in cell.split(_SEPARATOR) if (one := part.strip())]:
                body[self.field.json_name] = [_element(self.field.name, element) for element in elements]
        else:
            body[self.field.json_name] = _single(self.field, cell)


def columns_of(place: str, header: Sequence[str], kind: Kind, given: Mapping[str, str]) -> list[Column]:
    """Returns the columns of a table that fill a field: those that are given, or else those that are named like one.

    Args:
        place: Name of the table, for errors.
        header: The names of its columns.
        kind: Kind of its rows.
        given: Field of each column.

    Raises:
        SourceError: If the name has no column, or it is not clear which column fills a field.
    """
    names = [name.strip() for name in header]
    if not any(names):
        raise SourceError(f"{place} has no header: its first line must have the names of its columns")
    columns = [_given(place, names, kind, *one) for one in given.items()] if given else _named(names, kind)
    targets = [column.target for column in columns]
    if repeated := next((target for target in targets if targets.count(target) > 1), None):
        hint = f"give only one --map COLUMN={repeated}" if given else f"choose one with --map COLUMN={repeated}"
        raise SourceError(f"{place} has several columns for {repeated}: {hint}")
    if "name" not in targets:
        raise SourceError(f"{place} has no column for name: say which it is with --map COLUMN=name. {_has(names)}")
    return columns


def _given(place: str, names: Sequence[str], kind: Kind, column: str, target: str) -> Column:
    field, key = _field(kind, target, _spellings(kind))
    if field is None:
        known = ", ".join(fields_of(kind))
        raise SourceError(f"--map {column}={target}: unknown field; a {kind.replace('_', ' ')} has {known}")
    if (count := names.count(column.strip())) != 1:
        problem = f"{count} columns {column!r}" if count else f"no column {column!r}"
        raise SourceError(f"{place} has {problem}. {_has(names)}")
    return Column(names.index(column.strip()), field, key)


def _named(names: Sequence[str], kind: Kind) -> list[Column]:
    spellings = {_plain(spelling): field for spelling, field in _spellings(kind).items()}
    found = [(index, *_field(kind, name, spellings)) for index, name in enumerate(names)]
    return [Column(index, field, key) for index, field, key in found if field is not None]


def _field(kind: Kind, name: str, spellings: Mapping[str, FieldDescriptor]) -> tuple[FieldDescriptor | None, str]:
    """Returns the field of a name, and the key of a custom property."""
    before, dot, key = name.partition(".")
    if dot and key and before.lower() == _EXTENSION:
        return fields_of(kind).get(_EXTENSION), key
    return spellings.get(name) or spellings.get(_plain(name)), ""


def _spellings(kind: Kind) -> dict[str, FieldDescriptor]:
    return {spelling: field for field in fields_of(kind).values() for spelling in (field.name, field.json_name)}


def _plain(name: str) -> str:
    """Returns a name as it is compared: `Display Name`, `display-name` and `displayName` are the same."""
    return re.sub(r"[\s_-]+", "", name).lower()


def _has(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"Its columns are {', '.join(repr(name[:64]) for name in names[:_SHOWN])}{more}"


def _single(field: FieldDescriptor, cell: str) -> object:
    if field.name == "service":
        return _service(cell)
    if field.name == "source_url":
        return without_user(cell.strip())
    if field.type == FieldDescriptor.TYPE_BOOL:
        # Excel writes TRUE.
        return {"true": True, "false": False}.get(cell.strip().lower(), cell)
    return cell if field.type == FieldDescriptor.TYPE_STRING else _json_or_text(cell)


def _service(cell: str) -> str:
    """Returns the fully qualified name of a BI service. What cannot be one is a name that must be quoted."""
    try:
        segment(cell)
    except NameSyntaxError:
        return quote(cell)
    return cell


def _element(field: str, element: str) -> object:
    if field == "tags":
        return {"tagFQN": element}
    if field == "owners":
        is_team = element.startswith(_TEAM)
        return {"type": "team" if is_team else "user", "name": element.removeprefix(_TEAM if is_team else _USER)}
    return element


def _json_or_text(cell: str) -> Any:
    try:
        value, *more = values_of(cell.encode(errors="replace"))
    except ValueError:
        # Also if there is no value.
        return cell
    return cell if more else value
