"""What is indexed of assets and entities, made of their rows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from dashboard_catalog.catalog.known.property_texts import texts_in
from dashboard_catalog.catalog.model.kinds import DASHBOARD_KIND
from dashboard_catalog.index.fields import MAX_DESCRIPTION, Document
from dashboard_catalog.store.charts import charts_within
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.indexed_rows import AssetRow, EntityRow, IndexedRows

ROWS = IndexedRows(MAX_DESCRIPTION)

# Few dashboards hold so many charts, and the names of that many take little memory.
_CHARTS_AT_ONCE = 5_000


async def asset_documents(connection: ReadConnection, kind: str, rows: Sequence[AssetRow]) -> list[Document]:
    """Returns the documents of assets of a kind."""
    names = await _chart_names(connection, rows)
    return [_asset_document(kind, row, names.get(row.id, [])) for row in rows]


def entity_documents(rows: Iterable[EntityRow]) -> list[Document]:
    """Returns the documents of entities of any kind."""
    return [
        Document(
            kind=row.kind,
            id=row.id,
            name=row.name,
            updated_at=row.updated_at,
            deleted=row.deleted,
            display_name=row.display_name,
            description=row.description,
            service=row.id if row.kind == "bi_service" else None,
            label=[row.fqn, row.display_name or ""] if row.kind == "tag" else (),
        )
        for row in rows
    ]


async def _chart_names(connection: ReadConnection, rows: Sequence[AssetRow]) -> Mapping[UUID, Sequence[str]]:
    """Returns the names of the charts that each dashboard holds: those of its service that are not deleted.

    Who may view a dashboard may view these, but perhaps not others.
    """
    names: dict[UUID, list[str]] = defaultdict(list)
    for some in _with_few_charts(rows):
        services = {row.service_id for row in some}
        charts = await charts_within(connection, services, {id_ for row in some for id_ in row.charts or ()})
        held = {
            id_: (service_id, [name, display_name] if display_name else [name])
            for service_id, name, id_, display_name, deleted, _ in charts
            if not deleted
        }
        for row in some:
            for id_ in row.charts or ():
                service_id, shown = held.get(id_, (None, []))
                if service_id == row.service_id:
                    names[row.id] += shown
    return names


def _with_few_charts(rows: Iterable[AssetRow]) -> Iterator[list[AssetRow]]:
    """Yields the rows that hold charts, as many together as hold few enough."""
    some: list[AssetRow] = []
    charts = 0
    for row in rows:
        if row.charts:
            some.append(row)
            charts += len(row.charts)
        if charts >= _CHARTS_AT_ONCE:
            yield some
            some, charts = [], 0
    if some:
        yield some


def _asset_document(kind: str, row: AssetRow, charts: Sequence[str]) -> Document:
    given = {"description": row.description, "owners": row.owners, "domain": row.domain, "tags": row.tags}
    return Document(
        kind=kind,
        id=row.id,
        name=row.name,
        updated_at=row.updated_at,
        deleted=row.deleted,
        display_name=row.display_name,
        description=row.description,
        service=row.service_id,
        owners=row.owners,
        tags=row.tags,
        domain=row.domain,
        project=row.project,
        dashboard_type=row.dashboard_type
        or (DASHBOARD_KIND.defaults["dashboard_type"] if row.charts is not None else None),
        chart_type=row.chart_type,
        missing=[name for name, value in given.items() if not value],
        charts=charts,
        extension=[text for value in (row.extension or {}).values() for text in texts_in(value)],
    )
