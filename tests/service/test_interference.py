"""Two catalogs that differ only in what a caller may not view answer that caller the same."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dashboard_catalog.auth.policy_files import DEFAULT_FOLDER
from dashboard_catalog.catalog.reading.feed import positions
from dashboard_catalog.catalog.reading.feed.positions import Place
from tests.service.caller import Caller, Json, Service
from tests.service.conftest import shared_database
from tests.service.exports import as_json, export
from tests.service.indexing import indexing
from tests.service.searching import Searcher, until_indexed
from tests.service.servers import running
from tests.service.transcripts import Transcript, watched, watched_from_first, with_places
from tests.service.watching import watch_from_now, watching

POLICIES = """
@id("half") permit (principal in Role::"half", action, resource)
unless { resource has service_type && resource.service_type == "Vault" };
@id("charter") permit (principal in Role::"charter", action == Action::"view", resource is Asset)
when { resource.kind == "chart" && resource in BiService::"superset" };
"""

Asked = Iterator[tuple[str, Awaitable[Any]]]

ENTITIES: list[Json] = [
    {"biService": {"name": "superset", "serviceType": "Superset", "displayName": "Superset Production"}},
    {"biService": {"name": "looker", "serviceType": "Looker"}},
    {"user": {"name": "ann", "displayName": "Ann Lee"}},
    {"user": {"name": "vera"}},
    {"domain": {"name": "finance"}},
    {"classification": {"name": "PII"}},
    {"tag": {"name": "Email", "classification": "PII", "displayName": "Handle with care"}},
    {
        "customProperty": {
            "appliesTo": "dashboard",
            "name": "refs",
            "propertyType": "entityReferenceList",
            "config": {"entityTypes": ["dashboard", "chart", "user", "dashboardService"]},
        }
    },
]
FACETS = ["KIND", "SERVICE", "SERVICE_TYPE", "OWNER", "TAG", "DOMAIN", "PROJECT", "CHART_TYPE", "MISSING"]
QUERIES = (
    *("", "revenue", "regoin", '"region by region"', "-revenue", "vault", "old"),
    *('service:"Superset Production"', "service:attic", "type:T1", "project:p1"),
)
NAMES = ("attic.old", "vault.vault0", "superset.c3")
WATCHES: list[Json] = [{}, {"kinds": ["KIND_CHART"]}, {"services": ["looker"]}]


async def fill(admin: Caller, bot: Caller, hidden: str) -> dict[str, str]:
    """Fills a catalog in which a BI service is hidden, and returns the ids of bulk sessions in it by name."""
    await loaded(admin, *({"entity": entity} for entity in ENTITIES))
    await loaded(admin, {"entity": {"biService": {"name": hidden, "serviceType": "Vault"}}})
    charts = [(f"{hidden}{n}", hidden, f"{hidden} chart") for n in range(2)]
    charts += [(f"c{n}", "superset", f"Revenue {n}") for n in range(4)]
    await loaded(admin, *({"chart": dict(zip(("name", "service", "displayName"), c, strict=True))} for c in charts))
    await loaded(
        admin, {"dashboard": {"name": f"{hidden}-board", "service": hidden, "charts": [f"{hidden}.{hidden}0"]}}
    )
    board = {"type": "dashboard", "fullyQualifiedName": f"{hidden}.{hidden}-board"}
    versions: list[Json] = [
        {
            "displayName": "Revenue by region",
            "charts": [f"{hidden}.{hidden}0", "superset.c1", f"{hidden}.{hidden}1"],
            "owners": [{"type": "user", "name": "vera"}],
            "tags": [{"tagFQN": "PII.Email"}],
            "extension": {"refs": [board, {"type": "user", "name": "ann"}]},
        },
        {"charts": ["superset.c1"], "extension": {"refs": None}},
        {"charts": [f"{hidden}.{hidden}1", f"{hidden}.{hidden}0"], "extension": {"refs": [board]}},
    ]
    for version in versions:
        await admin.upsert_dashboard(dashboard={"name": "holder", "service": "superset", **version})
    plain = {"name": "plain", "service": "looker", "project": "emea", "description": "revenue, region by region"}
    await admin.upsert_dashboard(dashboard=plain)
    await admin.rename_chart(fully_qualified_name="superset.c3", new_name="c3 today")
    items: list[Json] = [
        {"dashboard": {"name": "a", "service": "superset", "charts": [f"{hidden}.{hidden}0", f"{hidden}.none"]}},
        {"dashboard": {"name": "b", "service": "superset", "charts": ["superset.c1"]}},
        {"dashboard": {"name": "c", "service": hidden, "charts": [f"{hidden}.none"]}},
        {"dashboard": {"name": "d", "service": hidden}},
    ]
    streams = {
        f"session {who} {number}": await caller.bulk(items, options={"service": service} if service else {})
        for who, caller in (("bot", bot), ("admin", admin))
        for number, service in enumerate(("", "superset", hidden))
    }
    return {name: stream.started["sessionId"] for name, stream in streams.items()}


async def fill_more(admin: Caller) -> None:
    """Adds what only one of the catalogs has: all of it hidden, and some of it gone."""
    names = ("attic", "brief", "Superset Production", "lookers")
    await loaded(admin, *({"entity": {"biService": {"name": name, "serviceType": "Vault"}}} for name in names))
    await loaded(
        admin,
        *({"chart": {"name": name, "service": "attic"}} for name in ("old", "older")),
        *({"dashboard": {"name": f"revenue{n}", "service": "attic", "project": "p1"}} for n in range(9)),
        {"chart": {"name": "regoin", "service": "attic", "chartType": "T1", "description": "revenue " * 9}},
        {"dashboard": {"name": "gone", "service": "brief", "owners": [{"type": "user", "name": "ann"}]}},
    )
    await admin.bulk([{"dashboard": {"name": "gone too", "service": "brief"}}], options={"service": "brief"})
    await admin.rename_chart(fully_qualified_name="attic.old", new_name="new")
    await admin.rename_entity(kind="KIND_BI_SERVICE", fully_qualified_name="attic", new_name="attic today")
    for name in ("gone", "gone too"):
        await admin.delete_dashboard(fully_qualified_name=f"brief.{name}", hard=True)
    await admin.delete_entity(kind="KIND_BI_SERVICE", fully_qualified_name="brief", hard=True)


async def loaded(caller: Caller, *items: Json) -> None:
    assert not (await caller.bulk(items)).failures


def searches(caller: Caller) -> Asked:
    """Yields searches with counts, by what may be hidden."""
    search = Searcher(caller).search
    facets = [f"FACET_{facet}" for facet in FACETS]
    for query in QUERIES:
        yield f"search {query}", search(query, facets=facets, page_size=3, deleted="DELETED_INCLUDE")
    yield "search in a service", search("", service="attic", facets=facets)
    yield "search by name", search("", service_type="Vault", order_by="name", page_size=2)


def streams(caller: Caller) -> Asked:
    """Yields watches and exports."""
    for wanted in WATCHES:
        begun = {**wanted, "start": "WATCH_START_BEGINNING", "include_state": True}
        yield f"watch {wanted}", watched(caller, **begun)
        yield f"watch {wanted} from the first change", watched_from_first(caller, **wanted)
    for gone in ("brief", "attic"):
        yield f"watch {gone}", watched(caller, services=[gone])
    for wanted in ({"kinds": ["KIND_DASHBOARD"], "services": ["superset"]}, {"kinds": ["KIND_BI_SERVICE"]}):
        yield f"export {wanted}", exported(caller, **wanted)


async def exported(caller: Caller, **wanted: Any) -> Json:
    found = await export(caller, **wanted)
    return {
        "items": [as_json(item) for item in found.items],
        "resumeToken": found.tokens[-1],
        "watchToken": found.watch_token,
    }


def versions(caller: Caller) -> Asked:
    """Yields calls about older versions of what refers to hidden things, and about the work of bulk sessions."""
    key = {"fully_qualified_name": "superset.holder"}
    yield "versions", caller.list_dashboard_versions(**key, page_size=2)
    for one, other in ((0.1, 0.2), (0.2, 0.3), (0.3, 0.1)):
        yield f"compare {one}", caller.compare_dashboard_versions(**key, from_version=one, to_version=other)
    for version in (0.1, 0.2):
        yield f"revert {version}", caller.revert_dashboard(**key, version=version, validate_only=True)
    for filters in ({"updated_by": "admin"}, {"missing": ["MISSING_OWNERS", "MISSING_DOMAIN"]}):
        for rpc in ("list_dashboards", "list_charts"):
            yield f"{rpc} {filters}", getattr(caller, rpc)(**filters, include_total=True, page_size=2)


def sessions(caller: Caller, ids: dict[str, str]) -> Asked:
    """Yields calls about bulk sessions."""
    yield "sessions", caller.list_bulk_sessions(page_size=50)
    yield "first session", caller.list_bulk_sessions(page_size=1)
    for name, id_ in ids.items():
        yield f"get {name}", caller.get_bulk_session(session_id=id_)
        yield f"undo {name}", caller.stream("RevertSession", session_id=id_, validate_only=True)


def names(caller: Caller) -> Asked:
    """Yields calls that name what is hidden, or was once called so."""
    tried = {"validate_only": True}
    for fqn in NAMES:
        service, name = fqn.replace('"', "").rsplit(".", 1)
        key = {"fully_qualified_name": fqn}
        yield f"get {fqn}", caller.get_chart(**key)
        yield f"versions {fqn}", caller.list_chart_versions(**key)
        yield f"compare {fqn}", caller.compare_chart_versions(**key, from_version=0.1)
        yield f"rename {fqn}", caller.rename_chart(**key, new_name="x", **tried)
        yield f"revert {fqn}", caller.revert_chart(**key, version=0.1, **tried)
        yield f"create {fqn}", caller.create_chart(chart={"name": name, "service": service}, **tried)
        for field in ({"charts": [fqn]}, {"extension": {"refs": [{"type": "chart", "fullyQualifiedName": fqn}]}}):
            spec = {"name": "holder", "service": "superset", **field}
            yield f"refer {field}", caller.upsert_dashboard(dashboard=spec, **tried)
        yield (
            f"rename service {fqn}",
            caller.rename_entity(kind="KIND_BI_SERVICE", fully_qualified_name=service, new_name="x", **tried),
        )
        items: list[Json] = [{"chart": {"name": name, "service": service}}]
        items.append({"dashboard": {"name": "new", "service": "superset", "charts": [fqn, "superset.new"]}})
        yield f"ingest {fqn}", ingested(caller, items, service, missing_references="MISSING_REFERENCES_CREATE")
        items = [{"dashboard": {"name": "holder", "service": "superset", "charts": [fqn]}}]
        items.append({"entity": {"biService": {"name": service, "serviceType": "Vault"}}})
        yield f"ingest what refers to {fqn}", ingested(caller, items)


async def ingested(caller: Caller, items: list[Json], service: str = "", **others: Any) -> Json:
    options = {"validate_only": True, **({"service": service} if service else {}), **others}
    bulk = await caller.bulk(items, options={"result_view": "RESULT_VIEW_ALL", **options}, finish={"total_items": 2})
    return {"results": bulk.results, "summary": bulk.summary, "refused": str(bulk.refused)}


LIMIT = ("superset", "looker")
CALLERS: dict[str, Callable[[Service], Caller]] = {
    "limited": lambda service: service.caller("lim", "admin", services=LIMIT),
    "half": lambda service: service.caller("half", "half"),
    "charter": lambda service: service.caller("charter", "charter"),
    "owner": lambda service: service.caller("vera"),
}


@asynccontextmanager
async def filled(url: str, folder: Path, *, more: bool) -> AsyncIterator[tuple[Service, dict[str, str]]]:
    """Runs a server with one of the two catalogs."""
    policies = folder / "policies"
    policies.mkdir(parents=True)
    for file in DEFAULT_FOLDER.glob("*.cedar"):
        (policies / file.name).write_text(file.read_text())
    (policies / "more.cedar").write_text(POLICIES)
    async with running(url, folder, policy_dir=policies) as (_, service):
        admin, bot = service.caller("admin", "admin"), service.caller("loader", "ingestion_bot", bot=True)
        ids = await fill(admin, bot, "crypt" if more else "vault")
        if more:
            await fill_more(admin)
        async with indexing(service.database, service.index.folder):
            await until_indexed(Searcher(admin))
        yield service, ids


async def test_hidden_things_change_no_answer(
    database_url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    kind = database_url.partition("+")[0]
    # Every call waits for PostgreSQL, which has no part in the rule: one caller shows that it finds the same things.
    callers = ["half", "charter", "owner"] if kind == "sqlite" else ["limited"]
    told: list[dict[str, Transcript]] = []
    for more in (False, True):
        url = shared_database(kind, request).renewed() if more else database_url
        async with filled(url, tmp_path / str(more), more=more) as (service, ids):
            told.append({name: Transcript(ids) for name in callers})
            for name, transcript in told[-1].items():
                caller = CALLERS[name](service)
                for asked in (
                    searches(caller),
                    streams(caller),
                    versions(caller),
                    sessions(caller, ids),
                    names(caller),
                ):
                    await transcript.add(asked)
    for name in callers:
        one, other = (transcripts[name].answers for transcripts in told)
        assert len(one) > 50
        assert {asked: (one[asked], other[asked]) for asked in one if one[asked] != other[asked]} == {}, name


async def test_a_made_up_token_tells_nothing_of_a_hidden_service(service: Service, superset: Caller) -> None:
    limited = service.caller("lim", "admin", services=["superset"])
    looker = (await superset.get_entity(kind="KIND_BI_SERVICE", fully_qualified_name="looker"))["entity"]["biService"]
    for number in (1, 2**40):
        token = with_places(await watch_from_now(limited), {UUID(looker["id"]): Place(number)})
        async with watching(limited, resume_token=token) as watcher:
            await watcher.catch_up()
            assert UUID(looker["id"]) not in positions.decode(watcher.token)[1]
    # Whoever may view it learns that the catalog was set back.
    token = with_places(await watch_from_now(superset), {UUID(looker["id"]): Place(2**40)})
    async with watching(superset, resume_token=token) as watcher:
        assert (await watcher.end()).reason == "RESUME_TOKEN_EXPIRED"
