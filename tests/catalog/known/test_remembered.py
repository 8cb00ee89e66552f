"""What counts as remembered, and how much is."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from dashboard_catalog.catalog.known import remembered
from dashboard_catalog.catalog.known.assumed import KnownChart
from dashboard_catalog.catalog.known.remembered import Remembered
from dashboard_catalog.catalog.model.commands import AssetName
from dashboard_catalog.catalog.model.ids import new_id
from dashboard_catalog.store.records import EntityRecord

SERVICE = UUID(int=1)


def _charts(*names: str, deleted: bool = False) -> dict[str, KnownChart]:
    return {name: KnownChart(new_id(), None, deleted, deleted_by_edit=False) for name in names}


def _keep(one: Remembered, states: tuple[int, int], service: UUID = SERVICE, **charts: dict[str, KnownChart]) -> None:
    written, read = charts.get("written", {}), charts.get("read", {})
    one.keep(service, states, written, read, has_no_former_names=True)


def _known(one: Remembered, state: int, *names: str) -> list[KnownChart | None]:
    service = one.service(SERVICE, state)
    keys = [AssetName("superset", name) for name in names]
    return service.charts(keys) if service else []


def _tag(**attributes: Any) -> EntityRecord:
    written: dict[str, Any] = {"change_number": 1, "updated_at": datetime.now(UTC), "updated_by": "ann", "call_id": ""}
    return EntityRecord(id=new_id(), kind="tag", name="t", fqn="c.t", attributes=attributes, **written)


def test_charts_count_only_in_the_state_that_left_them() -> None:
    one, charts = Remembered(), _charts("a", "b", "c")
    _keep(one, (3, 5), written=charts)

    assert _known(one, 5, *charts) == list(charts.values())
    assert one.service(SERVICE, 4) is one.service(SERVICE, 6) is one.service(UUID(int=2), 5) is None

    # Another transaction goes on from there.
    later = _charts("d")
    _keep(one, (5, 8), written=later | _charts("b", deleted=True))
    assert _known(one, 8, "a", "b", "d") == [charts["a"], None, later["d"]]

    # Another process has written in between.
    _keep(one, (9, 9), read=later)
    assert _known(one, 9, "a", "d") == [None, later["d"]]


@pytest.mark.parametrize("kind", ["written", "read"])
def test_charts_are_remembered_with_display_names_that_take_little_memory(kind: str) -> None:
    one = Remembered()
    texts = {"none": None, "empty": "", "short": "Ünsere Gäste", "long": "x" * 10_000}
    charts = {name: KnownChart(new_id(), text, False, False) for name, text in texts.items()}
    none: dict[str, KnownChart] = {}
    one.keep(SERVICE, (3, 5), **{"written": none, "read": none, kind: charts}, has_no_former_names=True)
    assert _known(one, 5, *charts) == [charts["none"], charts["empty"], charts["short"], None]

    # One that gets a long display name must not keep the one before.
    _keep(one, (5, 6), written={"short": charts["short"]._replace(display_name="x" * 10_000)})
    assert _known(one, 6, "short") == [None]


def test_entities_count_only_in_the_state_in_which_they_were_read() -> None:
    one, tag = Remembered(), _tag()
    one.entities(7).add([tag])

    assert one.entities(7).recall([tag.id]) == ([tag], [])
    assert one.entities(8).recall([tag.id]) == ([], [tag.id])
    assert one.entities(7).recall([tag.id]) == ([], [tag.id])


def test_a_process_remembers_only_so_many_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MAX_CHARTS", 10)
    one = Remembered()
    names = [f"c{number}" for number in range(40)]
    for number, name in enumerate(names):
        _keep(one, (number, number + 1), written=_charts(name), read=_charts(f"read{number}"))
        service = one.service(SERVICE, number + 1)
        assert service is not None
        assert service.size <= 11

    # The newest are there, and what was only read does not push them out.
    assert all(_known(one, 40, *names[-5:]))
    assert not any(_known(one, 40, *names[:-12]))

    for other in range(2, 6):
        _keep(one, (0, 1), UUID(int=other), written=_charts(*map(str, range(4))))
    assert one.service(SERVICE, 40) is None
    assert one.service(UUID(int=5), 1)


def test_large_entities_are_not_remembered_and_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_MAX_ENTITIES", 2)
    known = Remembered().entities(1)
    large, *small = _tag(config={"values": ["x" * 3_000]}), _tag(), _tag(), _tag()
    for tag in (large, *small):
        known.add([tag])

    assert known.recall([large.id, *(tag.id for tag in small)]) == (small[:2], [large.id, small[2].id])
