"""Create returns what the catalog stores, and refuses a name that is taken."""

import re
import unicodedata
from typing import Any
from uuid import UUID

import pytest

from tests.service.assets import KINDS, Assets, all_rows, each_kind, fqns, timeless
from tests.service.caller import Caller, Json, Refused, Service

COMMON: Json = {
    "displayName": "Sales",
    "description": "# Sales\n\n  per *day*  ",
    "sourceUrl": "https://bi/1",
    "sourceHash": "0123456789abcdef0123456789abcdef",
}


@each_kind
async def test_an_asset_with_the_fewest_fields_starts_at_version_0_1(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)

    created = await assets.create("a1")

    assert UUID(created.pop("id")).version == 7
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", created.pop("updatedAt"))
    assert created.pop("etag")
    service = created.pop("service")
    assert UUID(service.pop("id")).version == 7
    assert service == {"type": "dashboardService", "name": "superset", "fullyQualifiedName": "superset"}
    assert created.pop("dashboardType", None) == ("Dashboard" if kind == "dashboard" else None)
    assert created == {
        "name": "a1",
        "fullyQualifiedName": "superset.a1",
        "serviceType": "Superset",
        "version": 0.1,
        "updatedBy": "admin",
    }


@each_kind
async def test_a_created_asset_is_found_by_id_and_by_name_in_any_quoting(superset: Caller, kind: str) -> None:
    created = await Assets(superset, kind).create("a1")
    get = getattr(superset, f"get_{kind}")

    for key in (
        {"id": created["id"]},
        {"id": created["id"].upper()},
        {"fully_qualified_name": "superset.a1"},
        {"fully_qualified_name": '"superset"."a1"'},
    ):
        assert (await get(**key))[kind] == created


@each_kind
async def test_a_read_mask_selects_the_returned_fields(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    created = await assets.create("a1", displayName="Sales", domain="finance")

    masked = await assets.get("a1", read_mask="displayName,domains,serviceType,version")
    assert masked == {name: created[name] for name in ("displayName", "domains", "serviceType", "version")}

    stranger = "chartType" if kind == "dashboard" else "charts"
    with pytest.raises(Refused) as refused:
        await assets.get("a1", read_mask=f"name,nope,{stranger},domain")
    assert refused.value.violations == {f"read_mask.paths[{index}]": "UNKNOWN_FIELD" for index in (1, 2, 3)}


@each_kind
async def test_every_field_is_returned(superset: Caller, kind: str) -> None:
    await superset.upsert_entity(
        entity={"customProperty": {"name": "costCentre", "appliesTo": "chart", "propertyType": "string"}}
    )
    own: Json = {"dashboardType": "Report", "project": "EMEA"} if kind == "dashboard" else {"chartType": "Sunburst"}

    created = await Assets(superset, kind).create(
        "a1",
        **COMMON,
        **own,
        owners=[{"type": "user", "name": "ann"}, {"type": "user", "name": "bob"}],
        domain="finance.tax",
        tags=[{"tagFQN": "Tier.Gold"}, {"tagFQN": "PII.Email", "labelType": "Derived", "state": "Suggested"}],
        extension={"costCentre": "X1"},
    )

    assert {name: created.get(name) for name in COMMON | own} == COMMON | own
    assert fqns(created["owners"]) == ["ann", "bob"]
    assert fqns(created["domains"]) == ["finance.tax"]
    assert created["tags"] == [
        {"tagFQN": "PII.Email", "source": "Classification", "labelType": "Derived", "state": "Suggested"},
        {"tagFQN": "Tier.Gold", "source": "Classification", "labelType": "Manual", "state": "Confirmed"},
    ]
    assert created["extension"] == {"costCentre": "X1"}
    assert await Assets(superset, kind).get("a1") == created


async def test_charts_become_references_in_the_sent_order_also_from_another_service(superset: Caller) -> None:
    await superset.upsert_chart(chart={"name": "c2", "service": "superset", "displayName": "By day"})

    created = await Assets(superset, "dashboard").create("d1", charts=["superset.c3", "looker.c1", "superset.c2"])

    assert fqns(created["charts"]) == ["superset.c3", "looker.c1", "superset.c2"]
    last = created["charts"][-1]
    assert UUID(last.pop("id")).version == 7
    assert last == {
        "type": "chart",
        "name": "c2",
        "fullyQualifiedName": "superset.c2",
        "displayName": "By day",
    }


async def test_duplicates_in_lists_are_dropped_in_any_spelling(superset: Caller) -> None:
    ann = (await superset.get_entity(kind="KIND_USER", fully_qualified_name="ann"))["entity"]["user"]

    created = await Assets(superset, "dashboard").create(
        "d1",
        charts=["superset.c2", "superset.c1", '"superset"."c2"', "superset.c1"],
        owners=[{"type": "user", "name": "ann"}, {"type": "user", "id": ann["id"]}, {"type": "user", "name": "ann"}],
        tags=[{"tagFQN": "PII.Email", "labelType": "Derived"}, {"tagFQN": 'PII."Email"'}],
    )

    assert fqns(created["charts"]) == ["superset.c2", "superset.c1"]
    assert fqns(created["owners"]) == ["ann"]
    assert [(tag["tagFQN"], tag["labelType"]) for tag in created["tags"]] == [("PII.Email", "Derived")]


@each_kind
async def test_empty_texts_and_lists_count_as_absent(superset: Caller, kind: str) -> None:
    empty: Json = {"displayName": "", "description": "", "sourceUrl": "", "sourceHash": "", "domain": ""}
    empty |= {"owners": [], "tags": [], "extension": {}}
    own = {"dashboardType": "", "project": "", "charts": []} if kind == "dashboard" else {"chartType": ""}

    sent = await Assets(superset, kind).create("a1", **empty, **own)
    least = await Assets(superset, kind).create("a2")

    assert sent.keys() == least.keys()


@each_kind
async def test_a_name_is_stored_as_sent_and_quoted_in_the_fqn(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)

    for name, segment in (
        ("a.b", '"a.b"'),
        ('a"b', '"a""b"'),
        ('"a.b"', '"""a.b"""'),
        ("sales / day > 1", "sales / day > 1"),
        ("  padded  ", "  padded  "),
        ("Größe 📈 \u200fעברית", "Größe 📈 \u200fעברית"),
    ):
        created = await assets.create(name)
        assert (created["name"], created["fullyQualifiedName"]) == (name, f"superset.{segment}")
        assert await assets.get(segment) == created


async def test_a_service_name_that_needs_quotes_is_quoted_in_names_of_its_assets(superset: Caller) -> None:
    await superset.upsert_entity(entity={"biService": {"name": "bi.eu", "serviceType": "Superset"}})
    await superset.create_chart(chart={"name": "c.1", "service": '"bi.eu"'})

    created = await superset.create_dashboard(
        dashboard={"name": "d", "service": '"bi.eu"', "charts": ['"bi.eu"."c.1"']}
    )
    dashboard = created["dashboard"]

    assert dashboard["fullyQualifiedName"] == '"bi.eu".d'
    assert (dashboard["service"]["name"], dashboard["service"]["fullyQualifiedName"]) == ("bi.eu", '"bi.eu"')
    assert (dashboard["charts"][0]["name"], dashboard["charts"][0]["fullyQualifiedName"]) == ("c.1", '"bi.eu"."c.1"')


@each_kind
async def test_names_are_compared_byte_for_byte_without_normalization(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    names = ["Café", unicodedata.normalize("NFD", "Café"), "café", "CAFÉ", "Café ", "ß", "ss", "ẞ"]

    ids = {(await assets.create(name))["id"] for name in names}

    assert len(ids) == len(names)
    assert [(await assets.get(name))["name"] for name in names] == names


async def test_a_name_is_unique_per_kind_and_service(superset: Caller) -> None:
    for service in ("superset", "looker"):
        await superset.create_dashboard(dashboard={"name": "a1", "service": service})
        await superset.create_chart(chart={"name": "a1", "service": service})

    for kind in KINDS:
        with pytest.raises(Refused, match="ALREADY_EXISTS"):
            await Assets(superset, kind).create("a1")


@each_kind
async def test_an_error_for_a_taken_name_names_its_holder(superset: Caller, steward: Caller, kind: str) -> None:
    created = await Assets(superset, kind).create("a.1", description="one")
    await Assets(steward, kind).upsert("a.1", description="two")

    # Other errors in the spec are reported later.
    with pytest.raises(Refused) as refused:
        await Assets(superset, kind).create("a.1", domain="nowhere")

    error = refused.value
    assert (error.code, error.reason) == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    assert error.metadata == {"id": created["id"], "version": "0.2", "updated_by": "stella", "deleted": "false"}
    assert error.details["ResourceInfo"] == {"resourceType": kind, "resourceName": 'superset."a.1"'}
    assert error.details["ErrorInfo"]["domain"] == "dashboardcatalog.v1"
    assert error.details["RequestInfo"]["requestId"]
    assert "restore" not in error.message


@each_kind
async def test_an_error_for_the_name_of_a_deleted_asset_suggests_restore(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    created = await assets.create("a1")
    await assets.delete("a1")

    with pytest.raises(Refused, match=r"is deleted.*restore") as refused:
        await assets.create("a1")

    assert refused.value.code == "ALREADY_EXISTS"
    assert refused.value.metadata == {"id": created["id"], "version": "0.2", "updated_by": "admin", "deleted": "true"}


@each_kind
async def test_validate_only_returns_the_same_and_writes_nothing(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    fields: dict[str, Any] = {**COMMON, "domain": "finance", "owners": [{"type": "team", "name": "sales"}]}
    before = await all_rows(service.database)

    tried = await assets.create("a1", validate_only=True, **fields)
    with pytest.raises(Refused) as refused:
        await assets.create("a2", validate_only=True, domain="nowhere")

    assert await all_rows(service.database) == before
    assert refused.value.violations == {f"{kind}.domain": "UNKNOWN_REFERENCE"}
    done = await assets.create("a1", **fields)
    assert timeless(tried) == timeless(done)
    with pytest.raises(Refused, match="ALREADY_EXISTS"):
        await assets.create("a1", validate_only=True)


@each_kind
async def test_an_asset_that_never_existed_is_not_found(superset: Caller, kind: str) -> None:
    get = getattr(superset, f"get_{kind}")
    other = await Assets(superset, "chart" if kind == "dashboard" else "dashboard").create("other")
    unknown = "6f1c1f2e-0000-7000-8000-000000000000"

    for key, shown in (
        ({"id": unknown}, unknown),
        ({"id": other["id"]}, other["id"]),
        ({"fully_qualified_name": "superset.A1"}, "superset.A1"),
        ({"fully_qualified_name": '"nowhere"."a.1"'}, 'nowhere."a.1"'),
    ):
        with pytest.raises(Refused) as refused:
            await get(**key)
        assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "NOT_FOUND")
        assert refused.value.details["ResourceInfo"] == {"resourceType": kind, "resourceName": shown}
