"""The log has an audit line for every write, denial and hard deletion, with the caller and the call."""

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.calls.call import add_call
from tests.service.assets import on_one_database
from tests.service.caller import Caller, Json, Refused, Service, details_of

Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def logs() -> Iterator[Lines]:
    """Everything that is logged during the test."""
    with capture_logs(processors=[add_call]) as lines:
        yield lines


def audited(lines: Lines, event: str = "written") -> Lines:
    """Takes the lines of an event from the log, without fields that are empty or the same in all lines."""
    taken = [line for line in lines if line["event"] == event]
    lines.clear()
    same = ("event", "level", "log_level", "method", "timestamp")
    return [{key: line[key] for key in line if key not in same and line[key] not in (None, ())} for line in taken]


@on_one_database
async def test_every_asset_write_leaves_an_audit_line(superset: Caller, logs: Lines) -> None:
    spec: Json = {"name": "d", "service": "superset", "charts": ["superset.c1", "superset.c2"]}
    key = {"fully_qualified_name": "superset.d"}
    hard = {**key, "hard": True}
    line = {"subject": "admin", "kind": "dashboard", "fqn": "superset.d"}
    along = ("superset.c1", "superset.c2")
    steps: list[tuple[str, Json, Json]] = [
        ("create", {"dashboard": spec}, {"action": "create", "version": "0.1", "outcome": "CREATED"}),
        ("upsert", {"dashboard": spec}, {"action": "upsert", "version": "0.1", "outcome": "UNCHANGED"}),
        (
            "update",
            {**key, "dashboard": {"displayName": "D"}, "update_mask": "displayName"},
            {"action": "update", "version": "0.2", "outcome": "UPDATED"},
        ),
        ("delete", key, {"action": "delete", "version": "0.3", "charts": along}),
        ("restore", key, {"action": "restore", "version": "0.4", "outcome": "RESTORED", "charts": along}),
        ("delete", hard, {"action": "hard_delete", "version": "0.4", "charts": along}),
    ]

    for verb, request, expected in steps:
        audited(logs)
        await getattr(superset, f"{verb}_dashboard")(**request)
        (written,) = audited(logs)
        assert written.pop("call_id")
        assert written == {**line, **expected}


@on_one_database
async def test_every_entity_write_leaves_an_audit_line(superset: Caller, logs: Lines) -> None:
    user: Json = {"entity": {"user": {"name": "j.doe"}}}
    key = {"kind": "KIND_USER", "fully_qualified_name": '"j.doe"'}
    steps: list[tuple[str, Json, Json]] = [
        ("upsert", user, {"action": "upsert", "outcome": "CREATED"}),
        ("upsert", user, {"action": "upsert", "outcome": "UNCHANGED"}),
        ("delete", key, {"action": "delete"}),
        ("upsert", user, {"action": "upsert", "outcome": "RESTORED"}),
        ("delete", {**key, "hard": True}, {"action": "hard_delete"}),
    ]

    for verb, request, expected in steps:
        audited(logs)
        await getattr(superset, f"{verb}_entity")(**request)
        (written,) = audited(logs)
        assert written.pop("call_id")
        assert written == {"subject": "admin", "kind": "user", "fqn": '"j.doe"', **expected}


@on_one_database
async def test_validated_and_refused_writes_leave_no_audit_line(superset: Caller, logs: Lines) -> None:
    spec: Json = {"name": "d", "service": "superset"}
    key = {"fully_qualified_name": "superset.c1"}
    user: Json = {"kind": "KIND_USER", "fully_qualified_name": "ann"}
    audited(logs)

    await superset.create_dashboard(dashboard=spec, validate_only=True)
    await superset.delete_chart(**key, hard=True, validate_only=True)
    await superset.upsert_entity(entity={"user": {"name": "new"}}, validate_only=True)
    await superset.delete_entity(**user, validate_only=True)
    await superset.bulk([{"dashboard": spec}], options={"validate_only": True})
    with pytest.raises(Refused):
        await superset.create_dashboard(dashboard={**spec, "domain": "nowhere"})

    assert not [line for line in logs if line["event"] in ("written", "chunk_written")]
    (ended,) = audited(logs, "bulk_ended")
    assert (ended["validate_only"], ended["created"]) == (True, 1)


@on_one_database
async def test_a_stream_leaves_an_audit_line_per_chunk_and_one_at_its_end(superset: Caller, logs: Lines) -> None:
    good = [{"dashboard": {"name": name, "service": "superset"}} for name in "abc"]
    bad = {"dashboard": {"name": "x", "service": "superset", "domain": "nowhere"}}
    audited(logs)

    bulk = await superset.bulk([*good[:2], bad], [good[0], good[2]])

    who = {"subject": "admin", "session": bulk.started["sessionId"]}
    lines = logs.copy()
    chunks = audited(logs, "chunk_written")
    calls = {chunk.pop("call_id") for chunk in chunks}
    assert len(calls) == 1
    assert chunks == [
        {**who, "items": 3, "created": 2, "failed": 1},
        {**who, "items": 2, "unchanged": 1, "created": 1},
    ]
    (ended,) = audited(lines, "bulk_ended")
    assert ended == {
        **who,
        "call_id": calls.pop(),
        "validate_only": False,
        "complete": True,
        "items": 5,
        "created": 3,
        "unchanged": 1,
        "failed": 1,
    }


@on_one_database
async def test_a_broken_stream_leaves_its_audit_line(superset: Caller, logs: Lines) -> None:
    audited(logs)

    bulk = await superset.bulk([{"chart": {"name": "x", "service": "superset"}}], {"offset": 7, "items": []})

    assert bulk.refused is not None
    (ended,) = audited(logs, "bulk_ended")
    assert (ended["complete"], ended["items"], ended["created"]) == (False, 1, 1)


@on_one_database
async def test_a_sweep_that_deletes_nothing_leaves_its_audit_line(superset: Caller, logs: Lines) -> None:
    await superset.bulk([{"chart": {"name": f"n{number}", "service": "looker"}} for number in range(10)])
    outcomes: dict[int, Json] = {9: {"deleted": 2}, 1: {"would_delete": 8}}

    for kept, expected in outcomes.items():
        items = [{"chart": {"name": f"n{number}", "service": "looker"}} for number in range(kept)]
        options = {"sessionId": str(uuid4()), "service": "looker", "sweep": {}}
        audited(logs)
        bulk = await superset.bulk(items, options=options, finish={"totalItems": kept})
        (swept,) = audited(logs, "swept")
        assert swept.pop("call_id")
        assert {key: swept[key] for key in swept if swept[key] != 0} == {
            "subject": "admin",
            "session": options["sessionId"],
            "service": "looker",
            "outcome": bulk.summary["sweep"]["outcome"].removeprefix("SWEEP_OUTCOME_"),
            **expected,
        }


@on_one_database
async def test_a_denied_session_leaves_an_audit_line(
    service: Service, superset: Caller, bot: Caller, logs: Lines
) -> None:
    options = {"sessionId": str(uuid4()), "service": "looker"}
    await superset.bulk([{"chart": {"name": "x", "service": "looker"}}], options=options)
    steward = service.caller("stella", "data_steward")
    consumer = service.caller("vera", "data_consumer")
    for caller, session, action in (
        (bot, options, ("loader", "resume", "session", options["sessionId"])),
        (steward, {"service": "looker", "sweep": {}}, ("stella", "sweep", "bi_service", "looker")),
        (consumer, options, ("vera", "begin", "session", options["sessionId"])),
    ):
        audited(logs)
        bulk = await caller.bulk([], options=session)
        assert bulk.refused is not None
        (denied,) = audited(logs, "denied")
        assert denied.pop("call_id")
        assert tuple(denied.values()) == action


@pytest.mark.usefixtures("superset")
@on_one_database
async def test_every_denial_leaves_an_audit_line(service: Service, logs: Lines) -> None:
    nobody = service.caller("eve", services=["looker"])
    key = {"fully_qualified_name": "superset.c1"}
    spec: Json = {"name": "c1", "service": "superset"}
    user: Json = {"kind": "KIND_USER", "fully_qualified_name": "ann"}
    calls: list[tuple[Any, Json, tuple[str, str, str]]] = [
        (nobody.get_chart, key, ("view", "chart", "superset.c1")),
        (nobody.list_charts, {}, ("view", "chart", "")),
        (nobody.create_chart, {"chart": spec}, ("create", "chart", "superset.c1")),
        # The line has details that the caller does not get.
        (nobody.upsert_chart, {"chart": spec}, ("update", "chart", "superset.c1")),
        (nobody.upsert_chart, {"chart": {**spec, "name": "new"}}, ("create", "chart", "superset.new")),
        (nobody.upsert_chart, {"chart": spec, "validate_only": True}, ("update", "chart", "superset.c1")),
        (nobody.delete_chart, {**key, "hard": True}, ("hard_delete", "chart", "superset.c1")),
        (nobody.restore_chart, key, ("restore", "chart", "superset.c1")),
        (nobody.get_entity, user, ("view", "user", "ann")),
        (nobody.list_entities, {"kind": "KIND_BI_SERVICE"}, ("view", "bi_service", "")),
        (nobody.upsert_entity, {"entity": {"user": {"name": "ann"}}}, ("write", "user", "ann")),
        (nobody.delete_entity, user, ("write", "user", "ann")),
    ]

    for call, request, (action, kind, name) in calls:
        audited(logs)
        with pytest.raises(Refused) as caught:
            await call(**request)
        assert {line["log_level"] for line in logs if line["event"] == "denied"} == {"warning"}
        (denied,) = audited(logs, "denied")
        policies = denied.pop("policies", ())
        assert policies == (("services-limit",) if kind == "chart" and name else ())
        assert denied == {
            "subject": "eve",
            "call_id": caught.value.details["RequestInfo"]["requestId"],
            "action": action,
            "resource_kind": kind,
            "resource_name": name,
        }

    limited = service.caller("eve", "data_steward", services=["looker"])
    audited(logs)
    bulk = await limited.bulk([{"chart": spec}, {"entity": {"user": {"name": "new"}}}])
    call = details_of(bulk.statuses[0])["RequestInfo"]["requestId"]
    denials = [(line["call_id"], line["action"], line["resource_name"]) for line in audited(logs, "denied")]
    assert sorted(denials) == [(call, "update", "superset.c1"), (call, "write", "new")]


async def test_writes_in_one_batch_are_audited_with_their_own_calls(service: Service, logs: Lines) -> None:
    admin = service.caller("admin", "admin")
    await admin.upsert_entity(entity={"biService": {"name": "superset", "serviceType": "Superset"}})
    callers = {f"user{number}": service.caller(f"user{number}", *["admin"] * (number % 2)) for number in range(40)}
    audited(logs)

    async def create(subject: str, caller: Caller) -> str:
        try:
            await caller.create_chart(chart={"name": subject, "service": "superset"})
        except Refused as refused:
            return str(refused.details["RequestInfo"]["requestId"])
        return ""

    ids = dict(zip(callers, await asyncio.gather(*(create(*each) for each in callers.items())), strict=True))

    lines = logs.copy()
    # No line carries the method of the call that came first in its batch.
    assert not [line for line in logs if line["event"] == "written" and "method" in line]
    written = {line["subject"]: line for line in audited(logs)}
    denied = {line["subject"]: line for line in audited(lines, "denied")}
    assert {subject: line["fqn"] for subject, line in written.items()} == {
        subject: f"superset.{subject}" for subject, id_ in ids.items() if not id_
    }
    assert {subject: line["call_id"] for subject, line in denied.items()} == {s: i for s, i in ids.items() if i}
    assert len({line["call_id"] for line in [*written.values(), *denied.values()]}) == 40
