"""Upsert can be repeated safely, and an absent field never erases anything."""

from typing import Any

import pytest

from tests.service.assets import Assets, all_rows, each_kind, fqns, on_one_database, timeless
from tests.service.caller import Caller, Json, Refused, Service

FULL: Json = {
    "displayName": "Sales",
    "description": "By day",
    "sourceUrl": "https://bi/1",
    "sourceHash": "abc",
    "owners": [{"type": "user", "name": "ann"}],
    "domain": "finance",
    "tags": [{"tagFQN": "PII.Email"}],
    "extension": {"costCentre": "X1", "budget": 7},
}
OWN: dict[str, Json] = {
    "dashboard": {"dashboardType": "Report", "project": "EMEA", "charts": ["superset.c1", "superset.c2"]},
    "chart": {"chartType": "Line"},
}
# The names of FULL's fields in an asset and in an update mask.
ANSWERED = ["displayName", "description", "sourceUrl", "sourceHash", "owners", "domains", "tags", "extension"]
MASKED = ["displayName", "description", "sourceUrl", "sourceHash", "owners", "domain", "tags", "extension"]


@pytest.fixture
async def superset(superset: Caller) -> Caller:
    """The catalog, with the custom properties of dashboards defined for charts too."""
    for name, type_ in (("costCentre", "string"), ("budget", "integer")):
        await superset.upsert_entity(
            entity={"customProperty": {"name": name, "appliesTo": "chart", "propertyType": type_}}
        )
    return superset


@each_kind
async def test_an_upsert_creates_an_absent_asset(superset: Caller, kind: str) -> None:
    asset, outcome = await Assets(superset, kind).upsert("a1", **FULL, **OWN[kind])

    assert (outcome, asset["version"]) == ("CREATED", 0.1)
    assert "changeDescription" not in asset
    assert await Assets(superset, kind).get("a1") == asset


@each_kind
async def test_the_same_upsert_again_changes_nothing(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    first = (await assets.upsert("a1", **FULL, **OWN[kind])).asset

    assert await assets.upsert("a1", **FULL, **OWN[kind]) == (first, "UNCHANGED")
    assert await assets.upsert("a1", service='"superset"') == (first, "UNCHANGED")


@each_kind
async def test_absent_and_empty_fields_are_kept(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    first = (await assets.upsert("a1", **FULL, **OWN[kind])).asset
    empty = {name: type(value)() for name, value in (FULL | OWN[kind]).items()}

    assert await assets.upsert("a1") == (first, "UNCHANGED")
    assert await assets.upsert("a1", **empty) == (first, "UNCHANGED")

    changed = await assets.upsert("a1", description="By week")
    assert changed.outcome == "UPDATED"
    assert changed.asset["description"] == "By week"
    left = set(ANSWERED) | OWN[kind].keys()
    assert {name: changed.asset[name] for name in left - {"description"}} == {
        name: first[name] for name in left - {"description"}
    }


@each_kind
async def test_sent_fields_replace_stored_ones_and_lists_as_a_whole(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.upsert("a1", **FULL, **OWN[kind])

    asset, _ = await assets.upsert(
        "a1",
        displayName="Verkauf",
        sourceUrl="https://bi/2",
        domain="finance.tax",
        owners=[{"type": "team", "name": "sales"}],
        tags=[{"tagFQN": "PII.Phone"}, {"tagFQN": "Tier.Gold"}],
    )

    assert (asset["displayName"], asset["sourceUrl"], asset["description"]) == ("Verkauf", "https://bi/2", "By day")
    assert fqns(asset["domains"]) == ["finance.tax"]
    assert fqns(asset["owners"]) == ["sales"]
    assert [tag["tagFQN"] for tag in asset["tags"]] == ["PII.Phone", "Tier.Gold"]
    assert asset["version"] == 0.2


async def test_charts_are_added_reordered_replaced_and_removed(superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    c1, c2, c3 = "superset.c1", "superset.c2", "superset.c3"
    await dashboards.upsert("d1", charts=[c1])

    for number, charts in enumerate(([c1, c2], [c2, c1], [c3], [c3, c1, c2], [c2]), start=2):
        asset, outcome = await dashboards.upsert("d1", charts=charts)
        assert (outcome, asset["version"], fqns(asset["charts"])) == ("UPDATED", number / 10, charts)

    asset, _ = await dashboards.upsert("d1", mask=["charts"])
    assert "charts" not in asset


@each_kind
async def test_the_order_of_owners_and_tags_is_not_a_change_but_a_label_is(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    ann, bob = {"type": "user", "name": "ann"}, {"type": "user", "name": "bob"}
    email, phone = {"tagFQN": "PII.Email"}, {"tagFQN": "PII.Phone"}
    await assets.upsert("a1", owners=[ann, bob], tags=[email, phone])

    assert (await assets.upsert("a1", owners=[bob, ann], tags=[phone, email])).outcome == "UNCHANGED"

    relabelled = await assets.upsert("a1", tags=[email | {"state": "Suggested"}, phone])
    assert relabelled.outcome == "UPDATED"
    assert [tag["state"] for tag in relabelled.asset["tags"]] == ["Suggested", "Confirmed"]


async def test_sending_a_default_type_explicitly_is_not_a_change(superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    first = await dashboards.create("d1")

    assert await dashboards.upsert("d1", dashboardType="Dashboard") == (first, "UNCHANGED")

    report = (await dashboards.upsert("d1", dashboardType="Report")).asset
    again = (await dashboards.upsert("d1", dashboardType="Dashboard")).asset
    assert [asset["dashboardType"] for asset in (first, report, again)] == ["Dashboard", "Report", "Dashboard"]
    assert again["version"] == 0.3


@each_kind
async def test_extension_merges_key_by_key_and_null_clears_a_key(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)

    async def extension(sent: Json, *mask: str) -> Any:
        return (await assets.upsert("a1", mask=mask, extension=sent)).asset.get("extension")

    assert await extension({"costCentre": "X1"}) == {"costCentre": "X1"}
    assert await extension({"budget": 7}) == {"costCentre": "X1", "budget": 7}
    assert await extension({"budget": 8, "costCentre": None}) == {"budget": 8}
    assert await extension({}) == {"budget": 8}
    assert await extension({"costCentre": "X2"}, "extension") == {"costCentre": "X2", "budget": 8}
    assert await extension({}, "extension") is None
    assert (await assets.upsert("a1", extension={"budget": None})).outcome == "UNCHANGED"


@each_kind
async def test_fields_in_the_mask_are_written_even_if_they_are_empty(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.upsert("a1", **FULL, **OWN[kind])

    # The mask is not the whole list: the display name is written without it.
    asset, outcome = await assets.upsert("a1", mask=["description", "tags"], displayName="Verkauf", tags=[])
    assert outcome == "UPDATED"
    assert asset["displayName"] == "Verkauf"
    assert "description" not in asset
    assert "tags" not in asset
    assert fqns(asset["owners"]) == ["ann"]

    asset, _ = await assets.upsert("a1", mask=[*MASKED, *OWN[kind]])
    assert not asset.keys() & {*ANSWERED, "project", "charts", "chartType"}
    assert asset.get("dashboardType") == ("Dashboard" if kind == "dashboard" else None)
    assert (await assets.upsert("a1", mask=MASKED)) == (asset, "UNCHANGED")


@on_one_database
@each_kind
async def test_a_mask_with_an_unknown_or_a_fixed_field_is_refused(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    stranger = "chartType" if kind == "dashboard" else "project"

    with pytest.raises(Refused) as refused:
        await assets.upsert("a1", mask=["nope", "description", "owners.name", stranger])
    assert refused.value.code == "INVALID_ARGUMENT"
    assert refused.value.violations == {f"update_mask.paths[{index}]": "UNKNOWN_FIELD" for index in (0, 2, 3)}

    with pytest.raises(Refused) as refused:
        await assets.upsert("a1", mask=["service", "description", "name"])
    assert set(refused.value.violations.values()) == {"IMMUTABLE"}


@each_kind
async def test_an_etag_of_another_version_aborts(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    first = (await assets.upsert("a1")).asset
    second = (await assets.upsert("a1", etag=first["etag"], description="two")).asset
    other = (await assets.upsert("a2")).asset
    before = await all_rows(service.database)

    for etag in (first["etag"], other["etag"], "nonsense"):
        with pytest.raises(Refused) as refused:
            await assets.upsert("a1", etag=etag, description="three")
        assert (refused.value.code, refused.value.reason) == ("ABORTED", "ETAG_MISMATCH")
        assert refused.value.metadata == {"version": "0.2"}
    # Even if nothing would change, and before references are checked.
    with pytest.raises(Refused, match="ABORTED"):
        await assets.upsert("a1", etag=first["etag"], description="two")
    with pytest.raises(Refused, match="ABORTED"):
        await assets.upsert("a1", etag=first["etag"], domain="nowhere")

    assert await all_rows(service.database) == before
    assert (await assets.get("a1"))["etag"] == second["etag"] != first["etag"]


@each_kind
async def test_an_etag_for_an_absent_asset_aborts(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    gone = (await assets.upsert("a1")).asset
    await assets.delete("a1", hard=True)
    before = await all_rows(service.database)

    with pytest.raises(Refused) as refused:
        await assets.upsert("a1", etag=gone["etag"])

    assert (refused.value.code, refused.value.reason, refused.value.metadata) == ("ABORTED", "ETAG_MISMATCH", {})
    assert await all_rows(service.database) == before


@each_kind
async def test_the_etag_of_a_deleted_version_restores_it(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    live = await assets.create("a1")
    deleted = await assets.delete("a1")

    with pytest.raises(Refused, match="ABORTED"):
        await assets.upsert("a1", etag=live["etag"])
    assert (await assets.upsert("a1", etag=deleted["etag"])).outcome == "RESTORED"


@each_kind
async def test_validate_only_returns_each_outcome_and_writes_nothing(
    service: Service, superset: Caller, kind: str
) -> None:
    assets = Assets(superset, kind)
    await assets.upsert("live", description="one")
    await assets.upsert("dead", description="one")
    await assets.delete("dead")

    for name, outcome, fields in (
        ("new", "CREATED", FULL | OWN[kind]),
        ("live", "UPDATED", FULL | OWN[kind]),
        ("live", "UNCHANGED", {}),
        ("dead", "RESTORED", {"description": "two"}),
    ):
        before = await all_rows(service.database)
        tried = await assets.upsert(name, validate_only=True, **fields)
        assert await all_rows(service.database) == before
        done = await assets.upsert(name, **fields)
        assert tried.outcome == done.outcome == outcome
        assert timeless(tried.asset) == timeless(done.asset)


@each_kind
async def test_a_refused_upsert_writes_nothing(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.upsert("a1", description="one")
    before = await all_rows(service.database)

    for name in ("a1", "a2"):
        with pytest.raises(Refused, match="INVALID_ARGUMENT"):
            await assets.upsert(name, description="two", domain="nowhere")

    assert await all_rows(service.database) == before
