"""A stream recognizes unchanged items before it reads them; the only visible effect is speed."""

from tests.service.caller import Caller
from tests.service.ingesting import ingest

A = {"name": "d1", "displayName": "A", "charts": ["superset.c1"]}
B = A | {"displayName": "B"}


async def test_each_version_of_a_name_is_applied_to_the_one_before(superset: Caller) -> None:
    await ingest(superset, A)

    results = [(await ingest(superset, spec))[0] for spec in (A, B, A, A)]

    assert [result.outcome for result in results] == ["UNCHANGED", "UPDATED", "UPDATED", "UNCHANGED"]
    assert [result.version for result in results] == [0.1, 0.2, 0.3, 0.3]
    for version, name in ((0.1, "A"), (0.2, "B"), (0.3, "A")):
        read = await superset.get_dashboard(fully_qualified_name="superset.d1", version=version)
        assert read["dashboard"]["displayName"] == name


async def test_new_changed_refused_and_unchanged_items_can_share_a_chunk(superset: Caller) -> None:
    await ingest(superset, A, A | {"name": "d2"}, A | {"name": "d3"})

    results = await ingest(
        superset,
        A,
        B | {"name": "d2"},
        A | {"name": "d3", "charts": ["superset.nothing"]},
        A | {"name": "d4", "description": "x" * 100_001},
        A | {"name": "d5"},
        A,
    )

    assert [result.outcome for result in results] == [
        "UNCHANGED",
        "UPDATED",
        "FAILED",
        "FAILED",
        "CREATED",
        "UNCHANGED",
    ]
    assert results[2].refused == {"dashboard.charts[0]": "UNKNOWN_REFERENCE"}
    assert results[3].refused == {"dashboard.description": "TOO_LONG"}


async def test_names_that_no_database_accepts_are_refused_before_a_query(superset: Caller) -> None:
    await ingest(superset, A)

    results = await ingest(superset, A | {"name": "d\0"}, A | {"name": "d" * 257}, A | {"service": "s\0"}, A)

    assert [result.outcome for result in results] == ["FAILED", "FAILED", "FAILED", "UNCHANGED"]
    assert [list(result.refused) for result in results[:3]] == [
        ["dashboard.name"],
        ["dashboard.name"],
        ["dashboard.service"],
    ]


async def test_names_that_need_quotes_are_recognized_too(superset: Caller) -> None:
    specs = [A | {"name": name} for name in ("a.b", 'a"b', "a/b (c)", "é\u00a0f", "\u200d")]
    await ingest(superset, *specs)

    results = await ingest(superset, *specs)

    assert [result.outcome for result in results] == ["UNCHANGED"] * len(specs)


async def test_a_recognized_chart_can_be_referred_to_in_its_chunk(superset: Caller) -> None:
    chart = {"chart": {"name": "c9", "service": "superset"}}
    await superset.bulk([chart])

    bulk = await superset.bulk([chart, {"dashboard": {"service": "superset", **A, "charts": ["superset.c9"]}}])

    assert bulk.counts == {"created": 1, "unchanged": 1}
