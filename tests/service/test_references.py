"""References that a write adds must exist; all errors of one phase are reported together."""

from typing import Any

import pytest

from tests.service.assets import KINDS, Assets, all_rows, each_kind, fqns, on_one_database
from tests.service.caller import Caller, Json, Refused, Service

UNKNOWN_ID = "6f1c1f2e-0000-7000-8000-000000000000"


async def refusal(call: Any) -> dict[str, str]:
    """Returns the violations in the error of a call."""
    with pytest.raises(Refused) as refused:
        await call
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert refused.value.metadata == {"violations": str(len(refused.value.violations))}
    return refused.value.violations


async def entity_id(caller: Caller, kind: str, fqn: str) -> str:
    """Returns the id of an entity."""
    entity = (await caller.get_entity(kind=kind, fully_qualified_name=fqn))["entity"]
    return str(next(iter(entity.values()))["id"])


@pytest.mark.parametrize("kind", KINDS)
async def test_the_service_must_exist_and_not_be_deleted(superset: Caller, kind: str) -> None:
    create, upsert = getattr(superset, f"create_{kind}"), getattr(superset, f"upsert_{kind}")
    await superset.delete_entity(kind="KIND_BI_SERVICE", fully_qualified_name="looker")

    for call in (create, upsert):
        spec: Json = {"name": "a1", "service": "nowhere"}
        assert await refusal(call(**{kind: spec})) == {f"{kind}.service": "UNKNOWN_REFERENCE"}
        spec["service"] = "looker"
        assert await refusal(call(**{kind: spec})) == {f"{kind}.service": "DELETED_REFERENCE"}
        assert await refusal(call(**{kind: {"name": "a1"}})) == {f"{kind}.service": "REQUIRED"}
        assert await refusal(call(**{kind: {"service": "superset"}})) == {f"{kind}.name": "REQUIRED"}
        assert await refusal(call(**{kind: {}})) == {f"{kind}.name": "REQUIRED", f"{kind}.service": "REQUIRED"}
        assert await refusal(call()) == {kind: "REQUIRED"}


@pytest.mark.parametrize("kind", KINDS)
async def test_stored_references_never_fail_a_later_write(superset: Caller, kind: str) -> None:
    own: Json = {"charts": ["superset.c1"]} if kind == "dashboard" else {}
    # A disabled tag, a team of another type and a classification that became exclusive stay as well.
    fields: Json = own | {
        "owners": [{"type": "team", "name": "sales"}],
        "domain": "finance.tax",
        "tags": [{"tagFQN": "PII.Email"}, {"tagFQN": "PII.Phone"}, {"tagFQN": "Tier.Gold"}],
    }
    assets = Assets(superset, kind)
    first = await assets.create("a1", **fields)
    await superset.delete_entity(kind="KIND_DOMAIN", fully_qualified_name="finance.tax")
    await superset.delete_entity(kind="KIND_TAG", fully_qualified_name="Tier.Gold")
    await superset.delete_chart(fully_qualified_name="superset.c1")
    for entity in (
        {"team": {"name": "sales", "teamType": "Department"}},
        {"tag": {"name": "Email", "classification": "PII", "disabled": True}},
        {"classification": {"name": "PII", "mutuallyExclusive": True}},
    ):
        await superset.upsert_entity(entity=entity)
    await superset.delete_entity(kind="KIND_BI_SERVICE", fully_qualified_name="superset")

    asset, outcome = await assets.upsert("a1", **fields)
    assert outcome == "UNCHANGED"
    # References show that they are deleted.
    assert asset["domains"][0]["deleted"]
    assert asset["service"]["deleted"]
    assert [chart["deleted"] for chart in asset.get("charts", [])] == [True] * len(own)
    assert (asset["version"], asset["etag"]) == (first["version"], first["etag"])
    changed = await assets.update("a1", "description", *fields, description="two", **fields)
    assert changed["version"] == 0.2
    # But another asset cannot refer to them, nor can this one after they have been removed.
    await assets.update("a1", "domain", "tags", "owners", *own)
    taken_off = await refusal(assets.upsert("a1", **fields))
    assert taken_off == {
        **({"dashboard.charts[0]": "DELETED_REFERENCE"} if own else {}),
        f"{kind}.owners": "OWNER_RULE",
        f"{kind}.domain": "DELETED_REFERENCE",
        f"{kind}.tags[0].tag_fqn": "DISABLED_TAG",
        f"{kind}.tags[1].tag_fqn": "MUTUALLY_EXCLUSIVE",
        f"{kind}.tags[2].tag_fqn": "DELETED_REFERENCE",
    }


async def test_charts_must_exist_and_not_be_deleted(service: Service, superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    await superset.delete_chart(fully_qualified_name="superset.c2")
    before = await all_rows(service.database)

    charts = ["superset.c1", "superset.C1", "superset.c2", "nowhere.c1", "looker.c1", "looker.c2", "superset.C1"]
    assert await refusal(dashboards.create("d1", charts=charts)) == {
        "dashboard.charts[1]": "UNKNOWN_REFERENCE",
        "dashboard.charts[2]": "DELETED_REFERENCE",
        "dashboard.charts[3]": "UNKNOWN_REFERENCE",
        "dashboard.charts[5]": "UNKNOWN_REFERENCE",
    }
    assert await all_rows(service.database) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_owners_are_users_or_one_team_of_type_group(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    ann, bob = {"type": "user", "name": "ann"}, {"type": "user", "name": "bob"}
    sales, emea = {"type": "team", "name": "sales"}, {"type": "team", "name": "emea"}
    await superset.upsert_entity(entity={"team": {"name": "retail"}})

    assert fqns((await assets.create("a1", owners=[ann, bob]))["owners"]) == ["ann", "bob"]
    assert fqns((await assets.update("a1", "owners", owners=[sales, sales]))["owners"]) == ["sales"]

    for owners, violations in (
        ([sales, ann], {"owners": "OWNER_RULE"}),
        ([sales, {"type": "team", "name": "retail"}], {"owners": "OWNER_RULE"}),
        ([emea], {"owners": "OWNER_RULE"}),
        ([{"name": "ann"}], {"owners[0].type": "REQUIRED"}),
        ([{"type": "domain", "name": "finance"}], {"owners[0].type": "OWNER_RULE"}),
        ([ann, {"type": "user"}], {"owners[1]": "REQUIRED"}),
        ([ann, {"type": "user", "name": "ghost"}], {"owners[1]": "UNKNOWN_REFERENCE"}),
        ([{"type": "user", "name": "Ann"}], {"owners[0]": "UNKNOWN_REFERENCE"}),
        ([{"type": "team", "name": "ann"}], {"owners[0]": "UNKNOWN_REFERENCE"}),
        ([{"type": "user", "id": UNKNOWN_ID}], {"owners[0]": "UNKNOWN_REFERENCE"}),
        ([{"type": "user", "id": "ann"}], {"owners[0].id": "INVALID_FORMAT"}),
        ([{"type": "user", "fullyQualifiedName": 'a"nn'}], {"owners[0].fully_qualified_name": "INVALID_FORMAT"}),
    ):
        found = await refusal(assets.update("a1", "owners", owners=owners))
        assert found == {f"{kind}.{field}": reason for field, reason in violations.items()}, owners

    await superset.delete_entity(kind="KIND_USER", fully_qualified_name="bob")
    assert await refusal(assets.update("a1", "owners", owners=[ann, bob])) == {f"{kind}.owners[1]": "DELETED_REFERENCE"}


@each_kind
async def test_the_parts_of_a_reference_must_agree(superset: Caller, kind: str) -> None:
    await superset.upsert_entity(entity={"user": {"name": "j.doe"}})
    ann, doe = await entity_id(superset, "KIND_USER", "ann"), await entity_id(superset, "KIND_USER", '"j.doe"')
    assets = Assets(superset, kind)

    for parts in (
        {"id": doe},
        {"id": doe.upper(), "name": "j.doe", "fullyQualifiedName": '"j.doe"'},
        {"name": "j.doe"},
        {"fullyQualifiedName": '"j.doe"'},
        {"name": "j.doe", "fullyQualifiedName": '"j.doe"', "displayName": "ignored", "deleted": True},
    ):
        asset, _ = await assets.upsert("a1", owners=[{"type": "user", **parts}])
        assert [owner["id"] for owner in asset["owners"]] == [doe]

    for parts in (
        {"id": ann, "name": "j.doe"},
        {"id": ann, "fullyQualifiedName": '"j.doe"'},
        {"name": "ann", "fullyQualifiedName": '"j.doe"'},
    ):
        found = await refusal(assets.upsert("a1", owners=[{"type": "user", **parts}]))
        assert found == {f"{kind}.owners[0]": "CONFLICTING_PARTS"}
    assert await refusal(assets.upsert("a1", owners=[{"type": "team", "id": ann}])) == {
        f"{kind}.owners[0]": "UNKNOWN_REFERENCE"
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_id_is_told_from_an_unknown_name(superset: Caller, kind: str) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    text = f"{kind}.owners[0]: there is no user with the id {other}"
    for parts, hint in (
        ({}, ""),
        ({"name": "nobody"}, ""),
        ({"name": "ann"}, "; user ann has another id, so leave the id out"),
        ({"fullyQualifiedName": '"ann"'}, "; user ann has another id, so leave the id out"),
    ):
        with pytest.raises(Refused) as refused:
            await Assets(superset, kind).upsert("a1", owners=[{"type": "user", "id": other, **parts}])
        assert refused.value.message == text + hint


@pytest.mark.parametrize("kind", KINDS)
async def test_tags_must_exist_and_not_be_deleted_disabled_or_exclusive(superset: Caller, kind: str) -> None:
    await superset.upsert_entity(entity={"tag": {"name": "Old", "classification": "PII", "disabled": True}})
    await superset.upsert_entity(entity={"classification": {"name": "Vendor"}})
    await superset.delete_entity(kind="KIND_TAG", fully_qualified_name="PII.Phone")
    tags = ["PII.Email", "PII.Old", "PII.Phone", "PII.None", "Vendor", "nowhere.x", "Tier.Gold", "Tier.Silver"]
    assets = Assets(superset, kind)

    assert await refusal(assets.create("a1", tags=[{"tagFQN": tag} for tag in tags])) == {
        f"{kind}.tags[1].tag_fqn": "DISABLED_TAG",
        f"{kind}.tags[2].tag_fqn": "DELETED_REFERENCE",
        f"{kind}.tags[3].tag_fqn": "UNKNOWN_REFERENCE",
        f"{kind}.tags[4].tag_fqn": "UNKNOWN_REFERENCE",
        f"{kind}.tags[5].tag_fqn": "UNKNOWN_REFERENCE",
        f"{kind}.tags[7].tag_fqn": "MUTUALLY_EXCLUSIVE",
    }
    # One label replaces another.
    await assets.create("a1", tags=[{"tagFQN": "Tier.Gold"}])
    asset, _ = await assets.upsert("a1", tags=[{"tagFQN": "Tier.Silver"}])
    assert [tag["tagFQN"] for tag in asset["tags"]] == ["Tier.Silver"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_domain_must_exist_and_not_be_deleted(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await superset.delete_entity(kind="KIND_DOMAIN", fully_qualified_name="finance.tax")

    assert await refusal(assets.create("a1", domain="tax")) == {f"{kind}.domain": "UNKNOWN_REFERENCE"}
    assert await refusal(assets.create("a1", domain="finance.tax")) == {f"{kind}.domain": "DELETED_REFERENCE"}
    assert await refusal(assets.create("a1", domain="finance..tax")) == {f"{kind}.domain": "INVALID_FORMAT"}
    assert fqns((await assets.create("a1", domain='"finance"'))["domains"]) == ["finance"]


async def test_all_wrong_references_are_reported_together(superset: Caller) -> None:
    spec: Json = {
        "name": "d1",
        "service": "nowhere",
        "charts": ["superset.c1", "superset.x", "nowhere.y"],
        "owners": [{"type": "user", "name": "ghost"}],
        "domain": "nowhere",
        "tags": [{"tagFQN": "PII.None"}],
        "extension": {"costCentre": 7, "colour": "red", "budget": 1.5},
    }

    for call in (superset.create_dashboard, superset.upsert_dashboard):
        assert await refusal(call(dashboard=spec)) == {
            "dashboard.service": "UNKNOWN_REFERENCE",
            "dashboard.charts[1]": "UNKNOWN_REFERENCE",
            "dashboard.charts[2]": "UNKNOWN_REFERENCE",
            "dashboard.owners[0]": "UNKNOWN_REFERENCE",
            "dashboard.domain": "UNKNOWN_REFERENCE",
            "dashboard.tags[0].tag_fqn": "UNKNOWN_REFERENCE",
            "dashboard.extension.costCentre": "INVALID_PROPERTY",
            "dashboard.extension.colour": "UNKNOWN_PROPERTY",
            "dashboard.extension.budget": "INVALID_PROPERTY",
        }


@on_one_database
async def test_all_violations_of_shape_are_reported_together(superset: Caller) -> None:
    spec: Json = {"name": "a::b", "service": "superset", "displayName": "x" * 1025, "dashboardType": "Board"}
    spec |= {"charts": ["superset.c1", ""], "tags": [{"tagFQN": "PII.Email", "state": "Perhaps"}]}
    against_annotations = {
        "dashboard.name": "INVALID_FORMAT",
        "dashboard.display_name": "TOO_LONG",
        "dashboard.dashboard_type": "INVALID_VALUE",
        "dashboard.charts[1]": "REQUIRED",
        "dashboard.tags[0].state": "INVALID_VALUE",
    }
    malformed: Json = {"service": "bi.eu", "charts": ["superset.c1", "c2"], "domain": 'fin"ance'}
    malformed |= {"owners": [{"name": "ann"}, {"type": "chart", "name": "c1"}], "tags": [{"tagFQN": "PII..Email"}]}
    malformed |= {"extension": {"costCentre": "\0"}}
    unreadable = {
        "dashboard.name": "REQUIRED",
        "dashboard.service": "INVALID_FORMAT",
        "dashboard.charts[1]": "INVALID_FORMAT",
        "dashboard.owners[0].type": "REQUIRED",
        "dashboard.owners[1].type": "OWNER_RULE",
        "dashboard.domain": "INVALID_FORMAT",
        "dashboard.tags[0].tag_fqn": "INVALID_FORMAT",
        "dashboard.extension.costCentre": "INVALID_VALUE",
    }

    for sent, wrong in ((spec, against_annotations), (malformed, unreadable)):
        for call in (superset.create_dashboard, superset.upsert_dashboard):
            assert await refusal(call(dashboard=sent)) == wrong
        assert (await superset.bulk([{"dashboard": sent}])).failures == {0: wrong}


@each_kind
async def test_shape_is_checked_before_authorization_and_references_after(
    service: Service, superset: Caller, kind: str
) -> None:
    await Assets(superset, kind).create("a1")
    viewer = Assets(service.caller("vera", "data_consumer"), kind)

    for name in ("a1", "a2"):
        for call in (viewer.create, viewer.upsert):
            assert await refusal(call(name, domain="a..b", tags=[{"tagFQN": "nowhere.x"}])) == {
                f"{kind}.domain": "INVALID_FORMAT"
            }
            with pytest.raises(Refused) as refused:
                await call(name, domain="nowhere", tags=[{"tagFQN": "nowhere.x"}])
            assert (refused.value.code, refused.value.reason) == ("PERMISSION_DENIED", "ACTION_DENIED")
        assert await refusal(viewer.update(name, "nope")) == {"update_mask.paths[0]": "UNKNOWN_FIELD"}
        # Authorization also comes before the etag, so they do not learn the version.
        with pytest.raises(Refused, match="PERMISSION_DENIED"):
            await viewer.update(name, "domain", domain="nowhere", etag="other")


@on_one_database
async def test_an_error_for_a_malformed_fqn_says_how_to_quote(superset: Caller) -> None:
    upsert = Assets(superset, "dashboard").upsert

    for fqn in ("c1", "superset.c.1", "superset..c1", 'superset."c1', 'superset.a"b', "superset."):
        for call, field in (
            (superset.get_dashboard(fully_qualified_name=fqn), "fully_qualified_name"),
            (superset.delete_chart(fully_qualified_name=fqn), "fully_qualified_name"),
            (superset.restore_dashboard(fully_qualified_name=fqn), "fully_qualified_name"),
            (superset.update_chart(fully_qualified_name=fqn, update_mask="description"), "fully_qualified_name"),
            (upsert("d1", charts=["superset.c1", fqn]), "dashboard.charts[1]"),
        ):
            with pytest.raises(Refused) as refused:
                await call
            assert refused.value.violations == {field: "INVALID_FORMAT"}
            (violation,) = refused.value.details["BadRequest"]["fieldViolations"]
            assert violation["description"].startswith(fqn)
            assert 'service."sales.by day"' in violation["description"]


@on_one_database
@each_kind
async def test_an_asset_must_be_identified_by_id_or_name(superset: Caller, kind: str) -> None:
    for verb in ("get", "update", "delete", "restore"):
        call = getattr(superset, f"{verb}_{kind}")
        mask: Json = {"update_mask": "REQUIRED"} if verb == "update" else {}
        assert await refusal(call()) == {"key": "REQUIRED"} | mask
        assert await refusal(call(fully_qualified_name="")) == {"fully_qualified_name": "REQUIRED"} | mask
        assert await refusal(call(id="superset.a1")) == {"id": "INVALID_FORMAT"} | mask
