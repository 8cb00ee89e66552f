"""ListBulkSessions and GetBulkSession: which sessions there are, in which state, and who sees them and what failed."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text, update
from structlog.testing import capture_logs

from dashboard_catalog import server
from dashboard_catalog.catalog.bulk import retention
from dashboard_catalog.catalog.bulk.retention import expire_sessions, keep_expiring
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.store.tables import SESSION
from tests.patience import PATIENCE, until
from tests.service.assets import on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.servers import running
from tests.service.streams import Stream

pytestmark = pytest.mark.usefixtures("superset")


def _chart(name: str, service: str = "superset") -> Json:
    return {"chart": {"name": name, "service": service}}


async def _load(caller: Caller, *items: Json, **options: Any) -> str:
    """Loads items in a session of its own and returns its id."""
    loaded = await caller.bulk(items, options=options, finish={"totalItems": len(items)})
    assert loaded.refused is None
    return str(loaded.started["sessionId"])


async def _listed(caller: Caller, **request: Any) -> list[str]:
    return [session["sessionId"] for session in (await caller.list_bulk_sessions(**request)).get("sessions", [])]


async def _age(service: Service, days: float, session_id: str) -> None:
    """Makes a session older than it is."""
    async with service.database._writers.begin() as connection:
        moment = datetime.now(UTC) - timedelta(days=days)
        given = {"then": str(moment.replace(tzinfo=None)) if service.database.is_sqlite else moment}
        of = f"id = '{session_id.replace('-', '')}'" if service.database.is_sqlite else f"id = '{session_id}'"
        await connection.execute(text(f"UPDATE bulk_session SET updated_at = :then WHERE {of}"), given)


async def _rows(service: Service, table: str) -> int:
    async with service.database.read() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def _state(caller: Caller, session_id: str) -> str:
    session: Json = (await caller.get_bulk_session(session_id=session_id))["session"]
    return str(session["state"]).removeprefix("BULK_SESSION_STATE_")


async def _broken_off(caller: Caller, *items: Json, **options: Any) -> str:
    """Loads items in a session that breaks off and returns its id."""
    async with Stream(caller) as stream:
        await stream.send(*items, options=options)
        session_id = str((await stream.read())["started"]["sessionId"])
        await stream.read_until(len(items))
        assert await _state(caller, session_id) == "RUNNING"
    async with asyncio.timeout(PATIENCE):
        while await _state(caller, session_id) == "RUNNING":  # noqa: ASYNC110 - the server does not tell
            await asyncio.sleep(0.01)
    return session_id


async def test_each_state_lists_its_sessions_newest_first(admin: Caller, bot: Caller, service: Service) -> None:
    finished = await _load(bot, _chart("a"), _chart(""), service="superset")
    broken_off = await _broken_off(bot, _chart("b"))
    dead = await _broken_off(bot, _chart("b"))
    async with Stream(bot) as stream, Stream(bot) as silent:
        await stream.send(_chart("c"))
        running = (await stream.read())["started"]["sessionId"]
        await silent.send(options={"sessionId": dead})
        await silent.read()
        # Its server may have died.
        await _age(service, 11 / 24 / 60, dead)

        by_state = {"FINISHED": finished, "BROKEN_OFF": broken_off, "RUNNING": running}
        for state, session_id in by_state.items():
            found = await _listed(bot, state=f"BULK_SESSION_STATE_{state}")
            assert session_id in found
            assert {await _state(bot, one) for one in found} == {state}
        assert await _listed(bot) == [running, dead, broken_off, finished]
        assert await _listed(bot, service="superset") == [finished]
        assert await _listed(bot, service="nowhere") == []
        assert await _listed(admin, service="superset", state="BULK_SESSION_STATE_RUNNING") == []

    shown = (await bot.list_bulk_sessions(service='"superset"'))["sessions"]
    assert (await bot.get_bulk_session(session_id=finished))["session"] == shown[0]
    assert (shown[0]["owner"], shown[0]["service"], shown[0]["nextOffset"]) == ("loader", "superset", "2")
    assert shown[0]["summary"] == {"created": "1", "failed": "1"}
    assert shown[0]["startedAt"] <= shown[0]["updatedAt"]


async def test_pages_of_sessions_and_failures_lead_to_all_of_them(bot: Caller) -> None:
    sessions = [await _load(bot, *(_chart("") for _ in range(3)), service="superset") for _ in range(5)]
    pages: list[list[Json]] = []
    request: Json = {"page_size": 2, "service": "superset"}
    while not pages or request["page_token"]:
        answer = await bot.list_bulk_sessions(**request)
        pages.append(answer["sessions"])
        request["page_token"] = answer.get("nextPageToken", "")
    failures: list[list[Json]] = []
    token = ""
    while not failures or token:
        answer = await bot.get_bulk_session(session_id=sessions[0], page_size=2, page_token=token)
        failures.append(answer["failures"])
        token = answer.get("nextPageToken", "")

    assert [[one["sessionId"] for one in page] for page in pages] == [
        sessions[4:2:-1],
        sessions[2:0:-1],
        sessions[:1],
    ]
    assert [[int(one.get("offset", 0)) for one in page] for page in failures] == [[0, 1], [2]]
    assert {one["status"]["message"] for page in failures for one in page} == {"chart.name: is required"}


@on_one_database
async def test_page_tokens_work_only_where_they_come_from(bot: Caller) -> None:
    sessions = [await _load(bot, _chart(""), _chart(""), service="superset") for _ in range(2)]
    listed = (await bot.list_bulk_sessions(page_size=1, service="superset"))["nextPageToken"]
    failed = (await bot.get_bulk_session(session_id=sessions[0], page_size=1))["nextPageToken"]
    forged = page_tokens.encode(("sessions", "", None), ["2026-01-01T00:00:00", sessions[0]])
    short = page_tokens.encode(("sessions", "", None), ["2026-01-01T00:00:00+00:00"])
    beyond = page_tokens.encode(("failures", UUID(sessions[0])), [str(2**63)])

    for token in (failed, forged, short, listed, "?"):
        with pytest.raises(Refused) as refused:
            await bot.list_bulk_sessions(page_token=token)
        assert refused.value.violations == {"page_token": "INVALID_PAGE_TOKEN"}
    for session_id, token in ((sessions[1], failed), (sessions[0], listed), (sessions[0], beyond)):
        with pytest.raises(Refused) as refused:
            await bot.get_bulk_session(session_id=session_id, page_token=token)
        assert refused.value.violations == {"page_token": "INVALID_PAGE_TOKEN"}
    with pytest.raises(Refused) as refused:
        await bot.list_bulk_sessions(service="a.b")
    assert refused.value.violations == {"service": "INVALID_FORMAT"}


async def test_sessions_are_seen_by_their_owner_and_by_who_may_revert_them(service: Service, admin: Caller) -> None:
    bot = service.caller("loader", "ingestion_bot")
    of_superset = await _load(bot, _chart(""), _chart("", "looker"), service="superset")
    of_looker = await _load(bot, _chart("x", "looker"), service="looker")
    of_none = await _load(bot, _chart("x", "nowhere"), _chart("x::"), _chart("y::", "looker"))
    rehearsed = await _load(bot, _chart("a"), validateOnly=True)
    everything = [of_none, of_looker, of_superset]
    # The one that made the catalog of this test is the admin's.
    (made,) = set(await _listed(admin)) - {*everything}
    seen = {
        "owner": (bot, everything),
        "admin": (admin, [*everything, made]),
        "limited owner": (service.caller("loader", "ingestion_bot", services=["looker"]), [of_none, of_looker]),
        "limited admin": (service.caller("other", "admin", services=["looker"]), [of_looker]),
        "steward": (service.caller("stella", "data_steward"), []),
        "other bot": (service.caller("another", "ingestion_bot"), []),
    }

    assert rehearsed not in await _listed(admin)
    for name, (caller, sessions) in seen.items():
        assert await _listed(caller) == sessions, name
        for session_id in (*everything, rehearsed, str(uuid4())):
            if session_id in sessions:
                assert (await caller.get_bulk_session(session_id=session_id))["session"]["sessionId"] == session_id
                continue
            with pytest.raises(Refused) as refused:
                await caller.get_bulk_session(session_id=session_id)
            assert (name, refused.value.code, refused.value.reason) == (name, "NOT_FOUND", "NOT_FOUND")


async def test_failures_of_what_a_caller_may_not_view_are_not_shown(service: Service, admin: Caller) -> None:
    bot = service.caller("loader", "ingestion_bot")
    failing = [_chart("x", "nowhere"), _chart("x::"), _chart("y::", "looker"), {"chart": {}}]
    failing.append({"entity": {"biService": {"name": "looker", "displayName": "x" * 1_025}}})
    failing.append({"entity": {"user": {"name": "no"}}})
    session_id = await _load(bot, *failing, service="looker")

    def offsets(answer: Json) -> list[int]:
        return [int(one.get("offset", 0)) for one in answer["failures"]]

    assert offsets(await bot.get_bulk_session(session_id=session_id)) == list(range(len(failing)))
    assert offsets(await admin.get_bulk_session(session_id=session_id)) == list(range(len(failing)))
    limited = service.caller("loader", "ingestion_bot", services=["looker"])
    first = await limited.get_bulk_session(session_id=session_id, page_size=1)
    rest = await limited.get_bulk_session(session_id=session_id, page_token=first["nextPageToken"])
    # Users belong to no BI service; an item without a name could be anything.
    assert [*offsets(first), *offsets(rest)] == [2, 4, 5]


async def test_failures_are_kept_for_seven_days_and_sessions_for_ninety(
    bot: Caller, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those of one BI service need more than one transaction.
    monkeypatch.setattr(retention, "_AT_ONCE", 1)
    old = await _load(bot, _chart(""), _chart("a"), service="superset", sweep={})
    other = await _load(bot, _chart(""))
    ancient = await _load(bot, _chart(""))
    await _age(service, 8, old)
    await _age(service, 8, other)
    await _age(service, 91, ancient)
    before = await _rows(service, "bulk_failure"), await _rows(service, "bulk_session")

    new = await _load(bot, _chart("b"))
    untouched = await _rows(service, "bulk_failure"), await _rows(service, "bulk_session")
    await expire_sessions(service.database)

    # No stream waits for what is old.
    assert untouched == (3, 5)
    # With the session that made the catalog of this test.
    assert before == (3, 4)
    assert await _rows(service, "bulk_session") == 4
    assert await _listed(bot) == [new, other, old]
    assert await _rows(service, "bulk_failure") == await _rows(service, "bulk_mention") == 0
    # They no longer count against what their caller may keep.
    assert await _rows(service, "bulk_session WHERE failure_bytes > 0") == 0
    kept = await bot.get_bulk_session(session_id=old)
    assert kept["session"]["summary"] | {"sweep": None} == {
        "created": "1",
        "failed": "1",
        "failuresNotKept": "1",
        "sweep": None,
    }
    assert "failures" not in kept
    # A finished session returns its summary again, even now.
    again = await bot.bulk([_chart("")], options={"sessionId": old, "service": "superset", "sweep": {}})
    assert again.refused is None
    assert again.started["nextOffset"] == "2"


async def test_a_stream_whose_session_has_expired_meanwhile_cannot_go_on(bot: Caller, service: Service) -> None:
    async with Stream(bot) as stream:
        await stream.send(_chart("a"), options={"service": "superset", "sweep": {}})
        session_id = str((await stream.read())["started"]["sessionId"])
        await stream.read_until(1)
        await _age(service, 8, session_id)
        await expire_sessions(service.database)
        # Its sweep would delete what nobody knows any more that it has mentioned.
        await stream.send(_chart("b"))
        late = await stream.end()
    assert late.refused is not None
    assert late.refused.reason == "SESSION_SUPERSEDED"


async def test_a_server_expires_sessions_by_itself_also_after_it_has_failed_to(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "keep_expiring", partial(keep_expiring, every=0.05))
    with capture_logs() as logged:
        async with running(database_url, tmp_path / "data") as (_, service):
            await _load(service.caller("loader", "admin"), _chart(""))
            async with service.database._writers.begin() as connection:
                await connection.execute(text("ALTER TABLE bulk_failure RENAME TO away"))
                await connection.execute(update(SESSION).values(updated_at=datetime.now(UTC) - timedelta(days=91)))
            await until(lambda: any(line["event"] == "sessions_not_expired" for line in logged))
            async with service.database._writers.begin() as connection:
                await connection.execute(text("ALTER TABLE away RENAME TO bulk_failure"))
            while await _rows(service, "bulk_session"):  # noqa: ASYNC110 - only the database knows
                await asyncio.sleep(0.01)

            assert await _rows(service, "bulk_failure") == 0


async def test_an_unfinished_session_that_is_resumed_too_late_begins_again(bot: Caller, service: Service) -> None:
    options: Json = {"service": "superset", "sweep": {"maxDeletedPercent": 100}}
    await _load(bot, *map(_chart, ("a", "b", "c", "c1", "c2", "c3", "d")))
    session_id = await _broken_off(bot, _chart("a"), _chart("b"), _chart(""), **options)
    await _age(service, 8, session_id)

    async with Stream(bot) as stream:
        # Without the first chunk, the sweep would delete what the first chunk mentioned.
        await stream.send(_chart("c"), options={**options, "sessionId": session_id}, offset=3)
        late = await stream.end()
    again = await bot.bulk(
        [*map(_chart, ("a", "b", "c", "c1", "c2", "c3"))],
        options={**options, "sessionId": session_id},
        finish={"totalItems": 6},
    )

    assert late.started.get("nextOffset", "0") == "0"
    assert late.refused is not None
    assert (late.refused.reason, late.refused.metadata) == ("OFFSET_GAP", {"next_offset": "0"})
    assert (again.counts, again.summary["sweep"]["sample"]) == ({"unchanged": 6}, ["superset.d"])
    assert again.summary["sweep"]["deleted"] == "1"
