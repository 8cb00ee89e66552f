"""What a caller may not view does not exist for them: by name, by id, and in every answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.auth.policy_files import DEFAULT_FOLDER
from tests.service.assets import all_rows
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.hidden import ABSENT, Vault, Witness, add_vault
from tests.service.servers import running

# An administrator, except of one type of BI service. Unlike the limit of a token, this depends on what is stored.
HALF = """
@id("half") permit (principal in Role::"half", action, resource)
unless { resource has service_type && resource.service_type == "Vault" };
@id("creates") permit (principal in Role::"creator", action == Action::"create", resource);
@id("writes") permit (principal in Role::"writer", action == Action::"write", resource);
@id("updates") permit (principal in Role::"updater", action in [Action::"update", Action::"view"], resource);
@id("owns") permit (principal, action == Action::"delete", resource is Asset) when { resource in principal.owns_as };
"""

Asked = tuple[str, str, Json]


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A server with the default policies and `HALF`."""
    folder = tmp_path / "policies"
    folder.mkdir()
    for file in DEFAULT_FOLDER.glob("*.cedar"):
        (folder / file.name).write_text(file.read_text())
    (folder / "half.cedar").write_text(HALF)
    async with running(database_url, tmp_path / "data", policy_dir=folder) as (_, service):
        yield service


@pytest.fixture
async def vault(superset: Caller) -> Vault:
    """The hidden things."""
    return await add_vault(superset)


@pytest.fixture
def callers(service: Service) -> dict[str, Witness]:
    """Callers who may not view the assets of the hidden BI service, and remember their answers."""
    limit = ("superset", "looker")
    return {
        "admin": Witness(service.caller("lim", "admin", services=limit)),
        "bot": Witness(service.caller("limbot", "ingestion_bot", bot=True, services=limit)),
        "consumer": Witness(service.caller("limcon", "data_consumer", services=limit)),
        "half": Witness(service.caller("half", "half")),
        "nobody": Witness(service.caller("nobody")),
    }


def asset_calls(kind: str, key: Json) -> Iterator[Asked]:
    """Yields the calls of a kind that address an asset by a key. They write nothing, even if they are allowed."""
    tried = {"validate_only": True}
    gets: list[Json] = [{}, {"version": 0.1}, {"version": 0.9}, {"deleted": "DELETED_ONLY"}, {"read_mask": "name"}]
    for more in gets:
        yield f"get {more}", f"get_{kind}", key | more
    updates: list[Json] = [{}, {"etag": "x"}, {kind: {"name": "other", "service": "other", "description": "x"}}]
    for more in updates:
        yield f"update {more}", f"update_{kind}", {"update_mask": "description", **key, **tried, **more}
    yield "release", f"update_{kind}", {"release": {"fields": ["description"]}, **key, **tried}
    for more in ({}, {"etag": "x"}, {"hard": True}, {"allow_missing": True}, {"hard": True, "allow_missing": True}):
        yield f"delete {more}", f"delete_{kind}", key | tried | more
    yield "restore", f"restore_{kind}", key


def named_calls(kind: str, service: str, name: str) -> Iterator[Asked]:
    """Yields the calls of a kind that address an asset by its name only."""
    spec = {kind: {"name": name, "service": service, "description": "x"}, "validate_only": True}
    yield "create", f"create_{kind}", spec
    for more in ({}, {"etag": "x"}, {"update_mask": "displayName"}):
        yield f"upsert {more}", f"upsert_{kind}", spec | more


def filter_calls(fqn: str) -> Iterator[Asked]:
    """Yields lists by what may be hidden."""
    service = fqn.split(".", maxsplit=1)[0]
    counted = {"include_total": True, "deleted": "DELETED_INCLUDE"}
    yield "by chart", "list_dashboards", {"chart": fqn, **counted}
    yield "by dashboard", "list_charts", {"dashboard": fqn, **counted}
    for rpc in ("list_dashboards", "list_charts"):
        yield f"{rpc} by service", rpc, {"service": service, **counted}
        yield f"{rpc} by service and prefix", rpc, {"service": service, "name_prefix": "s3", **counted}


def reference_calls(kind: str, fqn: str, id_: str) -> Iterator[Asked]:
    """Yields writes of visible dashboards that refer to an asset."""
    references: list[Json] = [{"id": id_}, {"fullyQualifiedName": fqn}, {"id": id_, "fullyQualifiedName": fqn}]
    fields: list[Json] = [{"extension": {"refs": [{"type": kind, **reference}]}} for reference in references]
    fields += [{"extension": {"ref": reference}} for reference in references if kind == "dashboard"]
    fields += [{"charts": ["superset.c1", fqn]}] if kind == "chart" else []
    for name in ("holder", "fresh"):
        for field in fields:
            spec = {"name": name, "service": "superset"} | field
            yield f"{name} refers {field}", "upsert_dashboard", {"dashboard": spec, "validate_only": True}


def service_calls(key: Json) -> Iterator[Asked]:
    """Yields the calls that address a BI service."""
    key = {"kind": "KIND_BI_SERVICE", **key}
    yield "get", "get_entity", key
    for more in ({}, {"hard": True}, {"allow_missing": True}, {"hard": True, "allow_missing": True}):
        yield f"delete {more}", "delete_entity", key | more | {"validate_only": True}


async def differences(caller: Witness, calls: Callable[[str], Iterable[Asked]], hidden: str, absent: str) -> list[str]:
    """Makes calls about something hidden and the same about something absent, and returns those that differ.

    Args:
        calls: Returns the calls for a name or an id.
    """
    asked = [*calls(hidden), *calls(absent)]
    said = await asyncio.gather(*(caller.said(rpc, **request) for _, rpc, request in asked))
    for name in (hidden, absent, hidden.split(".", maxsplit=1)[0], absent.split(".", maxsplit=1)[0]):
        said = [answer.replace(name, "KEY") for answer in said]
    pairs = zip(asked, said[: len(asked) // 2], said[len(asked) // 2 :], strict=False)
    return [f"{rpc} {label}: {one} // {other}" for (label, rpc, _), one, other in pairs if one != other]


async def test_hidden_things_are_answered_like_absent_ones(
    service: Service, vault: Vault, callers: dict[str, Witness]
) -> None:
    board, dead, chart = (f"vault-s3cret.s3cret{name}" for name in ("-board", "-dead", "1"))
    nothing = "nothing-at-all.none"
    before = await all_rows(service.database)
    found: dict[str, list[str]] = {}
    # Every call waits for PostgreSQL, which has no part in the rule: one caller shows that it finds the same things.
    roles = list(callers) if service.database.is_sqlite else ["bot"]
    for role in roles:
        caller = callers[role]
        calls: list[tuple[Callable[[str], Iterable[Asked]], str, str]] = [
            (partial(by_id, "dashboard"), vault.ids[board], ABSENT)
        ]
        if role in ("admin", "half"):
            calls += [
                (partial(by_id, "dashboard"), vault.ids[dead], ABSENT),
                (partial(by_id, "chart"), vault.ids[chart], ABSENT),
                (partial(by_name, "dashboard"), board, nothing),
                (filter_calls, board, nothing),
                (filter_calls, chart, nothing),
                (partial(reference_calls, "chart", id_=ABSENT), chart, nothing),
                (partial(reference_calls, "dashboard", id_=ABSENT), board, nothing),
                (partial(reference_calls, "dashboard", nothing), vault.ids[board], ABSENT),
            ]
        if role == "admin":
            calls.append((partial(by_name, "dashboard"), board, "vault-s3cret.none"))
        calls += [
            (lambda key: service_calls({"id": key}), vault.ids["vault-s3cret"], ABSENT),
            (lambda key: service_calls({"fully_qualified_name": key}), "vault-s3cret", "nothing-at-all"),
        ]
        found[role] = [text for each in calls for text in await differences(caller, *each)]
    assert found == {role: [] for role in roles}
    assert await all_rows(service.database) == before


def by_id(kind: str, id_: str) -> Iterable[Asked]:
    """Returns the calls that address an asset by its id."""
    return asset_calls(kind, {"id": id_})


def by_name(kind: str, fqn: str) -> Iterable[Asked]:
    """Returns the calls that address an asset by its name."""
    return [*asset_calls(kind, {"fully_qualified_name": fqn}), *named_calls(kind, *fqn.split("."))]


async def quietly(call: Awaitable[Any]) -> Any:
    """Returns the answer of a call, or None if it is refused."""
    with suppress(Refused):
        return await call
    return None


async def everything_readable(caller: Witness) -> None:
    """Reads everything that a caller can read: lists with every filter, and every version of what is in them."""
    for kind in ("dashboard", "chart"):
        rpc = getattr(caller, f"list_{kind}s")
        listed = await rpc(include_total=True, deleted="DELETED_INCLUDE")
        page = await rpc(page_size=1, order_by="updated_at desc")
        await rpc(page_size=1, order_by="updated_at desc", page_token=page.get("nextPageToken", ""))
        for filters in ({"owner": "user:vera"}, {"domain": "hr"}, {"service_type": "Vault"}, {"name_prefix": "s3"}):
            await rpc(**filters, include_total=True)
        for asset in listed.get(f"{kind}s", []):
            for tenths in range(1, round(asset["version"] * 10) + 1):
                await getattr(caller, f"get_{kind}")(id=asset["id"], version=tenths / 10, deleted="DELETED_INCLUDE")
    await caller.list_charts(dashboard="superset.holder")
    for kind in ("BI_SERVICE", "USER", "DOMAIN", "TAG", "CUSTOM_PROPERTY"):
        await caller.list_entities(kind=f"KIND_{kind}", deleted="DELETED_INCLUDE")


async def everything_writable(caller: Witness) -> None:
    """Writes the dashboards that refer to hidden things, and deletes what hidden things refer to."""
    twin: Json = {"name": "twin", "service": "superset", "charts": ["superset.c2"], "extension": {"refs": None}}
    await quietly(caller.update_dashboard(fully_qualified_name="superset.twin", dashboard=twin, update_mask="charts"))
    await quietly(caller.upsert_dashboard(dashboard=twin, update_mask="extension,charts"))
    await quietly(caller.create_dashboard(dashboard=twin))
    await quietly(caller.delete_dashboard(fully_qualified_name="superset.twin"))
    await quietly(caller.restore_dashboard(fully_qualified_name="superset.twin"))
    items = [{"dashboard": twin}, {"dashboard": {**twin, "service": "looker"}}, {"chart": {"name": "c1"}}]
    for options in ({"validate_only": True}, {"sweep": {"max_deleted_percent": 0}, "service": "superset"}):
        await caller.bulk(items, options={"result_view": "RESULT_VIEW_ALL", **options}, finish={"total_items": 3})
    for more in ({"hard": True, "validate_only": True}, {"hard": True}):
        await quietly(caller.delete_chart(fully_qualified_name="superset.c3", **more))
        for kind, fqn in (
            ("KIND_USER", "vera"),
            ("KIND_DOMAIN", "hr"),
            ("KIND_CUSTOM_PROPERTY", "dashboard.costCentre"),
        ):
            await quietly(caller.delete_entity(kind=kind, fully_qualified_name=fqn, **more))


async def test_no_answer_names_a_hidden_thing(superset: Caller, vault: Vault, callers: dict[str, Witness]) -> None:
    for role in ("consumer", "bot", "admin"):
        await everything_readable(callers[role])
        await everything_writable(callers[role])

        assert len(callers[role].answers) > 40
        assert [answer for answer in callers[role].answers if vault.leaks(answer)] == []
    # The same walk finds them for one who may view them.
    witness = Witness(superset)
    await everything_readable(witness)
    assert {leak for answer in witness.answers for leak in vault.leaks(answer)} > {*vault.ids.values(), "s3cret"}
