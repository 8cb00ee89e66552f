"""What a stream brings unchanged is recognised before it is read; nothing of that shows but the speed."""

from tests.service.caller import Caller
from tests.service.ingesting import ingest

A = {"name": "d1", "displayName": "A", "charts": ["superset.c1"]}
B = A | {"displayName": "B"}


async def test_of_a_name_that_comes_in_two_ways_each_is_applied_to_what_the_one_before_left(superset: Caller) -> None:
    await ingest(superset, A)

    told = await ingest(superset, A, B, A, A)

    assert [one.outcome for one in told] == ["UNCHANGED", "UPDATED", "UPDATED", "UNCHANGED"]
    assert [one.version for one in told] == [0.1, 0.2, 0.3, 0.3]
    for version, name in ((0.1, "A"), (0.2, "B"), (0.3, "A")):
        read = await superset.get_dashboard(fully_qualified_name="superset.d1", version=version)
        assert read["dashboard"]["displayName"] == name


async def test_what_is_new_changed_refused_and_unchanged_stand_beside_each_other(superset: Caller) -> None:
    await ingest(superset, A, A | {"name": "d2"}, A | {"name": "d3"})

    told = await ingest(
        superset,
        A,
        B | {"name": "d2"},
        A | {"name": "d3", "charts": ["superset.nothing"]},
        A | {"name": "d4", "description": "x" * 100_001},
        A | {"name": "d5"},
        A,
    )

    assert [one.outcome for one in told] == ["UNCHANGED", "UPDATED", "FAILED", "FAILED", "CREATED", "UNCHANGED"]
    assert told[2].refused == {"dashboard.charts[0]": "UNKNOWN_REFERENCE"}
    assert told[3].refused == {"dashboard.description": "TOO_LONG"}


async def test_names_that_no_database_takes_are_refused_before_any_is_asked(superset: Caller) -> None:
    await ingest(superset, A)

    told = await ingest(superset, A | {"name": "d\0"}, A | {"name": "d" * 257}, A | {"service": "s\0"}, A)

    assert [one.outcome for one in told] == ["FAILED", "FAILED", "FAILED", "UNCHANGED"]
    assert [list(one.refused) for one in told[:3]] == [["dashboard.name"], ["dashboard.name"], ["dashboard.service"]]


async def test_names_that_must_be_quoted_are_recognised_too(superset: Caller) -> None:
    specs = [A | {"name": name} for name in ("a.b", 'a"b', "a/b (c)", "é\u00a0f", "\u200d")]
    await ingest(superset, *specs)

    told = await ingest(superset, *specs)

    assert [one.outcome for one in told] == ["UNCHANGED"] * len(specs)


async def test_a_chart_that_was_recognised_can_be_referred_to_in_its_chunk(superset: Caller) -> None:
    chart = {"chart": {"name": "c9", "service": "superset"}}
    await superset.bulk([chart])

    bulk = await superset.bulk([chart, {"dashboard": {"service": "superset", **A, "charts": ["superset.c9"]}}])

    assert bulk.counts == {"created": 1, "unchanged": 1}
