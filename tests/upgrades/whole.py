"""Whether the rows of a catalog agree with each other, whichever servers have written them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from dashboard_catalog.store.records import CATALOG_ID
from tests.upgrades.rows import Contents

_KINDS = ("dashboard", "chart")


def check_whole(contents: Contents, alone: Iterable[str] = ()) -> None:
    """Fails unless versions have no gap, and no number of a change is used twice or beyond its sequence.

    Args:
        contents: The rows of all tables.
        alone: The names of BI services from which nothing was removed for good, so that no number may be missing.
    """
    versions: dict[UUID, list[int]] = defaultdict(list)
    for kind in _KINDS:
        for row in [*contents[kind], *contents[f"{kind}_history"]]:
            versions[UUID(str(row["id"]))].append(row["version"])
    for id_, found in versions.items():
        assert sorted(found) == list(range(1, len(found) + 1)), (id_, sorted(found))
    last = {UUID(str(row["service_id"])): row["last_change"] for row in contents["service_sequence"]}
    for service, numbers in _numbers(contents).items():
        assert len(numbers) == len(set(numbers)), f"{service} has used a number twice"
        assert 1 <= min(numbers) <= max(numbers) <= last[service]
    _check_held(contents)
    services = {row["fqn"]: UUID(str(row["id"])) for row in contents["entity"] if row["kind"] == "bi_service"}
    for name in alone:
        missing = set(range(1, last[services[name]] + 1)) - set(_numbers(contents)[services[name]])
        assert not missing, f"{name} has no changes {sorted(missing)}"


def _numbers(contents: Contents) -> dict[UUID, list[int]]:
    found: dict[UUID, list[int]] = defaultdict(list)
    for table in ("dashboard", "dashboard_history", "chart", "chart_history", "removed", "entity_change"):
        for row in contents.get(table, ()):
            found[UUID(str(row.get("service_id", CATALOG_ID)))].append(row["change_number"])
    return found


def _check_held(contents: Contents) -> None:
    """Fails unless everything that assets refer to is there."""
    known: set[Any] = {row["id"] for table in ("entity", "chart") for row in contents[table]}
    for kind in _KINDS:
        for row in contents[kind]:
            assert row["domain"] is None or row["domain"] in known
            assert row["service_id"] in known
