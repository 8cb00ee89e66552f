"""docs/search.md: the queries in its tables find in the sample what the tables say."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copy
from typing import NamedTuple

from tests.conftest import sqlite_url
from tests.docs.conftest import ROOT
from tests.service.caller import Json
from tests.service.searching import Searcher, names, searchable, until_indexed

PAGE = ROOT / "docs" / "search.md"
SAMPLE = ROOT / "examples" / "sample"
_ROW = re.compile(r"^\| `(?P<query>[^`]+)` \|(?:[^|]*\|)? (?P<found>(?:`[^`]+` ?)*)\|$", re.MULTILINE)


class Example(NamedTuple):
    """A row of a table: a query, and the names of what it finds, in order."""

    query: str
    found: list[str]


def examples() -> Iterator[Example]:
    """Yields the rows of the tables."""
    for row in _ROW.finditer(PAGE.read_text()):
        yield Example(row["query"], re.findall("`([^`]+)`", row["found"]))


def items(kind: str) -> list[Json]:
    """Returns the items of a kind in the sample, as a bulk stream takes them."""
    rows = [json.loads(line) for line in (SAMPLE / f"{kind}s.ndjson").read_text().splitlines()]
    for row in rows:
        if domains := row.pop("domains", None):
            row["domain"] = domains[0]
    return [{kind: row} for row in rows]


async def test_the_queries_of_the_page_find_what_it_says(migrated_sqlite: Path, tmp_path: Path) -> None:
    url = sqlite_url(Path(copy(migrated_sqlite, tmp_path / "catalog.db")))
    async with searchable(url, tmp_path) as service:
        admin = service.caller("admin", "admin")
        entities = [json.loads(line) for line in (SAMPLE / "entities.ndjson").read_text().splitlines()]
        bi_service = {"biService": json.loads((SAMPLE / "service.json").read_text())}
        loaded = await admin.bulk(
            [{"entity": entity} for entity in [bi_service, *entities]], items("chart"), items("dashboard")
        )
        assert not loaded.failures
        searcher = Searcher(admin)
        await until_indexed(searcher)
        shown = list(examples())
        assert len(shown) > 15
        assert [Example(query, names(await searcher.search(query))) for query, _ in shown] == shown
