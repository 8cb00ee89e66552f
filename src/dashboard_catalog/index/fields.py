"""The fields of an indexed document: what can be searched, counted and sorted by.

`Document` holds the plain values of one dashboard, chart or entity, and `SCHEMA` says how each field is indexed.
Services, owners, tags and domains are ids here, so that a rename changes one document. What can be said of a whole BI
service, such as its type, is not in the documents of its assets either: search for the ids of the services.

The index also holds one document per sequence of changes that says how far it has come there. These have no `kind`, so
every query needs a condition on `kind`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import tantivy

from dashboard_catalog.index.words import fold, indexed, names_of

MAX_DESCRIPTION = 20_000
"""Length of the part of a description that is searched, in code points."""

WORDS = ("name", "display_name", "description", "project_words", "extension", "charts", "label")
"""The fields that hold words, as `words.indexed` splits them. Fields of several texts keep a gap between them."""

FACETS = ("kind", "service", "owner", "tag", "domain", "project", "dashboard_type", "chart_type", "missing")
"""The fields whose values are whole terms and can be counted. Ids are in hex."""

FOLDED = ("folded_type", "folded_project")
"""The fields whose values are whole terms that differ in more than case, accents and width."""

# No name contains it, and it sorts before all that they contain.
_BETWEEN = "\0"


def _schema() -> tantivy.Schema:
    """Returns how each field is indexed.

    `key` is for deletion. `named` holds what a query must be to name the thing, see `words.names_of`. `by_name` sorts
    by name, kind and id, and `Thing.parse` reads these from it. `name_order` is a number for ranges of it. `updated_at`
    is in microseconds since 1970. `sequence`, `position` and `trace` are those of a `Position`.
    """
    builder = tantivy.SchemaBuilder()
    builder.add_bytes_field("key", indexed=True)
    for name in FACETS:
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    for name in ("named", *FOLDED):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("by_name", stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("name_order", indexed=True, fast=True)
    builder.add_unsigned_field("updated_at", indexed=True, fast=True)
    builder.add_boolean_field("deleted", indexed=True, fast=True)
    for name in WORDS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    builder.add_text_field("sequence", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("position", stored=True, fast=True)
    builder.add_unsigned_field("trace", stored=True)
    return builder.build()


SCHEMA = _schema()


class Position(NamedTuple):
    """How far the index has come in a sequence of changes.

    Attributes:
        number: Number of the last change that is indexed.
        trace: A number that tells this change from another one that has taken its number.
    """

    number: int
    trace: int


class Thing(NamedTuple):
    """What a document describes. As texts, things are in the order of their names, kinds and ids."""

    name: str
    kind: str
    id: UUID

    @classmethod
    def parse(cls, by_name: str) -> "Thing":
        """Returns what the field `by_name` says."""
        name, kind, id_ = by_name.split(_BETWEEN)
        return cls(name, kind, UUID(id_))

    def __str__(self) -> str:
        return _BETWEEN.join((self.name, self.kind, self.id.hex))


@dataclass(slots=True, kw_only=True)
class Document:
    """What is indexed of one dashboard, chart or entity.

    Attributes:
        kind: Name of its kind, such as `dashboard` or `bi_service`.
        service: BI service of an asset; a BI service itself has its own id here, and other entities have None.
        tags: Tags that it has itself, not those above them.
        missing: Which of `description`, `owners`, `domain` and `tags` an asset does not have.
        charts: Names and display names of the charts that a dashboard holds, of its own service.
        extension: Values of custom properties, as texts.
        label: What assets with this tag are found by: its fully qualified name and its display name.
    """

    kind: str
    id: UUID
    name: str
    updated_at: datetime
    deleted: bool = False
    display_name: str | None = None
    description: str | None = None
    service: UUID | None = None
    owners: Iterable[UUID] = ()
    tags: Iterable[UUID] = ()
    domain: UUID | None = None
    project: str | None = None
    dashboard_type: str | None = None
    chart_type: str | None = None
    missing: Iterable[str] = ()
    charts: Iterable[str] = ()
    extension: Iterable[str] = ()
    label: Iterable[str] = ()


def name_order(name: str) -> int:
    """Returns the first 8 bytes of a name as a number, which sorts as names do as far as it goes."""
    return int.from_bytes(name.encode()[:8].ljust(8, b"\0"), "big")


def microseconds(moment: datetime) -> int:
    """Returns a time as the field `updated_at` holds it."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def key_of(kind: str, id_: UUID) -> bytes:
    """Returns the term of the one document that describes a thing."""
    return kind.encode() + b":" + id_.bytes


def values_of(document: Document) -> dict[str, Any]:
    """Returns the values of a document by field, as `SCHEMA` wants them."""
    shown = document.display_name
    return {
        "key": key_of(document.kind, document.id),
        "kind": document.kind,
        "service": _hexes([document.service]),
        "owner": _hexes(document.owners),
        "tag": _hexes(document.tags),
        "domain": _hexes([document.domain]),
        "project": _given(document.project),
        "dashboard_type": _given(document.dashboard_type),
        "chart_type": _given(document.chart_type),
        "missing": list(document.missing),
        "folded_type": [fold(each) for each in (document.dashboard_type, document.chart_type) if each],
        "folded_project": [fold(document.project)] if document.project else [],
        "named": [*names_of(document.name), *(names_of(shown) if shown else ())],
        "by_name": str(Thing(document.name, document.kind, document.id)),
        "name_order": name_order(document.name),
        "updated_at": microseconds(document.updated_at),
        "deleted": document.deleted,
        "name": indexed(document.name),
        "display_name": _words(document.display_name),
        "description": _words((document.description or "")[:MAX_DESCRIPTION]),
        "project_words": _words(document.project),
        "extension": _all_words(document.extension),
        "charts": _all_words(document.charts),
        "label": _all_words(document.label),
    }


def _hexes(ids: Iterable[UUID | None]) -> list[str]:
    return [id_.hex for id_ in ids if id_]


def _given(text: str | None) -> list[str]:
    return [text] if text else []


def _all_words(texts: Iterable[str]) -> list[str]:
    return [words for text in texts if (words := indexed(text))]


def _words(text: str | None) -> list[str]:
    return [indexed(text)] if text else []
