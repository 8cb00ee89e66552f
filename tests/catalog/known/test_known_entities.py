"""What a batch knows of the charts that its assets refer to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model.commands import AssetName
from dashboard_catalog.catalog.model.ids import new_id
from dashboard_catalog.store.records import ChartRecord, EntityRecord


class LookedUp(dict[Any, Any]):
    """A mapping that nobody may walk through."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("walked through all charts")

    def items(self) -> Any:
        return iter(self)

    def values(self) -> Any:
        return iter(self)


def test_the_service_of_a_chart_is_looked_up() -> None:
    # A batch asks this for each chart that a limited writer takes away, and may know a hundred thousand charts.
    now = datetime.now(UTC)
    written: dict[str, Any] = {"change_number": 1, "updated_at": now, "updated_by": "ann", "call_id": ""}
    service = EntityRecord(id=new_id(), kind="bi_service", name="superset", fqn="superset", **written)
    chart = ChartRecord(id=new_id(), service_id=service.id, name="c1", by_ingestion=False, **written)
    known = KnownEntities()
    known.add(service)
    known.add_chart(chart)
    known._charts = LookedUp(known._charts)

    assert known.service_of_chart(chart.id) is service
    assert known.service_of_chart(new_id()) is None
    assert known.chart(AssetName("superset", "c1"))
