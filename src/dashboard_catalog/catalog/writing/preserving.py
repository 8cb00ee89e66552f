"""What an import writes of an asset beside its fields: what an export has kept, its references turned back into ids."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model import change
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Preserved, SentMarks
from dashboard_catalog.catalog.model.stewardship import Marks
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation

_KINDS: Mapping[str, tuple[str, ...]] = {"owners": ("user", "team"), "domains": ("domain",), "tags": ("tag",)}


def preserved_columns(
    write: AssetWrite, preserved: Preserved, known_entities: KnownEntities, violations: list[Violation]
) -> dict[str, Any]:
    """Returns the columns that an import writes as they are given.

    Adds a violation for each mark of a tag that does not exist.
    """
    return {
        "id": preserved.id,
        "version": preserved.version,
        "updated_at": preserved.updated_at,
        "updated_by": preserved.updated_by,
        "by_ingestion": preserved.by_ingestion,
        "ingested": preserved.ingested,
        "deleted": preserved.deleted,
        "deleted_by_edit": preserved.deleted_by_edit,
        "deleted_with": preserved.deleted_with,
        "edited": _marks(write, preserved.edited, known_entities, violations).encode(),
        "change": _change(write, preserved.change, known_entities) if preserved.change else None,
    }


def names_in_change(preserved: Preserved) -> Iterator[str | AssetName]:
    """Yields what a change names: entities by fully qualified name, charts by their names."""
    for field, name in change.names_in(preserved.change) if preserved.change else ():
        if field != "charts":
            yield name
        elif (key := _chart_key(name)) is not None:
            yield key


def _marks(write: AssetWrite, sent: SentMarks, known_entities: KnownEntities, violations: list[Violation]) -> Marks:
    tags: list[UUID] = []
    for index, fqn in enumerate(sent.tags):
        if (tag := known_entities.find("tag", fqn)) is not None:
            tags.append(tag.id)
        elif ViolationReason.UNKNOWN_REFERENCE not in write.drops:
            text = f"there is no tag {fqn}"
            path = f"preserved.edited.tags[{index}]"
            violations.append(Violation(path, ViolationReason.UNKNOWN_REFERENCE, text))
    return Marks(sent.fields, tags, sent.extension_keys)


def _change(write: AssetWrite, description: change.ChangeDescription, known_entities: KnownEntities) -> dict[str, Any]:
    # A user and a team may have the same name; the asset most likely still has the one that is meant.
    owners = {names.quote(owner.name): owner.type for owner in write.values.get("owners", ()) if owner.name}

    def id_of(field: str, name: str) -> UUID | None:
        if field == "charts":
            key = _chart_key(name)
            chart = known_entities.chart(key) if key else None
            return chart.id if chart else None
        kinds = (owners[name],) if field == "owners" and name in owners else _KINDS[field]
        found = (known_entities.find(kind, name) for kind in kinds)
        return next((entity.id for entity in found if entity), None)

    return change.encode(description, id_of)


def _chart_key(fqn: str) -> AssetName | None:
    try:
        return AssetName(*names.split(fqn, 2))
    except names.NameSyntaxError:
        # The id of a chart that has been removed for good.
        return None
