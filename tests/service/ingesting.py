"""Ingestion of single assets, for tests of what people and ingestion do to one another."""

from typing import NamedTuple

from tests.service.caller import Caller, Json

ALL_RESULTS: Json = {"resultView": "RESULT_VIEW_ALL"}


class Told(NamedTuple):
    """What became of an ingested item."""

    outcome: str
    kept: list[str]
    refused: dict[str, str]
    version: float


async def ingest(
    caller: Caller, *specs: Json, kind: str = "dashboard", mask: str = "", override: bool = False
) -> list[Told]:
    """Sends specs through BulkUpsert, in one chunk, and tells what became of each.

    Args:
        specs: Of BI service `superset`, unless they say another.
        mask: Fields that are written even where they are empty.
        override: Write as an edit would.
    """
    options = ALL_RESULTS | {"updateMask": mask, "overrideMetadata": override}
    bulk = await caller.bulk([{kind: {"service": "superset"} | spec} for spec in specs], options=options)
    assert bulk.refused is None, bulk.refused
    return [
        Told(
            result["outcome"].removeprefix("OUTCOME_"),
            result.get("keptFields", []),
            bulk.failures.get(index, {}),
            result.get("version", 0.0),
        )
        for index, result in enumerate(bulk.results)
    ]


async def ingest_one(
    caller: Caller, name: str = "d1", *, mask: str = "", override: bool = False, **spec: object
) -> Told:
    """Ingests the dashboard `name` of BI service `superset` with the fields of `spec` in their JSON spelling."""
    return (await ingest(caller, {"name": name, **spec}, mask=mask, override=override))[0]


async def stored(caller: Caller, name: str = "d1", kind: str = "dashboard") -> Json:
    """Reads an asset of BI service `superset`, deleted or not."""
    get = getattr(caller, f"get_{kind}")
    asset: Json = (await get(fully_qualified_name=f"superset.{name}", deleted="DELETED_INCLUDE"))[kind]
    return asset


def tags_of(asset: Json) -> list[str]:
    """Returns the fully qualified names of an asset's tags."""
    return [tag["tagFQN"] for tag in asset.get("tags", [])]


def labels(*fqns: str) -> list[Json]:
    """Returns tag labels as sent."""
    return [{"tagFQN": fqn} for fqn in fqns]
