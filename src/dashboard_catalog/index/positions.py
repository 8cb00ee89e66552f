"""Reads from an index how far it has come in each sequence of changes."""

from typing import Any
from uuid import UUID

import tantivy

from dashboard_catalog.index.fields import SCHEMA, Position


def all_positions(searcher: tantivy.Searcher) -> dict[UUID, Position]:
    """Returns how far the index has come in each sequence."""
    query = tantivy.Query.exists_query("position")
    # Its stubs do not know that it has a count.
    first: Any = searcher.search(query, 1)
    found = searcher.search(query, first.count).hits if first.count else []
    stored = [searcher.doc(address) for _, address in found]
    return {UUID(str(one.get_first("sequence"))): _position(one) for one in stored}


def position_of(searcher: tantivy.Searcher, sequence: UUID) -> Position | None:
    """Returns how far the index has come in a sequence; None if it has not begun."""
    found = searcher.search(tantivy.Query.term_query(SCHEMA, "sequence", sequence.hex), 1)
    return _position(searcher.doc(found.hits[0][1])) if found.hits else None


def _position(stored: tantivy.Document) -> Position:
    return Position(int(stored.get_first("position") or 0), int(stored.get_first("trace") or 0))
