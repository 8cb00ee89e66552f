"""BulkUpsert as a protocol: how a stream begins and ends, its offsets and limits, and what a broken stream leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from google.protobuf import json_format
from sqlalchemy import text
from structlog.testing import capture_logs

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.store.database import Database
from dashboardcatalog.v1 import bulk_pb2
from tests.patience import for_some_lifetime
from tests.service.caller import Bulk, Caller, Json, Refused, Service
from tests.service.servers import running
from tests.service.streams import Stream

pytestmark = pytest.mark.usefixtures("superset")
# For rules that do not depend on the database.
ONCE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _chart(name: str, **fields: Any) -> Json:
    return {"chart": {"name": name, "service": "superset", **fields}}


def _charts(first: int, count: int) -> list[Json]:
    return [_chart(f"n{number}") for number in range(first, first + count)]


async def _names(caller: Caller) -> list[str]:
    found = await caller.list_charts(service="superset", name_prefix="n", page_size=1_000)
    return [chart["name"] for chart in found.get("charts", [])]


def _refused(bulk: Bulk) -> Refused:
    assert bulk.refused is not None
    assert not bulk.summary
    return bulk.refused


async def test_a_stream_needs_only_items(bot: Caller) -> None:
    async with Stream(bot) as stream:
        await stream.send(*_charts(0, 2))
        started = (await stream.read())["started"]
        assert UUID(started["sessionId"]).version == 4
        assert "nextOffset" not in started
        assert started["limits"] == {
            "maxMessageBytes": 4 * 1024 * 1024,
            "maxMessageItems": 1_000,
            "maxItemBytes": 512 * 1024,
            "sessionSeconds": str(7 * 24 * 3_600),
        }
        assert (await stream.read()) == {"progress": {"nextOffset": "2"}}
        bulk = await stream.end()
    assert bulk.summary["created"] == "2"
    assert bulk.refused is None
    assert await _names(bot) == ["n0", "n1"]


@ONCE
async def test_started_is_sent_after_the_first_message_whatever_it_contains(bot: Caller) -> None:
    firsts: list[Json] = [{"options": {"resultView": "RESULT_VIEW_ALL"}}, {"finish": {}}, {}]
    for first in firsts:
        async with Stream(bot) as stream:
            await stream.send(**first)
            assert "started" in await stream.read()
            bulk = await stream.end()
        assert bulk.refused is None
        assert bulk.counts == {}


@ONCE
async def test_a_stream_without_messages_returns_a_summary(bot: Caller) -> None:
    async with Stream(bot) as stream:
        bulk = await stream.end()

    assert bulk.refused is None
    assert "limits" in bulk.started
    assert bulk.counts == {}


async def test_finish_states_the_number_of_items_in_the_whole_stream(bot: Caller) -> None:
    fits = [
        await bot.bulk(_charts(0, 2), _charts(2, 1), finish={"totalItems": "3"}),
        await bot.bulk({"items": _charts(0, 2), "finish": {"totalItems": 2}}),
        await bot.bulk(_charts(0, 2), finish={}),
    ]
    assert [(bulk.refused, sum(bulk.counts.values())) for bulk in fits] == [(None, 3), (None, 2), (None, 2)]

    for total in (2, 4, -1):
        bulk = await bot.bulk(_charts(0, 2), _charts(2, 1), finish={"totalItems": total})
        refused = _refused(bulk)
        assert (refused.code, refused.violations) == ("INVALID_ARGUMENT", {"finish.total_items": "INVALID_VALUE"})
        # Applied items are still acknowledged.
        assert bulk.offsets[-1] == 3


@ONCE
async def test_a_message_after_finish_is_refused(bot: Caller) -> None:
    bulk = await bot.bulk(_charts(0, 1), {"finish": {}}, _charts(1, 1))

    refused = _refused(bulk)
    assert (refused.code, refused.violations) == ("INVALID_ARGUMENT", {"finish": "INVALID_VALUE"})
    assert await _names(bot) == ["n0"]


@ONCE
async def test_options_are_allowed_in_the_first_message_only(bot: Caller) -> None:
    bulk = await bot.bulk(_charts(0, 1), {"items": _charts(1, 1), "options": {}}, _charts(2, 1))

    refused = _refused(bulk)
    assert (refused.code, refused.violations) == ("INVALID_ARGUMENT", {"options": "INVALID_VALUE"})
    assert await _names(bot) == ["n0"]


@ONCE
async def test_options_are_checked_before_anything_is_written(bot: Caller) -> None:
    cases: list[tuple[Json, str, Json, Json]] = [
        ({"sweep": {}}, "INVALID_ARGUMENT", {"violations": "1"}, {"options.service": "REQUIRED"}),
        ({"sessionId": "mine"}, "INVALID_ARGUMENT", {"violations": "1"}, {"options.session_id": "INVALID_FORMAT"}),
        (
            {"service": "superset", "sweep": {"maxDeletedPercent": 101}, "maxFailures": 10_001},
            "INVALID_ARGUMENT",
            {"violations": "2"},
            {"options.sweep.max_deleted_percent": "OUT_OF_RANGE", "options.max_failures": "OUT_OF_RANGE"},
        ),
        ({"maxFailures": -1}, "INVALID_ARGUMENT", {"violations": "1"}, {"options.max_failures": "OUT_OF_RANGE"}),
        ({"service": "a..b"}, "INVALID_ARGUMENT", {"violations": "1"}, {"options.service": "INVALID_FORMAT"}),
        ({"resultView": 3}, "INVALID_ARGUMENT", {"violations": "1"}, {"options.result_view": "INVALID_VALUE"}),
    ]
    for options, code, metadata, violations in cases:
        bulk = await bot.bulk(_charts(0, 1), options=options)
        refused = _refused(bulk)
        assert (refused.code, refused.metadata, refused.violations) == (code, metadata, violations)
        assert bulk.offsets == []
    assert await _names(bot) == []


@ONCE
async def test_a_service_in_the_options_does_not_restrict_items(bot: Caller) -> None:
    bulk = await bot.bulk([{"chart": {"name": "n", "service": "looker"}}], options={"service": "superset"})

    assert bulk.counts == {"created": 1}


async def test_a_gap_is_out_of_range_and_the_error_says_where_to_continue(bot: Caller) -> None:
    first = await bot.bulk({"items": _charts(0, 1), "offset": 1})
    later = await bot.bulk(_charts(0, 2), {"items": _charts(3, 1), "offset": 3})

    assert (_refused(first).code, _refused(first).metadata) == ("OUT_OF_RANGE", {"next_offset": "0"})
    assert (_refused(later).code, _refused(later).metadata) == ("OUT_OF_RANGE", {"next_offset": "2"})
    assert first.started
    assert later.offsets[-1] == 2
    assert await _names(bot) == ["n0", "n1"]


@ONCE
async def test_a_negative_offset_is_refused(bot: Caller) -> None:
    refused = _refused(await bot.bulk({"items": _charts(0, 1), "offset": -1}))

    assert (refused.code, refused.violations) == ("INVALID_ARGUMENT", {"offset": "OUT_OF_RANGE"})
    assert await _names(bot) == []


async def test_a_repeated_offset_is_acknowledged_and_only_new_items_of_an_overlap_are_written(bot: Caller) -> None:
    changed = [_chart(f"n{number}", displayName="again") for number in range(4)]
    async with Stream(bot) as stream:
        await stream.send(*_charts(0, 2), options={"resultView": "RESULT_VIEW_ALL"})
        await stream.read_until(2)
        await stream.send(*changed[:2], offset=0)
        below = (await stream.read())["progress"]
        await stream.send(*changed[1:], offset=1)
        overlap = (await stream.read())["progress"]
        await stream.send(_chart("n4"))
        bulk = await stream.end()

    assert below == {"nextOffset": "2"}
    assert [int(result["offset"]) for result in overlap["results"]] == [2, 3]
    assert overlap["nextOffset"] == "4"
    assert [int(result["offset"]) for result in bulk.results] == [4]
    assert bulk.counts == {"created": 5}
    shown = (await bot.list_charts(service="superset", name_prefix="n"))["charts"]
    assert [chart.get("displayName") for chart in shown] == [None, None, "again", "again", None]


@ONCE
async def test_a_message_holds_at_most_1000_items(bot: Caller) -> None:
    bulk = await bot.bulk(_charts(0, 1_000), _charts(1_000, 1_001))

    refused = _refused(bulk)
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    assert refused.metadata == {"limit": "1000", "size": "1001"}
    assert refused.details["QuotaFailure"]["violations"]
    assert bulk.offsets[-1] == 1_000
    assert len(await _names(bot)) == 1_000


@ONCE
async def test_a_message_has_at_most_4_mib(bot: Caller) -> None:
    large = [_chart(f"n{number}", description="x" * 100_000) for number in range(1, 50)]
    bulk = await bot.bulk(_charts(0, 1), large)

    refused = _refused(bulk)
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    assert refused.metadata["limit"] == str(4 * 1024 * 1024)
    assert await _names(bot) == ["n0"]


@ONCE
async def test_bytes_that_are_not_a_message_end_the_stream(service: Service, bot: Caller) -> None:
    chunk = json_format.ParseDict({"items": _charts(0, 1)}, bulk_pb2.BulkUpsertRequest())

    async def sent() -> AsyncIterator[bytes]:
        yield chunk.SerializeToString()
        yield b"\xff\xff"

    method: Any = service._channel.stream_stream(
        "/dashboardcatalog.v1.DashboardService/BulkUpsert",
        response_deserializer=bulk_pb2.BulkUpsertResponse.FromString,
    )
    async with Stream(bot) as stream:
        stream.call = method(sent(), metadata=bot.metadata)
        bulk = await stream.rest()

    assert (_refused(bulk).code, _refused(bulk).reason) == ("INVALID_ARGUMENT", "MALFORMED_REQUEST")
    assert bulk.offsets == [1]
    assert await _names(bot) == ["n0"]


async def test_past_max_failures_the_chunk_commits_and_a_summary_comes_before_the_end(bot: Caller) -> None:
    chunk = [_chart(""), _chart("n0"), _chart("")]
    for most in (0, 1):
        bulk = await bot.bulk(chunk, _charts(1, 1), options={"maxFailures": most})

        assert bulk.refused is not None
        assert (bulk.refused.code, bulk.refused.reason) == ("FAILED_PRECONDITION", "TOO_MANY_FAILURES")
        assert bulk.refused.metadata == {"failed": "2"}
        assert bulk.refused.details["PreconditionFailure"]["violations"][0]["type"] == "TOO_MANY_FAILURES"
        assert sorted(bulk.failures) == [0, 2]
        assert (bulk.counts["failed"], bulk.offsets[-1]) == (2, 3)
        assert await _names(bot) == ["n0"]

    within = await bot.bulk(chunk, _charts(1, 1), options={"maxFailures": 2})
    assert (within.refused, within.counts) == (None, {"created": 1, "unchanged": 1, "failed": 2})


@ONCE
async def test_a_stream_ends_past_10000_failures_by_default(bot: Caller) -> None:
    async with Stream(bot) as stream:
        for _ in range(10):
            await stream.send(*[{}] * 1_000)
        await stream.read_until(10_000)
        await stream.send({})
        # The client gets the error without sending anything else.
        bulk = await stream.rest()

    assert bulk.refused is not None
    assert (bulk.refused.reason, bulk.refused.metadata) == ("TOO_MANY_FAILURES", {"failed": "10001"})
    assert bulk.counts == {"failed": 10_001}


async def test_acknowledged_items_stay_when_the_client_disconnects(bot: Caller) -> None:
    async with Stream(bot) as stream:
        await stream.send(*_charts(0, 500))
        await stream.read_until(500)
        await stream.send(*_charts(500, 500))
    # The second chunk was on its way at the cancellation: it is stored whole or not at all.
    await bot.bulk([_chart("after")])
    assert len(await _names(bot)) in (500, 1_000)


async def test_clients_that_disconnect_at_any_time_leave_whole_chunks_and_a_working_server(
    service: Service, bot: Caller
) -> None:
    async def break_off(first: int, seconds: float) -> None:
        async with Stream(bot) as stream:
            for chunk in range(4):
                await stream.send(*_charts(first + chunk * 50, 50))
            await asyncio.sleep(seconds)

    for turn, seconds in enumerate((0, 0.005, 0.02, 0.06)):
        firsts = range(turn * 1_000, (turn + 1) * 1_000, 200)
        await asyncio.gather(*[break_off(first, seconds) for first in firsts])
        assert (await bot.bulk([_chart(f"last{turn}")])).counts == {"created": 1}

    async with service.database.read() as connection:
        names = set((await connection.execute(text("SELECT name FROM chart WHERE name LIKE 'n%'"))).scalars())
    chunks = [{f"n{number}" for number in range(first, first + 50)} for first in range(0, 4_000, 50)]
    assert all(chunk <= names or not chunk & names for chunk in chunks)


@for_some_lifetime
async def test_an_expiring_token_ends_the_stream_and_earlier_items_stay(service: Service, lifetime: float) -> None:
    token = issue_token(service.key, "loader", ["ingestion_bot"], lifetime=timedelta(seconds=lifetime))
    caller = Caller(service._channel, token)
    async with Stream(caller) as stream:
        await stream.send(*_charts(0, 1))
        await stream.read_until(1)
        await asyncio.sleep(lifetime)
        # The stream has already ended, although nothing was sent meanwhile.
        with suppress(asyncio.InvalidStateError):
            await stream.send(*_charts(1, 1))
        bulk = await stream.rest()

    assert (_refused(bulk).code, _refused(bulk).reason) == ("UNAUTHENTICATED", "TOKEN_EXPIRED")
    assert await _names(service.caller("loader", "ingestion_bot")) == ["n0"]


async def test_a_draining_server_ends_a_stream_after_its_chunk_and_acknowledges_applied_items(
    database_url: str, tmp_path: Path
) -> None:
    async with running(database_url, tmp_path / "draining") as (server, service):
        bot = service.caller("loader", "ingestion_bot")
        async with Stream(bot) as idle, Stream(bot) as busy:
            await idle.send(_chart("idle"))
            await idle.read_until(1)
            for chunk in range(20):
                await busy.send(*_charts(chunk * 100, 100))
            await busy.read_until(100)
            await server.drain(seconds=10)
            ended, broken = await asyncio.gather(idle.rest(), busy.rest())

    for bulk in (ended, broken):
        refused = _refused(bulk)
        assert (refused.code, refused.reason) == ("UNAVAILABLE", "DRAINING")
        assert refused.details["RetryInfo"]["retryDelay"]
    assert broken.offsets[-1] < 2_000
    database = Database(database_url)
    async with database.read() as connection:
        count = (await connection.execute(text("SELECT count(*) FROM chart WHERE name LIKE 'n%'"))).scalar_one()
    await database.close()
    assert count == broken.offsets[-1]


@ONCE
async def test_a_stream_without_a_token_is_refused(service: Service) -> None:
    bulk = await service.stranger().bulk(_charts(0, 1))

    assert (_refused(bulk).reason, bulk.started) == ("TOKEN_MISSING", {})


async def test_a_bug_in_one_chunk_keeps_everything_that_was_acknowledged(service: Service, bot: Caller) -> None:
    async with Stream(bot) as stream:
        await stream.send(*_charts(0, 2), _chart(""))
        await stream.send(*_charts(2, 1))
        await stream.read_until(4)
        async with service.database._writers.begin() as connection:
            await connection.execute(text("ALTER TABLE chart_history RENAME COLUMN description TO gone"))
        with capture_logs() as logged:
            await stream.send(*_charts(3, 1), _chart("n0", displayName="second"))
            # The client gets the error without sending anything else.
            bulk = await stream.rest()
    async with service.database._writers.begin() as connection:
        await connection.execute(text("ALTER TABLE chart_history RENAME COLUMN gone TO description"))

    assert (_refused(bulk).code, _refused(bulk).reason) == ("INTERNAL", "BUG")
    assert "chart_history" not in str(_refused(bulk).status)
    # The line of the call itself may be among them.
    errors = [line["event"] for line in logged if line["log_level"] == "error"]
    assert [event for event in errors if event != "call"] == ["bug"]
    assert await _names(bot) == ["n0", "n1", "n2"]
