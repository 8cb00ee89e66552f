"""The sweep of a session soft-deletes the assets of its BI service that it did not mention, unless a guard stops it."""

from typing import Any
from uuid import uuid4

import pytest

from tests.service.caller import Bulk, Caller, Json
from tests.service.streams import Stream


@pytest.fixture
async def bot(superset: Caller, bot: Caller) -> Caller:
    """The bot, in a catalog where it has loaded charts n0 to n9 and dashboards d0 to d9, one chart per dashboard."""
    await superset.upsert_entity(entity={"biService": {"name": "tableau", "serviceType": "Tableau"}})
    loaded = await bot.bulk(_charts(range(10)), _dashboards(range(10)))
    assert loaded.counts == {"created": 20}
    return bot


def _charts(numbers: Any) -> list[Json]:
    return [{"chart": {"name": f"n{number}", "service": "tableau"}} for number in numbers]


def _dashboards(numbers: Any) -> list[Json]:
    return [
        {"dashboard": {"name": f"d{number}", "service": "tableau", "charts": [f"tableau.n{number}"]}}
        for number in numbers
    ]


async def _sweep(caller: Caller, *chunks: list[Json], percent: int | None = None, **options: Any) -> Bulk:
    sweep = {} if percent is None else {"maxDeletedPercent": percent}
    stream_options = {"sessionId": str(uuid4()), "service": "tableau", "sweep": sweep, **options}
    return await caller.bulk(*chunks or [[]], options=stream_options, finish={"totalItems": sum(map(len, chunks))})


async def _live(caller: Caller) -> tuple[list[str], list[str]]:
    dashboards = await caller.list_dashboards(service="tableau", name_prefix="d")
    charts = await caller.list_charts(service="tableau", name_prefix="n")
    return (
        [each["name"] for each in dashboards.get("dashboards", [])],
        [each["name"] for each in charts.get("charts", [])],
    )


def _names(prefix: str, numbers: Any) -> list[str]:
    return sorted(f"{prefix}{number}" for number in numbers)


async def test_unmentioned_assets_are_deleted_and_restored_by_the_next_load(bot: Caller) -> None:
    swept = await _sweep(bot, _charts(range(8)), _dashboards(range(8)))

    assert swept.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE"
    assert int(swept.summary["sweep"]["deleted"]) == 4
    assert await _live(bot) == (_names("d", range(8)), _names("n", range(8)))

    again = await bot.bulk(_charts(range(10)), _dashboards(range(10)))
    assert again.counts == {"unchanged": 16, "restored": 4}


async def test_a_kind_without_any_mentioned_asset_is_not_swept(bot: Caller) -> None:
    swept = await _sweep(bot, _charts(range(8)))

    # The source no longer has the charts of live dashboards; the load did not include dashboards.
    assert int(swept.summary["sweep"]["deleted"]) == 2
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(8)))


async def test_charts_of_a_swept_dashboard_are_deleted_with_it_unless_mentioned(bot: Caller) -> None:
    swept = await _sweep(bot, _dashboards(range(8)))

    assert int(swept.summary["sweep"]["deleted"]) == 2
    assert await _live(bot) == (_names("d", range(8)), _names("n", range(8)))

    await bot.bulk(_charts(range(10)), _dashboards(range(10)))
    await _sweep(bot, _charts(range(10)), _dashboards(range(8)))
    assert await _live(bot) == (_names("d", range(8)), _names("n", range(10)))


async def test_a_chart_that_several_swept_dashboards_hold_goes_along_with_the_last_one_by_name(
    superset: Caller, bot: Caller
) -> None:
    charts = [{"chart": {"name": "n20", "service": "tableau"}}]
    dashboards = [
        {"dashboard": {"name": name, "service": "tableau", "charts": ["tableau.n20"]}} for name in ("dz", "dy", "dx")
    ]
    await bot.bulk(charts, dashboards)
    swept = await _sweep(bot, _dashboards(range(10)))
    assert int(swept.summary["sweep"]["deleted"]) == 3
    for name, restores in (("dx", False), ("dy", False), ("dz", True)):
        await superset.restore_dashboard(fully_qualified_name=f"tableau.{name}")
        assert ("n20" in (await _live(bot))[1]) is restores


@pytest.mark.parametrize("override", [False, True])
async def test_charts_that_only_dashboards_mention_stay_even_in_unchanged_and_refused_ones(
    bot: Caller, admin: Caller, override: bool
) -> None:
    changed = {"dashboard": {**_dashboards([2])[0]["dashboard"], "displayName": "Two"}}
    refused = {"dashboard": {**_dashboards([3])[0]["dashboard"], "domain": "a..b"}}
    dashboards = [*_dashboards([1]), changed, refused, *_dashboards(range(4, 10))]

    swept = await _sweep(admin if override else bot, _charts([0]), dashboards, overrideMetadata=override)

    assert swept.counts == {"updated": 1, "unchanged": 8, "failed": 1}
    # The chart of the dashboard that was not mentioned.
    assert int(swept.summary["sweep"]["deleted"]) == 1
    assert await _live(bot) == (_names("d", range(1, 10)), _names("n", range(10)))


async def test_an_empty_session_deletes_nothing(bot: Caller) -> None:
    swept = await _sweep(bot)

    assert swept.summary["sweep"] == {"outcome": "SWEEP_OUTCOME_EMPTY_SESSION"}
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(10)))


async def test_a_source_that_lost_most_of_its_dashboards_trips_the_guard(bot: Caller) -> None:
    swept = await _sweep(bot, _charts(range(10)), _dashboards(range(4)))

    sweep = swept.summary["sweep"]
    assert (sweep["outcome"], sweep["wouldDelete"]) == ("SWEEP_OUTCOME_TOO_MANY", "6")
    assert sorted(sweep["sample"]) == [f"tableau.d{number}" for number in range(4, 10)]
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(10)))

    allowed = await _sweep(bot, _charts(range(10)), _dashboards(range(4)), percent=60)
    assert allowed.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE"


async def test_an_item_with_an_unreadable_name_trips_the_guard_and_a_failed_item_is_mentioned(
    bot: Caller,
) -> None:
    failed: Json = {"dashboard": {"name": "d9", "service": "tableau", "tags": [{"tagFQN": "no.such"}]}}
    unreadable: Json = {"dashboard": {"name": "", "service": "tableau"}}

    swept = await _sweep(bot, [*_dashboards(range(9)), failed])
    refused = await _sweep(bot, [*_dashboards(range(9)), unreadable])

    assert swept.summary["sweep"] == {"outcome": "SWEEP_OUTCOME_DONE"}
    assert refused.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_UNREADABLE_ITEM"
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(10)))


async def test_assets_that_people_created_or_that_changed_during_the_session_stay(bot: Caller, steward: Caller) -> None:
    await steward.create_dashboard(dashboard={"name": "d-by-hand", "service": "tableau"})
    async with Stream(bot) as stream:
        stream_options = {"sessionId": str(uuid4()), "service": "tableau", "sweep": {}}
        await stream.send(*_dashboards(range(8)), options=stream_options)
        await stream.read_until(8)
        await steward.update_dashboard(
            fully_qualified_name="tableau.d9", dashboard={"displayName": "Nine"}, update_mask="displayName"
        )
        await stream.send(finish={"totalItems": 8})
        swept = await stream.end()

    assert int(swept.summary["sweep"]["deleted"]) == 1
    assert (await _live(bot))[0] == ["d-by-hand", *_names("d", range(8)), "d9"]


async def test_a_preview_shows_what_would_be_deleted(bot: Caller) -> None:
    swept = await _sweep(bot, _charts(range(8)), _dashboards(range(8)), validateOnly=True)

    sweep = swept.summary["sweep"]
    assert (sweep["outcome"], sweep["wouldDelete"]) == ("SWEEP_OUTCOME_PREVIEWED", "4")
    assert sorted(sweep["sample"]) == ["tableau.d8", "tableau.d9", "tableau.n8", "tableau.n9"]
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(10)))


async def test_a_sweep_needs_a_total_a_service_and_permission_for_it(bot: Caller, steward: Caller) -> None:
    options: Json = {"service": "tableau", "sweep": {}}

    without_total = await bot.bulk(_dashboards(range(10)), options=options)
    wrong_total = await bot.bulk(_dashboards(range(10)), options=options, finish={"totalItems": 9})
    without_service = await bot.bulk(_dashboards(range(10)), options={"sweep": {}})
    without_right = await steward.bulk(_dashboards(range(10)), options=options)

    assert without_total.refused is not None
    assert without_total.refused.violations == {"finish.total_items": "REQUIRED"}
    assert wrong_total.refused is not None
    assert wrong_total.refused.violations == {"finish.total_items": "INVALID_VALUE"}
    assert without_service.refused is not None
    assert without_service.refused.violations == {"options.service": "REQUIRED"}
    assert without_right.refused is not None
    assert without_right.refused.metadata["action"] == "sweep"


async def test_one_session_at_a_time_sweeps_a_service(bot: Caller) -> None:
    async with Stream(bot) as stream:
        stream_options = {"sessionId": str(uuid4()), "service": "tableau", "sweep": {}}
        await stream.send(*_dashboards(range(10)), options=stream_options)
        await stream.read_until(10)
        second = await _sweep(bot, _dashboards(range(10)))
        await stream.send(finish={"totalItems": 10})
        first = await stream.end()

    assert second.refused is not None
    assert (second.refused.code, second.refused.reason) == ("FAILED_PRECONDITION", "SWEEP_IN_PROGRESS")
    assert first.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE"


async def test_a_resumed_session_sweeps_correctly_and_only_once(bot: Caller) -> None:
    stream_options: Json = {"sessionId": str(uuid4()), "service": "tableau", "sweep": {}}
    async with Stream(bot) as broken:
        await broken.send(*_dashboards(range(4)), options=stream_options)
        await broken.read_until(4)
        broken.call.cancel()

    rest: Json = {"items": _dashboards(range(4, 8)), "offset": 4}
    swept = await bot.bulk(rest, options=stream_options, finish={"totalItems": 8})
    await bot.bulk(_dashboards(range(10)))
    again = await bot.bulk(rest, options=stream_options, finish={"totalItems": 8})

    assert int(swept.summary["sweep"]["deleted"]) == 2
    assert again.summary == swept.summary
    assert (await _live(bot))[0] == _names("d", range(10))
