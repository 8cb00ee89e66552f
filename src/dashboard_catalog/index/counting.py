"""Counts of the values that the documents of a query have."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import tantivy

# More values than anybody looks at, so that those with equal counts can be put into order.
_VALUES = 1_000
# There are few BI services, and counting by their type needs all of them.
_ALL = {"service": 65_000}


class Counted(NamedTuple):
    """The counts of the values of one field.

    Attributes:
        values: The most frequent values with their counts.
        other: Sum of the counts of all other values.
    """

    values: Mapping[str, int]
    other: int


def count(searcher: tantivy.Searcher, query: tantivy.Query, fields: Collection[str]) -> dict[str, Counted]:
    """Returns the counts of the values of some fields of `fields.FACETS`."""
    terms = {field: {"terms": _terms(field)} for field in fields}
    found = searcher.aggregate(query, terms) if terms else {}
    return {
        field: Counted(
            {bucket["key"]: bucket["doc_count"] for bucket in result["buckets"]}, result["sum_other_doc_count"]
        )
        for field, result in found.items()
    }


def _terms(field: str) -> dict[str, str | int]:
    size = _ALL.get(field, _VALUES)
    # A segment returns as many, so that what is frequent in one of them is not lost among the rest.
    return {"field": field, "size": size, "segment_size": max(size, 65_000)}
