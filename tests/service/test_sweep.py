"""The sweep of a session: what it did not mention in its BI service is soft-deleted, unless a guard trips."""

from typing import Any
from uuid import uuid4

import pytest

from tests.service.caller import Bulk, Caller, Json
from tests.service.streams import Stream


@pytest.fixture
async def bot(superset: Caller, bot: Caller) -> Caller:
    """The bot, in a catalog where it has loaded charts n0 to n9 and dashboards d0 to d9, each with one of them."""
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
    told = {"sessionId": str(uuid4()), "service": "tableau", "sweep": sweep, **options}
    return await caller.bulk(*chunks or [[]], options=told, finish={"totalItems": sum(map(len, chunks))})


async def _live(caller: Caller) -> tuple[list[str], list[str]]:
    dashboards = await caller.list_dashboards(service="tableau", name_prefix="d")
    charts = await caller.list_charts(service="tableau", name_prefix="n")
    return (
        [each["name"] for each in dashboards.get("dashboards", [])],
        [each["name"] for each in charts.get("charts", [])],
    )


def _names(prefix: str, numbers: Any) -> list[str]:
    return sorted(f"{prefix}{number}" for number in numbers)


async def test_what_was_not_mentioned_is_deleted_and_comes_back_with_the_next_load(bot: Caller) -> None:
    swept = await _sweep(bot, _charts(range(8)), _dashboards(range(8)))

    assert swept.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE"
    assert int(swept.summary["sweep"]["deleted"]) == 4
    assert await _live(bot) == (_names("d", range(8)), _names("n", range(8)))

    again = await bot.bulk(_charts(range(10)), _dashboards(range(10)))
    assert again.counts == {"unchanged": 16, "restored": 4}


async def test_a_kind_of_which_nothing_was_mentioned_is_not_swept(bot: Caller) -> None:
    swept = await _sweep(bot, _charts(range(8)))

    # The charts of live dashboards are gone from the source; the dashboards were not part of the load.
    assert int(swept.summary["sweep"]["deleted"]) == 2
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(8)))


async def test_the_charts_of_a_swept_dashboard_go_along_unless_mentioned(bot: Caller) -> None:
    swept = await _sweep(bot, _dashboards(range(8)))

    assert int(swept.summary["sweep"]["deleted"]) == 2
    assert await _live(bot) == (_names("d", range(8)), _names("n", range(8)))

    await bot.bulk(_charts(range(10)), _dashboards(range(10)))
    await _sweep(bot, _charts(range(10)), _dashboards(range(8)))
    assert await _live(bot) == (_names("d", range(8)), _names("n", range(10)))


@pytest.mark.parametrize("override", [False, True])
async def test_charts_stay_that_only_dashboards_mention_also_unchanged_and_refused_ones(
    bot: Caller, admin: Caller, override: bool
) -> None:
    changed = {"dashboard": {**_dashboards([2])[0]["dashboard"], "displayName": "Two"}}
    refused = {"dashboard": {**_dashboards([3])[0]["dashboard"], "domain": "a..b"}}
    dashboards = [*_dashboards([1]), changed, refused, *_dashboards(range(4, 10))]

    swept = await _sweep(admin if override else bot, _charts([0]), dashboards, overrideMetadata=override)

    assert swept.counts == {"updated": 1, "unchanged": 8, "failed": 1}
    # Of the dashboard that was not mentioned.
    assert int(swept.summary["sweep"]["deleted"]) == 1
    assert await _live(bot) == (_names("d", range(1, 10)), _names("n", range(10)))


async def test_an_empty_session_deletes_nothing(bot: Caller) -> None:
    swept = await _sweep(bot)

    assert swept.summary["sweep"] == {"outcome": "SWEEP_OUTCOME_EMPTY_SESSION"}
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(10)))


async def test_a_source_that_lost_most_of_its_dashboards_trips_the_guard(bot: Caller) -> None:
    swept = await _sweep(bot, _charts(range(10)), _dashboards(range(4)))

    told = swept.summary["sweep"]
    assert (told["outcome"], told["wouldDelete"]) == ("SWEEP_OUTCOME_TOO_MANY", "6")
    assert sorted(told["sample"]) == [f"tableau.d{number}" for number in range(4, 10)]
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(10)))

    allowed = await _sweep(bot, _charts(range(10)), _dashboards(range(4)), percent=60)
    assert allowed.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE"


async def test_an_item_whose_name_cannot_be_read_trips_the_guard_and_a_failed_one_counts_as_mentioned(
    bot: Caller,
) -> None:
    failed: Json = {"dashboard": {"name": "d9", "service": "tableau", "tags": [{"tagFQN": "no.such"}]}}
    unreadable: Json = {"dashboard": {"name": "", "service": "tableau"}}

    swept = await _sweep(bot, [*_dashboards(range(9)), failed])
    refused = await _sweep(bot, [*_dashboards(range(9)), unreadable])

    assert swept.summary["sweep"] == {"outcome": "SWEEP_OUTCOME_DONE"}
    assert refused.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_UNREADABLE_ITEM"
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(10)))


async def test_what_people_made_and_what_changed_since_the_session_began_stays(bot: Caller, steward: Caller) -> None:
    await steward.create_dashboard(dashboard={"name": "d-by-hand", "service": "tableau"})
    async with Stream(bot) as stream:
        told = {"sessionId": str(uuid4()), "service": "tableau", "sweep": {}}
        await stream.send(*_dashboards(range(8)), options=told)
        await stream.read_until(8)
        await steward.update_dashboard(
            fully_qualified_name="tableau.d9", dashboard={"displayName": "Nine"}, update_mask="displayName"
        )
        await stream.send(finish={"totalItems": 8})
        swept = await stream.end()

    assert int(swept.summary["sweep"]["deleted"]) == 1
    assert (await _live(bot))[0] == ["d-by-hand", *_names("d", range(8)), "d9"]


async def test_a_preview_shows_what_would_go(bot: Caller) -> None:
    swept = await _sweep(bot, _charts(range(8)), _dashboards(range(8)), validateOnly=True)

    told = swept.summary["sweep"]
    assert (told["outcome"], told["wouldDelete"]) == ("SWEEP_OUTCOME_PREVIEWED", "4")
    assert sorted(told["sample"]) == ["tableau.d8", "tableau.d9", "tableau.n8", "tableau.n9"]
    assert await _live(bot) == (_names("d", range(10)), _names("n", range(10)))


async def test_a_sweep_needs_its_total_its_service_and_the_right_to_it(bot: Caller, steward: Caller) -> None:
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


async def test_one_session_sweeps_a_service_at_a_time(bot: Caller) -> None:
    async with Stream(bot) as stream:
        told = {"sessionId": str(uuid4()), "service": "tableau", "sweep": {}}
        await stream.send(*_dashboards(range(10)), options=told)
        await stream.read_until(10)
        second = await _sweep(bot, _dashboards(range(10)))
        await stream.send(finish={"totalItems": 10})
        first = await stream.end()

    assert second.refused is not None
    assert (second.refused.code, second.refused.reason) == ("FAILED_PRECONDITION", "SWEEP_IN_PROGRESS")
    assert first.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE"


async def test_a_session_that_broke_sweeps_right_when_resumed_and_only_once(bot: Caller) -> None:
    told: Json = {"sessionId": str(uuid4()), "service": "tableau", "sweep": {}}
    async with Stream(bot) as broken:
        await broken.send(*_dashboards(range(4)), options=told)
        await broken.read_until(4)
        broken.call.cancel()

    rest: Json = {"items": _dashboards(range(4, 8)), "offset": 4}
    swept = await bot.bulk(rest, options=told, finish={"totalItems": 8})
    await bot.bulk(_dashboards(range(10)))
    again = await bot.bulk(rest, options=told, finish={"totalItems": 8})

    assert int(swept.summary["sweep"]["deleted"]) == 2
    assert again.summary == swept.summary
    assert (await _live(bot))[0] == _names("d", range(10))
