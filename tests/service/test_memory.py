"""What a server remembers of earlier writes is never stale, whatever another server has changed in the database."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import DATABASES
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.counting import counted, reads

Change = Callable[[], Awaitable[Any]]


class Writer:
    """Writes dashboards through one server, each of which refers to something."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._count = 0

    async def finds(self, service: str = "superset", *, validate_only: bool = False, **fields: Any) -> Any:
        """Creates a dashboard and returns the ids of what it refers to, or the reason of each violation."""
        self._count += 1
        spec = {"name": f"d{self._count}", "service": service, **fields}
        try:
            answer = await self._caller.create_dashboard(dashboard=spec, validate_only=validate_only)
        except Refused as refused:
            return refused.violations
        dashboard = answer["dashboard"]
        return [one.get("id") or one["tagFQN"] for field in fields for one in dashboard.get(_plural(field), ())]


def _plural(field: str) -> str:
    return "domains" if field == "domain" else field


async def _id(call: Awaitable[Json], kind: str) -> str:
    return str((await call)[kind]["id"])


def _chart(name: str) -> Json:
    return {"chart": {"name": name, "service": "superset"}}


async def test_charts_that_another_server_has_changed(two_servers: tuple[Caller, Caller]) -> None:
    one, other = two_servers
    writer, found = Writer(one), {}
    first = {n: await _id(one.create_chart(**_chart(f"n{n}")), "chart") for n in range(6)}
    named = [{"fully_qualified_name": f"superset.n{n}"} for n in range(6)]

    async def after(case: str, change: Change, chart: str) -> None:
        # Otherwise there is nothing that could be stale.
        assert await writer.finds(charts=["superset.n0"]) == [first[0]]
        await change()
        found[case] = await writer.finds(charts=[chart])

    await after("deleted", lambda: other.delete_chart(**named[1]), "superset.n1")
    await after("restored", lambda: other.restore_chart(**named[1]), "superset.n1")
    await after("removed", lambda: other.delete_chart(**named[2], hard=True), "superset.n2")
    again = await _id(other.create_chart(**_chart("n2")), "chart")
    found["created again"] = await writer.finds(charts=["superset.n2"])
    await after("renamed", lambda: other.rename_chart(**named[3], new_name="m3"), "superset.n3")
    found["renamed, by its new name"] = await writer.finds(charts=["superset.m3"])
    ingested = await one.bulk([{"dashboard": {"name": "i", "service": "superset", "charts": ["superset.n3"]}}])
    dashboard = (await one.get_dashboard(fully_qualified_name="superset.i"))["dashboard"]
    found["renamed, ingested by its former name"] = [chart["id"] for chart in dashboard["charts"]]
    await other.rename_chart(**named[4], new_name="m4")
    taken = await _id(other.create_chart(**_chart("n4")), "chart")
    found["another one by a former name"] = await writer.finds(charts=["superset.n4"])
    await after("of a deleted dashboard", lambda: _deleted_with_its_dashboard(other), "superset.n5")

    assert not ingested.failures
    assert found == {
        "deleted": {"dashboard.charts[0]": "DELETED_REFERENCE"},
        "restored": [first[1]],
        "removed": {"dashboard.charts[0]": "UNKNOWN_REFERENCE"},
        "created again": [again],
        "renamed": {"dashboard.charts[0]": "UNKNOWN_REFERENCE"},
        "renamed, by its new name": [first[3]],
        "renamed, ingested by its former name": [first[3]],
        "another one by a former name": [taken],
        "of a deleted dashboard": {"dashboard.charts[0]": "DELETED_REFERENCE"},
    }


async def test_answers_name_charts_as_another_server_has_left_them(two_servers: tuple[Caller, Caller]) -> None:
    one, other = two_servers
    chart = {"fully_qualified_name": "superset.n", "update_mask": "displayName"}
    await one.create_chart(chart={"name": "n", "service": "superset", "displayName": "1"})
    shown = []

    async def upsert(description: str) -> None:
        spec = {"name": "d", "service": "superset", "charts": ["superset.n"], "description": description}
        (held,) = (await one.upsert_dashboard(dashboard=spec))["dashboard"]["charts"]
        shown.append((held.get("displayName"), held.get("deleted", False)))

    await upsert("a")
    await other.update_chart(chart={"displayName": "2"}, **chart)
    await upsert("b")
    await one.update_chart(chart={"displayName": "3"}, **chart)
    await upsert("c")
    # Deleted together with its dashboard, and restored with it.
    key = {"fully_qualified_name": "superset.d"}
    (held,) = (await one.delete_dashboard(**key))["dashboard"]["charts"]
    shown.append((held.get("displayName"), held.get("deleted", False)))
    await upsert("d")
    (removed,) = (await one.delete_dashboard(**key, hard=True))["dashboard"]["charts"]

    assert shown == [("1", False), ("2", False), ("3", False), ("3", True), ("3", False)]
    # Removed for good with it, the chart has no name any more.
    assert removed.keys() == {"id", "deleted"}


async def _deleted_with_its_dashboard(caller: Caller) -> None:
    await caller.create_dashboard(dashboard={"name": "gone", "service": "superset", "charts": ["superset.n5"]})
    await caller.delete_dashboard(fully_qualified_name="superset.gone")


async def test_entities_that_another_server_has_changed(two_servers: tuple[Caller, Caller]) -> None:
    one, other = two_servers
    writer, found = Writer(one), {}
    everything: Json = {
        "owners": [{"type": "user", "name": "bob"}],
        "domain": "finance.tax",
        "tags": [{"tagFQN": "PII.Email"}, {"tagFQN": "PII.Phone"}],
    }

    async def after(case: str, change: Change, **fields: Any) -> None:
        # Otherwise there is nothing that could be stale. Without writing, so that the entities can be removed.
        await writer.finds(validate_only=True, **everything)
        await change()
        found[case] = await writer.finds(validate_only=True, **fields)

    def named(kind: str, fqn: str) -> Json:
        return {"kind": f"KIND_{kind}", "fully_qualified_name": fqn}

    def upsert(kind: str, **fields: Any) -> Change:
        return lambda: other.upsert_entity(entity={kind: fields})

    email: Json = {"tags": [{"tagFQN": "PII.Email"}]}
    owner: Json = {"owners": [{"type": "user", "name": "bob"}]}
    await after("deleted", lambda: other.delete_entity(**named("TAG", "PII.Email")), **email)
    await after("restored", upsert("tag", name="Email", classification="PII"), **email)
    await after("disabled", upsert("tag", name="Email", classification="PII", disabled=True), **email)
    await after("removed", lambda: other.delete_entity(**named("USER", "bob"), hard=True), **owner)
    again = (await other.upsert_entity(entity={"user": {"name": "bob"}}))["entity"]["user"]["id"]
    found["created again"] = await writer.finds(validate_only=True, **owner)
    exclusive = upsert("classification", name="PII", mutuallyExclusive=True)
    await after("made exclusive", exclusive, tags=[{"tagFQN": "PII.Phone"}, {"tagFQN": "PII.Email"}])
    await after(
        "renamed", lambda: other.rename_entity(**named("DOMAIN", "finance"), new_name="money"), domain="finance.tax"
    )
    await after("service deleted", lambda: other.delete_entity(**named("BI_SERVICE", "superset")), **owner)
    await after("service restored", upsert("biService", name="superset", serviceType="Superset"), **owner)
    await after(
        "service renamed", lambda: other.rename_entity(**named("BI_SERVICE", "superset"), new_name="preset"), **owner
    )
    found["service by its new name"] = await writer.finds("preset", **owner)

    assert found == {
        "deleted": {"dashboard.tags[0].tag_fqn": "DELETED_REFERENCE"},
        "restored": ["PII.Email"],
        "disabled": {"dashboard.tags[0].tag_fqn": "DISABLED_TAG"},
        "removed": {"dashboard.owners[0]": "UNKNOWN_REFERENCE"},
        "created again": [again],
        "made exclusive": {"dashboard.tags[1].tag_fqn": "MUTUALLY_EXCLUSIVE"},
        "renamed": {"dashboard.domain": "UNKNOWN_REFERENCE"},
        "service deleted": {"dashboard.service": "DELETED_REFERENCE"},
        "service restored": [again],
        "service renamed": {"dashboard.service": "UNKNOWN_REFERENCE"},
        "service by its new name": [again],
    }


async def test_reads_after_another_server_has_changed_entities(two_servers: tuple[Caller, Caller]) -> None:
    one, other = two_servers
    spec: Json = {"service": "superset", "domain": "finance.tax", "tags": [{"tagFQN": "PII.Email"}]}
    spec["owners"] = [{"type": "user", "name": "bob"}]
    id_ = await _id(one.create_dashboard(dashboard={"name": "d", **spec}), "dashboard")
    by_id: Json = {"id": id_}
    by_name: Json = {"fully_qualified_name": "superset.d"}
    found: dict[str, Any] = {}

    async def after(case: str, change: Change, shown: Callable[[Json], Any], key: Json | None = None) -> None:
        # Otherwise there is nothing that could be stale.
        await one.get_dashboard(**by_name)
        await change()
        try:
            found[case] = shown((await one.get_dashboard(**(key or by_name)))["dashboard"])
        except Refused as refused:
            found[case] = refused.reason

    def rename(kind: str, fqn: str, new_name: str) -> Change:
        return lambda: other.rename_entity(kind=f"KIND_{kind}", fully_qualified_name=fqn, new_name=new_name)

    def upsert(kind: str, **fields: Any) -> Change:
        return lambda: other.upsert_entity(entity={kind: fields})

    def owner(dashboard: Json) -> Any:
        return [dashboard["owners"][0].get(part) for part in ("name", "displayName", "deleted")]

    await after("owner named", upsert("user", name="bob", displayName="Bob"), owner)
    deletion = {"kind": "KIND_USER", "fully_qualified_name": "bob"}
    await after("owner deleted", lambda: other.delete_entity(**deletion), owner, by_id)
    await after("tag renamed", rename("TAG", "PII.Email", "Mail"), lambda d: d["tags"][0]["tagFQN"])
    await after("domain renamed", rename("DOMAIN", "finance", "money"), lambda d: d["domains"][0]["fullyQualifiedName"])
    type_ = upsert("biService", name="superset", serviceType="Preset")
    await after("service of another type", type_, lambda d: d["serviceType"])
    await after("service renamed", rename("BI_SERVICE", "superset", "preset"), lambda d: d["name"])
    by_name = {"fully_qualified_name": "preset.d"}
    await after("renamed back", rename("BI_SERVICE", "preset", "superset"), lambda d: d["name"])
    by_name = {"fully_qualified_name": "superset.d"}
    found["by its name of today"] = (await one.get_dashboard(**by_name))["dashboard"]["id"]

    assert found == {
        "owner named": ["bob", "Bob", None],
        "owner deleted": ["bob", "Bob", True],
        "tag renamed": "PII.Mail",
        "domain renamed": "money.tax",
        "service of another type": "Preset",
        "service renamed": "NOT_FOUND",
        "renamed back": "NOT_FOUND",
        "by its name of today": id_,
    }


# One server, because entities are not remembered on a cluster.
@pytest.mark.usefixtures("postgres", "superset")
async def test_a_read_asks_for_the_asset_and_its_charts_and_nothing_else(service: Service, admin: Caller) -> None:
    spec: Json = {"owners": [{"type": "user", "name": "ann"}], "tags": [{"tagFQN": "PII.Email"}]}
    await admin.create_dashboard(
        dashboard={"name": "d", "service": "superset", "charts": ["superset.c1"], "domain": "finance.tax", **spec}
    )
    shown = [await admin.get_dashboard(fully_qualified_name="superset.d")]

    with reads(service) as statements:
        shown += [await admin.get_dashboard(fully_qualified_name="superset.d")]
        shown += [await admin.get_dashboard(id=shown[0]["dashboard"]["id"])]

    assert shown == [shown[0]] * 3
    assert len(statements) == 4, statements


@pytest.mark.usefixtures("postgres", "superset")
@pytest.mark.parametrize(
    ("database_url", "known"),
    [
        *((name, ("entity", "former_name", "chart")) for name in DATABASES),
        ("cluster", ("former_name", "chart")),
    ],
    indirect=["database_url"],
)
async def test_what_is_remembered_is_not_read_again(service: Service, admin: Caller, known: tuple[str, ...]) -> None:
    spec: Json = {
        "service": "superset",
        "charts": ["superset.c1", "superset.c2"],
        "owners": [{"type": "user", "name": "ann"}],
        "domain": "finance.tax",
        "tags": [{"tagFQN": "PII.Email"}],
        "extension": {"costCentre": "X"},
    }
    await admin.create_dashboard(dashboard={"name": "d1", **spec})

    with counted(service.database) as counted_calls:
        await admin.create_dashboard(dashboard={"name": "d2", **spec})

    read = [text for text in counted_calls.statements if text.startswith("SELECT")]
    assert not [text for text in read if any(f"FROM {of}" in text for of in known)]


@pytest.mark.usefixtures("superset")
async def test_what_was_only_validated_is_not_remembered(admin: Caller) -> None:
    writer = Writer(admin)
    await writer.finds(charts=["superset.c1"])

    await admin.create_chart(**_chart("new"), validate_only=True)
    await admin.bulk([_chart("bulk")], options={"validate_only": True})

    assert await writer.finds(charts=["superset.new", "superset.bulk"]) == {
        "dashboard.charts[0]": "UNKNOWN_REFERENCE",
        "dashboard.charts[1]": "UNKNOWN_REFERENCE",
    }
