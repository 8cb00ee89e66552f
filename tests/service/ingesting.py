"""Ingests single assets, for tests of how edits and ingestion affect each other."""

from typing import Any, NamedTuple

from tests.service.caller import Caller, Json

ANN: list[Json] = [{"type": "user", "name": "ann"}]
BOB: list[Json] = [{"type": "user", "name": "bob"}]
ALL_RESULTS: Json = {"resultView": "RESULT_VIEW_ALL"}


class IngestResult(NamedTuple):
    """The result of one ingested item."""

    outcome: str
    kept: list[str]
    refused: dict[str, str]
    version: float


def spec(name: str = "d1", **fields: Any) -> Json:
    """Returns the spec of an asset of BI service `superset`, with fields in their JSON spelling."""
    return {"name": name, "service": "superset", **fields}


async def update(caller: Caller, *mask: str, name: str = "d1", **fields: Any) -> Json:
    """Updates the fields of a dashboard of BI service `superset` that `mask` names, and returns it."""
    answer = await caller.update_dashboard(
        fully_qualified_name=f"superset.{name}", dashboard=fields, update_mask=",".join(mask or fields)
    )
    dashboard: Json = answer["dashboard"]
    return dashboard


async def ingest(
    caller: Caller, *specs: Json, kind: str = "dashboard", mask: str = "", override: bool = False
) -> list[IngestResult]:
    """Sends specs through BulkUpsert in one chunk, and returns the result of each.

    Args:
        specs: In BI service `superset`, unless they name another.
        mask: Fields that are written even if they are empty.
        override: Whether to write like an edit.
    """
    options = ALL_RESULTS | {"updateMask": mask, "overrideMetadata": override}
    bulk = await caller.bulk([{kind: {"service": "superset"} | spec} for spec in specs], options=options)
    assert bulk.refused is None, bulk.refused
    return [
        IngestResult(
            result["outcome"].removeprefix("OUTCOME_"),
            result.get("keptFields", []),
            bulk.failures.get(index, {}),
            result.get("version", 0.0),
        )
        for index, result in enumerate(bulk.results)
    ]


async def ingest_one(
    caller: Caller, name: str = "d1", *, mask: str = "", override: bool = False, **fields: Any
) -> IngestResult:
    """Ingests the dashboard `name` of BI service `superset` with `fields` in their JSON spelling."""
    return (await ingest(caller, {"name": name, **fields}, mask=mask, override=override))[0]


async def stored(caller: Caller, name: str = "d1", kind: str = "dashboard") -> Json:
    """Reads an asset of BI service `superset`, deleted or not."""
    get = getattr(caller, f"get_{kind}")
    asset: Json = (await get(fully_qualified_name=f"superset.{name}", deleted="DELETED_INCLUDE"))[kind]
    return asset


def tags_of(asset: Json) -> list[str]:
    """Returns the fully qualified names of an asset's tags."""
    return [tag["tagFQN"] for tag in asset.get("tags", [])]


def labels(*fqns: str, state: str = "Confirmed", label_type: str = "Manual") -> list[Json]:
    """Returns tag labels, as they are sent and read."""
    label = {"source": "Classification", "labelType": label_type, "state": state}
    return [{"tagFQN": fqn, **label} for fqn in fqns]
