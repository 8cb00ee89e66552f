"""Tokens limited to BI services, and policies that check attributes: what their callers can see and write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.auth.policy_files import DEFAULT_FOLDER
from tests.patience import PATIENCE
from tests.service.assets import all_rows, on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.servers import running

NOBODY = "00000000-0000-4000-8000-000000000000"


def names_in(answer: Json) -> list[str]:
    return [each["fullyQualifiedName"] for found in answer.values() if isinstance(found, list) for each in found]


async def denial(call: Any, **request: Any) -> tuple[str, Json]:
    """Makes a call that is denied and returns its whole status except the id of the call."""
    with pytest.raises(Refused) as caught:
        await call(**request)
    assert (caught.value.code, caught.value.reason) == ("PERMISSION_DENIED", "ACTION_DENIED")
    return caught.value.message, {**caught.value.details, "RequestInfo": None}


@pytest.fixture
async def limited(service: Service, superset: Caller) -> Caller:
    """An administrator of superset only, in a catalog with dashboards d0 to d5 in superset and in looker."""
    items = [
        {"dashboard": {"name": f"d{number}", "service": name, "charts": ["superset.c1", "looker.c1"], "project": "p"}}
        for number in range(6)
        for name in ("superset", "looker")
    ]
    assert (await superset.bulk(items)).counts == {"created": 12}
    return service.caller("sue", "admin", services=["superset"])


async def test_lists_totals_and_pages_contain_only_visible_assets(service: Service, limited: Caller) -> None:
    mine = [f"superset.d{number}" for number in range(6)]

    whole = await limited.list_dashboards(include_total=True)
    assert (names_in(whole), whole["total"]) == (mine, "6")
    assert names_in(await limited.list_charts()) == [f"superset.c{number}" for number in (1, 2, 3)]
    pages: list[list[str]] = []
    token = ""
    while token or not pages:
        page = await limited.list_dashboards(page_size=2, page_token=token, include_total=True, order_by="name desc")
        assert page["total"] == "6"
        pages.append(names_in(page))
        token = page.get("nextPageToken", "")
    # Pages are full, although an asset of looker lies between any two results.
    assert pages == [[f"superset.d{number}", f"superset.d{number - 1}"] for number in (5, 3, 1)]
    for filters in ({"project": "p"}, {"chart": "superset.c1"}, {"service_type": "Superset"}, {"name_prefix": "d"}):
        found = await limited.list_dashboards(**filters, include_total=True)
        assert (names_in(found), found["total"]) == (mine, "6"), filters
    for filters in ({"service": "looker"}, {"service_type": "Looker"}, {"service": "nothing"}):
        assert await limited.list_dashboards(**filters, include_total=True) == {"total": "0"}
    # Filters do not reveal whether a thing of another service exists.
    for chart in ("looker.c1", "looker.none", "nothing.c1"):
        assert await limited.list_dashboards(chart=chart, include_total=True) == {"total": "0"}
    assert await limited.list_charts(dashboard="looker.d1") == await limited.list_charts(dashboard="looker.none") == {}
    services = await limited.list_entities(kind="KIND_BI_SERVICE")
    assert [each["biService"]["name"] for each in services["entities"]] == ["superset"]
    elsewhere = service.caller("sue", "data_consumer", services=["nothing"])
    for listed in (elsewhere.list_dashboards(), elsewhere.list_entities(kind="KIND_BI_SERVICE")):
        assert await listed == {}
    # Things without a service are left to the roles.
    assert len((await limited.list_entities(kind="KIND_TAG"))["entities"]) == 4


@on_one_database
async def test_a_get_outside_the_limit_is_denied_whether_or_not_the_asset_exists(
    superset: Caller, limited: Caller
) -> None:
    assert (await limited.get_dashboard(fully_qualified_name="superset.d1"))["dashboard"]["name"] == "d1"
    for kind, call in (("dashboard", limited.get_dashboard), ("chart", limited.get_chart)):
        absent = await denial(call, fully_qualified_name="looker.new")
        await getattr(superset, f"create_{kind}")(**{kind: {"name": "new", "service": "looker"}})
        assert await denial(call, fully_qualified_name="looker.new") == absent
        assert await denial(call, fully_qualified_name="looker.new", version=0.1, deleted="DELETED_ONLY") == absent
        assert await denial(call, fully_qualified_name="nothing.new")
    service: Json = {"kind": "KIND_BI_SERVICE", "fully_qualified_name": "new"}
    absent = await denial(limited.get_entity, **service)
    await superset.upsert_entity(entity={"biService": {"name": "new", "serviceType": "Mode"}})
    assert await denial(limited.get_entity, **service) == absent
    assert await limited.get_entity(kind="KIND_BI_SERVICE", fully_qualified_name='"superset"')
    assert await limited.get_entity(kind="KIND_USER", fully_qualified_name="ann")
    # An id names no service, so it is not found.
    stored = (await superset.get_dashboard(fully_qualified_name="looker.d1"))["dashboard"]["id"]
    for id_ in (NOBODY, stored):
        with pytest.raises(Refused, match=f"there is no dashboard {id_}"):
            await limited.get_dashboard(id=id_)


@on_one_database
async def test_a_write_outside_the_limit_is_denied_whether_or_not_the_asset_exists(
    service: Service, limited: Caller
) -> None:
    rows = await all_rows(service.database)
    for name in ("d1", "none"):
        spec: Json = {"dashboard": {"name": name, "service": "looker", "displayName": "Mine"}}
        key = {"fully_qualified_name": f"looker.{name}"}
        denials = [
            await denial(limited.create_dashboard, **spec),
            await denial(limited.upsert_dashboard, **spec),
            await denial(limited.upsert_dashboard, **spec, validate_only=True),
            await denial(limited.update_dashboard, **key, dashboard={}, update_mask="displayName"),
            await denial(limited.delete_dashboard, **key),
            await denial(limited.delete_dashboard, **key, allow_missing=True),
            await denial(limited.delete_dashboard, **key, hard=True),
            await denial(limited.restore_dashboard, **key),
        ]
        verbs = ["create", "upsert", "upsert", "update", "delete", "delete", "hard_delete", "restore"]
        assert [message for message, _ in denials] == [f"sue may not {verb} dashboard looker.{name}" for verb in verbs]
    for name in ("looker", "nothing"):
        entity: Json = {"biService": {"name": name, "serviceType": "Looker", "displayName": "Mine"}}
        key = {"kind": "KIND_BI_SERVICE", "fully_qualified_name": name}
        await denial(limited.upsert_entity, entity=entity)
        await denial(limited.delete_entity, **key)
        await denial(limited.delete_entity, **key, hard=True)
    bulk = await limited.bulk(
        [
            {"chart": {"name": "c1", "service": "looker"}},
            {"entity": {"biService": {"name": "x", "serviceType": "Mode"}}},
        ],
    )
    assert bulk.failures == {0: {"": "ACTION_DENIED"}, 1: {"": "ACTION_DENIED"}}
    assert await all_rows(service.database) == rows


@on_one_database
async def test_within_the_limit_a_token_writes_as_its_roles_allow(service: Service, limited: Caller) -> None:
    spec: Json = {"name": "new", "service": "superset", "charts": ["superset.c1"]}
    assert (await limited.create_dashboard(dashboard=spec))["dashboard"]["charts"][0]["name"] == "c1"
    await limited.upsert_entity(entity={"biService": {"name": "superset", "displayName": "Superset"}})
    await limited.upsert_entity(entity={"user": {"name": "carl"}})
    await limited.delete_dashboard(fully_qualified_name="superset.new")
    both = service.caller("sue", "data_steward", services=["superset", "looker"])
    assert (await both.list_dashboards(include_total=True))["total"] == "12"
    # A limit grants no permissions, and it restricts owners too.
    consumer = service.caller("sue", "data_consumer", services=["superset"])
    await denial(consumer.create_dashboard, dashboard=spec | {"name": "other"})
    owned = {"name": "d1", "service": "looker", "owners": [{"type": "user", "name": "ann"}]}
    await both.upsert_dashboard(dashboard=owned)
    owner = service.caller("ann", services=["superset"])
    await denial(owner.upsert_dashboard, dashboard=owned)
    assert await service.caller("ann").upsert_dashboard(dashboard=owned)


# A keeper may change assets in the domain finance, a mover may also write to sales, and a looker may view
# BI services of one type.
POLICIES = """
@id("looks") permit (principal in Role::"keeper", action == Action::"view", resource);
@id("keeps") permit (
    principal in Role::"keeper", action in [Action::"create", Action::"update", Action::"delete"], resource is Asset
) when { resource in Domain::"finance" };
@id("keeps-too") permit (
    principal in Role::"mover", action in [Action::"create", Action::"update"], resource is Asset
) when { resource in Domain::"sales" };
@id("looker") permit (principal in Role::"looker", action == Action::"view", resource)
when { resource has service_type && resource.service_type == "Looker" };
"""


@pytest.fixture
async def governed(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A server with `POLICIES` beside those of the administrator."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "admin.cedar").write_text((DEFAULT_FOLDER / "admin.cedar").read_text())
    (folder / "own.cedar").write_text(POLICIES)
    async with running(database_url, tmp_path / "data", policy_dir=folder) as (_, service):
        admin = service.caller("admin", "admin")
        await admin.add_small_catalog()
        await admin.bulk(
            [{"entity": {"domain": {"name": "sales"}}}],
            [
                {"dashboard": {"name": name, "service": "superset", "domain": domain}}
                for name, domain in {"f": "finance", "t": "finance.tax", "s": "sales", "n": ""}.items()
            ],
        )
        yield service


async def test_a_change_of_domain_needs_permission_in_the_new_domain(governed: Service) -> None:
    keeper, both = governed.caller("kim", "keeper"), governed.caller("kim", "keeper", "mover")

    async def move(caller: Caller, name: str, domain: str) -> Json:
        request: Json = {"dashboard": {"domain": domain}, "update_mask": "domain"}
        answer = await caller.update_dashboard(fully_qualified_name=f"superset.{name}", **request)
        moved: Json = answer["dashboard"]
        return moved

    # Stored assets are decided by their stored attributes, including subdomains.
    for name in ("f", "t"):
        key = {"fully_qualified_name": f"superset.{name}"}
        await keeper.update_dashboard(**key, dashboard={"displayName": "Kept"}, update_mask="displayName")
        # Assets may move within the domain.
        assert (await move(keeper, name, "finance.tax"))["domains"][0]["fullyQualifiedName"] == "finance.tax"
        # They may not move into another, into none or into an unknown domain.
        for domain in ("sales", "", "nowhere"):
            denied = await denial(move, caller=keeper, name=name, domain=domain)
            assert denied[0] == f"kim may not update dashboard superset.{name}"
            spec: Json = {"name": name, "service": "superset", "domain": domain}
            tried = {"update_mask": "domain", "validate_only": True}
            await denial(keeper.upsert_dashboard, dashboard=spec, **tried)
            bulk = await keeper.bulk([{"dashboard": spec}], options={"update_mask": "domain"})
            assert bulk.failures == {0: {"": "ACTION_DENIED"}}
    # Nor may assets be moved into the domain from elsewhere, or written there without naming it.
    for name in ("s", "n"):
        await denial(move, caller=keeper, name=name, domain="finance")
        await denial(keeper.upsert_dashboard, dashboard={"name": name, "service": "superset"})
    # A caller with permission in both may move them.
    assert (await move(both, "f", "sales"))["domains"][0]["name"] == "sales"
    assert (await move(both, "f", "finance"))["domains"][0]["name"] == "finance"
    # For a caller who may write, an unknown domain is an invalid reference.
    with pytest.raises(Refused) as caught:
        await move(governed.caller("admin", "admin"), "f", "nowhere")
    assert caught.value.violations == {"dashboard.domain": "UNKNOWN_REFERENCE"}


@on_one_database
async def test_new_assets_are_decided_by_the_sent_attributes_and_absent_ones_without_any(governed: Service) -> None:
    keeper = governed.caller("kim", "keeper")
    for name, domain in (("new", "finance"), ("newer", "finance.tax")):
        spec: Json = {"name": name, "service": "superset", "domain": domain}
        assert (await keeper.create_dashboard(dashboard=spec))["dashboard"]["name"] == name
        assert (await keeper.upsert_chart(chart=spec))["outcome"] == "OUTCOME_CREATED"
    for domain in ("", "sales", "nowhere"):
        spec = {"name": "other", "service": "superset", "domain": domain}
        await denial(keeper.create_dashboard, dashboard=spec)
        await denial(keeper.upsert_chart, chart=spec)
    # An absent asset is in no domain.
    for key in ({"fully_qualified_name": "superset.none"}, {"id": NOBODY}):
        await denial(keeper.delete_dashboard, **key)
        await denial(keeper.update_dashboard, **key, dashboard={"domain": "finance"}, update_mask="domain")
    assert await keeper.delete_dashboard(fully_qualified_name="superset.new")


@on_one_database
async def test_viewing_is_decided_for_each_service(governed: Service) -> None:
    viewer, nobody = governed.caller("lou", "looker"), governed.caller("lou")

    charts = await viewer.list_charts(include_total=True)
    assert (names_in(charts), charts["total"]) == (["looker.c1"], "1")
    assert await viewer.list_dashboards(include_total=True) == {"total": "0"}
    assert await viewer.get_chart(fully_qualified_name="looker.c1")
    await denial(viewer.get_chart, fully_qualified_name="superset.c1")
    for kind in ("dashboard", "chart"):
        await denial(getattr(nobody, f"list_{kind}s"), service="looker")


@on_one_database
async def test_changed_policies_take_effect_while_the_server_runs(governed: Service, tmp_path: Path) -> None:
    nobody = governed.caller("lou", "newcomer")
    await denial(nobody.list_charts)

    new = 'permit (principal in Role::"newcomer", action == Action::"view", resource);'
    (tmp_path / "policies" / "new.cedar").write_text(new)

    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(Refused):
                assert names_in(await nobody.list_charts())
                return
            await asyncio.sleep(0.1)
