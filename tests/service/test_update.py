"""Update writes exactly the fields in its mask."""

import importlib
from typing import Any

import pytest
from google.protobuf import json_format

from tests.service.assets import Assets, all_rows, each_kind, fqns, on_one_database, timeless
from tests.service.caller import Caller, Json, Refused, Service

SET: Json = {
    "displayName": "Sales",
    "description": "By day",
    "sourceUrl": "https://bi/1",
    "owners": [{"type": "user", "name": "ann"}],
    "tags": [{"tagFQN": "PII.Email"}],
    "domain": "finance",
}


@each_kind
async def test_only_what_the_mask_names_is_written(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    before = await assets.create("a1", **SET)

    after = await assets.update("a1", "description", "domain", displayName="Verkauf", description="By week", domain="")

    assert (after["displayName"], after["description"]) == ("Sales", "By week")
    assert "domains" not in after
    assert {name: after[name] for name in ("sourceUrl", "owners", "tags")} == {
        name: before[name] for name in ("sourceUrl", "owners", "tags")
    }
    assert (after["version"], after["id"]) == (0.2, before["id"])
    assert await assets.get("a1") == after


@each_kind
async def test_empty_fields_in_the_mask_are_cleared(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    own = ["project", "charts", "dashboardType"] if kind == "dashboard" else ["chartType"]
    await assets.create("a1", **SET, sourceHash="abc")

    after = await assets.update("a1", *SET, *own, "sourceHash", "extension")

    assert not after.keys() & {*SET, "domains", "sourceHash"}
    # An absent spec is the same as an empty one.
    await assets.update("a1", "description", description="back")
    update = getattr(superset, f"update_{kind}")
    assert "description" not in (await update(fully_qualified_name="superset.a1", update_mask="description"))[kind]


async def test_charts_are_added_replaced_and_removed(superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    await dashboards.create("d1")

    for charts in (["superset.c1"], ["superset.c2", "superset.c1"], ["looker.c1"], []):
        after = await dashboards.update("d1", "charts", charts=charts)
        assert fqns(after.get("charts", [])) == charts
    assert (await dashboards.get("d1"))["version"] == 0.5


async def test_extension_merges_and_an_empty_one_clears_all(superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    await dashboards.create("d1", extension={"costCentre": "X1"})

    merged = await dashboards.update("d1", "extension", extension={"budget": 7})
    cleared = await dashboards.update("d1", "extension", extension={"costCentre": None})
    empty = await dashboards.update("d1", "extension")

    assert merged["extension"] == {"costCentre": "X1", "budget": 7}
    assert cleared["extension"] == {"budget": 7}
    assert "extension" not in empty


@each_kind
async def test_a_mask_is_required_unless_fields_are_released(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    before = await assets.create("a1", **SET)

    with pytest.raises(Refused) as refused:
        await assets.update("a1", description="By week")
    assert (refused.value.code, refused.value.violations) == ("INVALID_ARGUMENT", {"update_mask": "REQUIRED"})

    released = await getattr(superset, f"update_{kind}")(
        fully_qualified_name="superset.a1", release={"fields": ["description"]}, **{kind: {"description": "By week"}}
    )
    assert (released[kind]["description"], released[kind]["version"]) == ("By day", 0.1)
    assert released[kind]["updatedAt"] == before["updatedAt"]


@each_kind
async def test_name_and_service_may_be_repeated_but_never_change(service: Service, superset: Caller, kind: str) -> None:
    await superset.upsert_entity(entity={"biService": {"name": "bi.eu", "serviceType": "Superset"}})
    await getattr(superset, f"create_{kind}")(**{kind: {"name": "a.1", "service": '"bi.eu"'}})
    update = getattr(superset, f"update_{kind}")
    key: Json = {"fully_qualified_name": '"bi.eu"."a.1"', "update_mask": "description"}

    same = await update(**key, **{kind: {"name": "a.1", "service": '"bi.eu"', "description": "one"}})
    assert same[kind]["version"] == 0.2

    before = await all_rows(service.database)
    for spec, violations in (
        ({"name": "A.1", "service": "superset"}, {"name": "IMMUTABLE", "service": "IMMUTABLE"}),
        ({"name": '"a.1"'}, {"name": "IMMUTABLE"}),
        ({"service": "bi.eu"}, {"service": "INVALID_FORMAT"}),
    ):
        with pytest.raises(Refused) as refused:
            await update(**key, **{kind: {**spec, "description": "two"}})
        assert refused.value.code == "INVALID_ARGUMENT"
        assert refused.value.violations == {f"{kind}.{field}": reason for field, reason in violations.items()}
    for path in ("name", "service"):
        with pytest.raises(Refused) as refused:
            await update(**key | {"update_mask": path}, **{kind: {"name": "a.1", "service": '"bi.eu"'}})
        assert set(refused.value.violations.values()) == {"IMMUTABLE"}
    assert await all_rows(service.database) == before


@each_kind
async def test_the_mask_accepts_snake_case_and_camel_case(superset: Caller, kind: str) -> None:
    await Assets(superset, kind).create("a1")
    noun = kind.capitalize()
    messages: Any = importlib.import_module(f"dashboardcatalog.v1.{kind}_service_pb2")
    request = json_format.ParseDict(
        {"fullyQualifiedName": "superset.a1", kind: {"displayName": "Sales", "sourceUrl": "https://ann:secret@bi/1"}},
        getattr(messages, f"Update{noun}Request")(),
    )
    request.update_mask.paths.extend(["display_name", "sourceUrl"])

    answer = await getattr(superset._stubs[noun], f"Update{noun}")(request, metadata=superset.metadata)

    written = getattr(answer, kind)
    # Without the user name and the password.
    assert (written.display_name, written.source_url) == ("Sales", "https://bi/1")


@on_one_database
@each_kind
async def test_a_path_that_is_not_a_field_of_the_spec_is_refused(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")

    # This includes fields of the resource that are not in the spec, such as deleted.
    with pytest.raises(Refused) as refused:
        await assets.update("a1", "description", "deleted", "domains", "id", "version", "extension.costCentre")

    assert refused.value.violations == {f"update_mask.paths[{index}]": "UNKNOWN_FIELD" for index in range(1, 6)}


@each_kind
async def test_an_absent_or_deleted_asset_or_one_of_another_kind_is_not_found(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    deleted = await assets.create("a1")
    await assets.delete("a1")
    other = await Assets(superset, "chart" if kind == "dashboard" else "dashboard").create("other")
    update = getattr(superset, f"update_{kind}")

    for key, shown in (
        ({"fully_qualified_name": "superset.a1"}, "superset.a1"),
        ({"id": deleted["id"]}, deleted["id"]),
        ({"fully_qualified_name": "superset.a2"}, "superset.a2"),
        ({"id": other["id"]}, other["id"]),
    ):
        # Even with an etag, or with a reference that does not exist.
        for etag in ("", deleted["etag"]):
            with pytest.raises(Refused) as refused:
                await update(**key, etag=etag, update_mask="domain", **{kind: {"domain": "nowhere"}})
            assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "NOT_FOUND")
            assert refused.value.details["ResourceInfo"] == {"resourceType": kind, "resourceName": shown}


@each_kind
async def test_an_etag_of_another_version_aborts(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    first = await assets.create("a1")
    second = await assets.update("a1", "description", etag=first["etag"], description="two")
    before = await all_rows(service.database)

    for etag in (first["etag"], "nonsense"):
        with pytest.raises(Refused) as refused:
            await assets.update("a1", "description", etag=etag, description="three")
        assert (refused.value.code, refused.value.reason) == ("ABORTED", "ETAG_MISMATCH")
        assert refused.value.metadata == {"version": "0.2"}
        assert refused.value.details["RequestInfo"]["requestId"]

    assert await all_rows(service.database) == before
    assert (await assets.update("a1", "description", etag=second["etag"]))["version"] == 0.3


@each_kind
async def test_of_two_writers_with_the_same_etag_the_second_is_refused(
    superset: Caller, steward: Caller, kind: str
) -> None:
    first = await Assets(superset, kind).create("a1")
    await Assets(superset, kind).update("a1", "description", etag=first["etag"], description="mine")

    with pytest.raises(Refused, match="ABORTED"):
        await Assets(steward, kind).update("a1", "displayName", etag=first["etag"], displayName="theirs")
    # Without an etag, writes of different fields both succeed.
    last = await Assets(steward, kind).update("a1", "displayName", displayName="theirs")
    assert (last["description"], last["displayName"], last["updatedBy"]) == ("mine", "theirs", "stella")


@each_kind
async def test_validate_only_returns_the_same_and_writes_nothing(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1", **SET)
    before = await all_rows(service.database)

    tried = await assets.update("a1", "description", "owners", validate_only=True, description="By week")
    with pytest.raises(Refused, match="INVALID_ARGUMENT"):
        await assets.update("a1", "domain", validate_only=True, domain="nowhere")

    assert await all_rows(service.database) == before
    done = await assets.update("a1", "description", "owners", description="By week")
    assert timeless(tried) == timeless(done)
