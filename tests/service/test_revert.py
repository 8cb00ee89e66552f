"""Revert: an edit that writes every field as it was in an older version, and leaves out what cannot be written now."""

from typing import Any

import pytest

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Verb, Writer, reversion
from dashboard_catalog.catalog.model.kinds import DASHBOARD_KIND
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.store.connections import WriteConnection
from tests.service.assets import Assets, all_rows, each_kind, fqns, history, timeless
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.hidden import add_vault

ANN, BOB = {"type": "user", "name": "ann"}, {"type": "user", "name": "bob"}
FULL: Json = {
    "displayName": "One",
    "description": "first",
    "sourceUrl": "https://bi/1",
    "owners": [ANN, BOB],
    "domain": "finance.tax",
    "tags": [{"tagFQN": "PII.Email", "state": "Suggested"}, {"tagFQN": "Tier.Gold"}],
}
OF_DASHBOARDS: Json = {
    "dashboardType": "Report",
    "project": "Sales",
    "charts": ["superset.c2", "superset.c1"],
    "extension": {"costCentre": "C1", "budget": 3},
}
FULL_OF = {"dashboard": FULL | OF_DASHBOARDS, "chart": FULL | {"chartType": "Bar"}}
OUTPUT = ("version", "byIngestion", "updatedBy", "changeDescription", "edited", "sourceHash")


def spec_of(asset: Json) -> Json:
    """Returns what an asset shows of its spec."""
    return {name: value for name, value in timeless(asset).items() if name not in OUTPUT}


@each_kind
async def test_a_version_comes_back_as_an_edit(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await superset.bulk([{kind: {"name": "a1", "service": "superset", "sourceHash": "h1", **FULL_OF[kind]}}])
    first = await assets.get("a1")
    fields = [name for name in FULL_OF[kind] if name != "sourceHash"]
    await assets.update("a1", *fields, "sourceHash", sourceHash="h2", description="now", displayName="One")
    before = await all_rows(service.database)

    validated = await assets.revert("a1", 0.1, validate_only=True)
    assert await all_rows(service.database) == before
    stella = Assets(service.caller("stella", "data_steward"), kind)
    reverted = await stella.revert("a1", 0.1, etag=(await assets.get("a1"))["etag"])

    asset = reverted[kind]
    assert reverted["outcome"] == validated["outcome"] == "OUTCOME_UPDATED"
    assert "leftOut" not in reverted
    assert spec_of(asset) == spec_of(first) == spec_of(validated[kind])
    assert (asset["version"], asset["updatedBy"], asset["sourceHash"]) == (0.3, "stella", "h2")
    assert set(asset["edited"]["fields"]) == {"description", "owners", "domain"}
    assert set(asset["edited"]["tags"]) == {"PII.Email", "Tier.Gold"}
    assert asset["changeDescription"]["previousVersion"] == 0.2
    assert await assets.get("a1") == asset
    rows = [row for row in await history(service.database, kind) if row.name == "a1"]
    assert [(row.version, row.by_ingestion) for row in rows] == [(1, True), (2, False)]
    # What is as it was changes nothing, and neither does the newest version.
    for version in (0.1, 0.3):
        again = await assets.revert("a1", version)
        assert again[kind]["changeDescription"] == asset["changeDescription"]
        assert (again["outcome"], again[kind]) == ("OUTCOME_UNCHANGED", asset)


@each_kind
async def test_a_reversion_is_refused_like_an_update(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1", domain="finance")
    await assets.update("a1", "description", "domain", description="b")
    other = await assets.create("a2")

    async def refusal(by: Assets, name: str, version: float, **request: Any) -> tuple[str, str]:
        with pytest.raises(Refused) as refused:
            await by.revert(name, version, **request)
        return refused.value.code, refused.value.message

    assert await refusal(assets, "a1", 0.4) == ("NOT_FOUND", f"there is no {kind} superset.a1 in version 0.4")
    assert await refusal(assets, "none", 0.1) == ("NOT_FOUND", f"there is no {kind} superset.none")
    assert (await refusal(assets, "a1", 0.1, etag=other["etag"]))[0] == "ABORTED"
    assert (await refusal(assets, "a1", 0.15))[0] == "INVALID_ARGUMENT"
    consumer = Assets(service.caller("carl", "data_consumer"), kind)
    assert (await refusal(consumer, "a1", 0.1))[0] == "PERMISSION_DENIED"
    # It would write over what people have decided.
    bot = Assets(service.caller("loader", "ingestion_bot", bot=True), kind)
    assert (await refusal(bot, "a1", 0.1))[0] == "PERMISSION_DENIED"
    await assets.delete("a1")
    assert await refusal(assets, "a1", 0.1) == ("NOT_FOUND", f"there is no {kind} superset.a1")
    # Former owners do not get back what they may no longer have.
    await assets.update("a2", "owners", owners=[ANN])
    await assets.update("a2", "owners", owners=[BOB])
    ann, bob = (Assets(service.caller(name, "data_consumer"), kind) for name in ("ann", "bob"))
    assert (await refusal(ann, "a2", 0.2))[0] == "PERMISSION_DENIED"
    assert fqns((await bob.revert("a2", 0.2))[kind]["owners"]) == ["ann"]


PEOPLE = {"entityTypes": ["user"]}
THINGS: list[Json] = [
    *({"tag": {"name": name, "classification": "PII"}} for name in ("Old", "Odd", "Off")),
    {"user": {"name": "eve"}},
    {
        "customProperty": {
            "name": "people",
            "appliesTo": "dashboard",
            "propertyType": "entityReferenceList",
            "config": PEOPLE,
        }
    },
]


async def with_things(superset: Caller) -> Assets:
    """Adds dashboard a1, which refers to many things in version 0.1 and to few of them in version 0.3."""
    for entity in THINGS:
        await superset.upsert_entity(entity=entity)
    assets, eve = Assets(superset, "dashboard"), {"type": "user", "name": "eve"}
    await assets.create(
        "a1",
        charts=["superset.c1", "superset.c2", "superset.c3"],
        owners=[ANN, BOB, eve],
        domain="finance.tax",
        tags=[{"tagFQN": f"PII.{name}"} for name in ("Email", "Old", "Odd", "Off")],
        extension={"costCentre": "C1", "budget": 3, "people": [ANN, eve]},
    )
    fields = ["charts", "owners", "domain", "tags", "extension"]
    await assets.update("a1", *fields, charts=["superset.c3"], domain="finance", owners=[BOB])
    await assets.update("a1", "extension", extension={"budget": 5})
    return assets


async def remove(superset: Caller, kind: str, fqn: str, *, hard: bool = False) -> str:
    """Deletes an entity and returns its id."""
    answer = await superset.delete_entity(kind=kind, fully_qualified_name=fqn, hard=hard)
    (entity,) = answer["entity"].values()
    return str(entity["id"])


async def test_what_has_gone_is_left_out_and_named(superset: Caller) -> None:
    assets = await with_things(superset)
    chart = (await superset.delete_chart(fully_qualified_name="superset.c1", hard=True))["chart"]["id"]
    for fqn in ("superset.c2", "superset.c3"):
        await superset.delete_chart(fully_qualified_name=fqn)
    old = await remove(superset, "KIND_TAG", "PII.Old", hard=True)
    eve = await remove(superset, "KIND_USER", "eve", hard=True)
    for kind, fqn in (
        ("TAG", "PII.Odd"),
        ("USER", "ann"),
        ("USER", "bob"),
        ("DOMAIN", "finance.tax"),
        ("CUSTOM_PROPERTY", "dashboard.costCentre"),
    ):
        await remove(superset, f"KIND_{kind}", fqn)
    await superset.upsert_entity(entity={"tag": {"name": "Off", "classification": "PII", "disabled": True}})

    reverted = await assets.revert("a1", 0.1)

    assert set(reverted["leftOut"]) == {
        *(f"charts.{chart}", "charts.superset.c2", f"owners.{eve}", "owners.user:ann", "domain"),
        *(f"tags.{old}", "tags.PII.Odd", "tags.PII.Off", "extension.costCentre", "extension.people"),
    }
    asset = reverted["dashboard"]
    # The asset holds chart c3 and owner bob already, so they may be deleted.
    assert (fqns(asset["charts"]), fqns(asset["owners"])) == (["superset.c3"], ["bob"])
    assert [tag["tagFQN"] for tag in asset["tags"]] == ["PII.Email"]
    assert (asset["extension"], "domains" in asset) == ({"budget": 3}, False)


async def test_values_and_labels_that_are_no_longer_allowed_are_left_out(superset: Caller) -> None:
    assets = Assets(superset, "dashboard")
    property_ = {"name": "size", "appliesTo": "dashboard", "propertyType": "enum"}
    for values in (["S", "M"], ["M", "L"]):
        entity = {"customProperty": {**property_, "config": {"values": values}}}
        await superset.upsert_entity(entity=entity)
        if "S" in values:
            owners = [{"type": "team", "name": "sales"}]
            tags = [{"tagFQN": "PII.Email"}, {"tagFQN": "PII.Phone"}]
            await assets.create("a1", extension={"size": ["S"]}, owners=owners, tags=tags)
            await assets.update("a1", "extension", "owners", "tags", owners=[ANN])
    await superset.upsert_entity(entity={"team": {"name": "sales", "teamType": "Division"}})
    await superset.upsert_entity(entity={"classification": {"name": "PII", "mutuallyExclusive": True}})

    reverted = await assets.revert("a1", 0.1)

    assert sorted(reverted["leftOut"]) == ["extension.size", "owners.team:sales", "tags.PII.Phone"]
    asset = reverted["dashboard"]
    assert not {"extension", "owners"} & asset.keys()
    assert [tag["tagFQN"] for tag in asset["tags"]] == ["PII.Email"]


async def test_hidden_references_neither_come_back_nor_go(service: Service, superset: Caller) -> None:
    vault = await add_vault(superset)
    limited = Assets(service.caller("lim", "admin", services=["superset"]), "dashboard")
    full = Assets(superset, "dashboard")
    first, newest = await full.get("holder", version=0.1), await full.get("holder")
    secret = ["vault-s3cret.s3cret1", "vault-s3cret.s3cret2"]

    async def revert(version: float) -> tuple[list[str], Json]:
        answer = await limited.revert("holder", version)
        assert vault.leaks(str(answer)) == []
        return sorted(answer.get("leftOut", [])), await full.get("holder")

    # Version 0.1 holds the same hidden charts as today, and other hidden values, one of them in place of today's.
    left_out, after = await revert(0.1)
    assert left_out == ["extension.ref"]
    assert fqns(after["charts"]) == fqns(first["charts"])
    assert after["extension"] == first["extension"] | {"ref": newest["extension"]["ref"]}
    # Version 0.2 holds nothing that is hidden. What is hidden today stays.
    left_out, after = await revert(0.2)
    assert (left_out, fqns(after["charts"])) == ([], [secret[0], "superset.c1", secret[1]])
    assert after["extension"].keys() == {"costCentre", "home", "ref", "refs"}
    # Whoever may view everything brings back everything.
    assert "leftOut" not in await full.revert("holder", 0.2)
    left_out, after = await revert(0.1)
    assert left_out == ["charts", "extension.home", "extension.ref", "extension.refs"]
    assert (fqns(after["charts"]), after["extension"]) == (
        ["superset.c1", "superset.c2"],
        {"costCentre": "open", "refs": [ANN]},
    )
    assert "leftOut" not in await full.revert("holder", 0.1)
    assert spec_of(await full.get("holder")) == spec_of(first)


async def test_a_batch_knows_the_versions_that_it_makes(service: Service, superset: Caller) -> None:
    assets = Assets(superset, "dashboard")
    await assets.create("a1", charts=["superset.c1"])
    await assets.update("a1", "description", description="two")
    key = AssetName("superset", "a1")
    writer = Writer(
        Principal("ann", frozenset({"admin"}), frozenset(), services=None, bot=False, expires_at=None), False, "call"
    )
    update = AssetWrite(
        kind=DASHBOARD_KIND,
        verb=Verb.UPDATE,
        writer=writer,
        key=key,
        values={"charts": {AssetName("superset", "c2"): 0}},
        mask=frozenset({"charts"}),
    )
    clear = AssetWrite(kind=DASHBOARD_KIND, verb=Verb.UPDATE, writer=writer, key=key, mask=frozenset({"charts"}))
    back = [reversion(DASHBOARD_KIND, writer, key, version) for version in (3, 2, 1, 7, 9)]

    async def work(connection: WriteConnection) -> list[Any]:
        pipeline = Pipeline(Authorizer(None))
        return await pipeline.run(connection, Batch([update, clear, *back]))

    results = await service.database.write(work)

    assert [getattr(result, "left_out", None) for result in results[:-1]] == [()] * 6
    assert [result.record.version for result in results[:-1]] == [3, 4, 5, 6, 7, 7]
    assert results[-1].reason is Reason.NOT_FOUND
    names = [fqns((await assets.get("a1", version=number)).get("charts", [])) for number in (0.4, 0.5, 0.6, 0.7)]
    assert names == [[], ["superset.c2"], ["superset.c1"], ["superset.c1"]]
    assert "description" not in await assets.get("a1")
