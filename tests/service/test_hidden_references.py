"""References that a writer may not view: shown as hidden, and kept whatever the writer sends."""

from typing import Any

import pytest

from dashboard_catalog.catalog.writing import asset_writes
from tests.service.assets import on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.hidden import Vault, add_vault

HIDDEN_CHART = {"type": "chart", "hidden": True}
HIDDEN_BOARD = {"type": "dashboard", "hidden": True}
ANN = {"type": "user", "name": "ann"}


@pytest.fixture
async def vault(superset: Caller) -> Vault:
    """The hidden things."""
    return await add_vault(superset)


@pytest.fixture
def limited(service: Service) -> Caller:
    """An administrator who may not view the hidden BI service."""
    return service.caller("lim", "admin", services=["superset"])


@pytest.fixture
def loader(service: Service) -> Caller:
    """A bot that may not view it either."""
    return service.caller("loader", "ingestion_bot", services=["superset"], bot=True)


async def read(caller: Caller, name: str = "holder", **request: Any) -> Json:
    """Returns a dashboard."""
    found: Json = (await caller.get_dashboard(fully_qualified_name=f"superset.{name}", **request))["dashboard"]
    return found


def charts_of(dashboard: Json) -> list[str]:
    """Returns the names of the charts of a dashboard, `-` for hidden ones."""
    return ["-" if chart.get("hidden") else chart["name"] for chart in dashboard.get("charts", [])]


async def update(caller: Caller, name: str = "holder", **fields: Any) -> Json:
    """Updates fields of a dashboard."""
    key = {"fully_qualified_name": f"superset.{name}"}
    answer = await caller.update_dashboard(**key, dashboard=fields, update_mask=",".join(fields))
    updated: Json = answer["dashboard"]
    return updated


@pytest.mark.usefixtures("vault")
async def test_hidden_references_have_only_a_type(limited: Caller) -> None:
    holder = await read(limited)

    assert charts_of(holder) == ["-", "c1", "-", "c2"]
    assert holder["charts"][0] == HIDDEN_CHART
    assert holder["extension"] == {
        "ref": HIDDEN_BOARD,
        "refs": [HIDDEN_BOARD, ANN, HIDDEN_CHART],
        "home": {"type": "dashboardService", "hidden": True},
        "costCentre": "open",
    }
    change = (await read(limited, version=0.2))["changeDescription"]
    assert change["fieldsDeleted"][0] == {"name": "charts", "oldValue": [HIDDEN_CHART, HIDDEN_CHART, "superset.c2"]}
    extension = change["fieldsDeleted"][1]["oldValue"]
    assert {"ref": HIDDEN_BOARD} in extension
    assert {"refs": [HIDDEN_BOARD, ANN, HIDDEN_CHART]} in extension
    newer = (await read(limited, version=0.4))["changeDescription"]["fieldsUpdated"]
    assert {"name": "charts", "oldValue": 1, "newValue": 1}.keys() == newer[0].keys()
    assert newer[0]["newValue"] == ["superset.c2", HIDDEN_CHART, "superset.c1", HIDDEN_CHART]


@pytest.mark.usefixtures("vault")
async def test_hidden_charts_stay_where_they_are(superset: Caller, limited: Caller, loader: Caller) -> None:
    # What the caller saw, sent back, changes nothing.
    before = await read(superset)
    assert (await update(limited, charts=["superset.c1", "superset.c2"]))["version"] == before["version"]
    for charts, expected in (
        (["superset.c2", "superset.c1"], ["-", "c2", "c1", "-"]),
        (["superset.c3"], ["-", "-", "c3"]),
        ([], ["-", "-"]),
        (["superset.c1", "superset.c3"], ["-", "-", "c1", "c3"]),
    ):
        updated = await update(limited, charts=charts)
        assert charts_of(updated) == expected
        assert charts_of(await read(superset)) == [
            {"-": f"s3cret{1 + expected[:place].count('-')}"}.get(name, name) for place, name in enumerate(expected)
        ]
    # Upserts and ingestion keep them too.
    spec = {"name": "holder", "service": "superset", "charts": ["superset.c1"]}
    assert charts_of((await limited.upsert_dashboard(dashboard=spec))["dashboard"]) == ["-", "-", "c1"]
    spec["charts"] = ["superset.c2"]
    for _ in range(2):
        assert not (await loader.bulk([{"dashboard": spec}])).failures
        assert charts_of(await read(limited)) == ["-", "-", "c2"]
    # Those who may view them may remove them, also by a spec that others have loaded.
    full = superset
    assert not (await full.bulk([{"dashboard": spec}])).failures
    assert charts_of(await read(full)) == ["c2"]
    assert (await limited.delete_dashboard(fully_qualified_name="superset.holder"))["dashboard"]["deleted"]


@on_one_database
@pytest.mark.usefixtures("vault")
async def test_hidden_charts_count(superset: Caller, limited: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise writers who see different parts of a dashboard could make it as large as they like.
    monkeypatch.setattr(asset_writes, "MAX_CHARTS", 4)

    with pytest.raises(Refused, match="has 5 charts with those that you may not view, at most 4") as refused:
        await update(limited, charts=["superset.c1", "superset.c2", "superset.c3"])
    assert refused.value.violations == {"dashboard.charts": "TOO_MANY"}
    assert charts_of(await update(limited, charts=["superset.c3", "superset.c2"])) == ["-", "-", "c3", "c2"]
    # What is larger already can become smaller.
    monkeypatch.setattr(asset_writes, "MAX_CHARTS", 1)
    assert charts_of(await update(limited, charts=["superset.c3"])) == ["-", "-", "c3"]
    assert charts_of(await update(superset, charts=["superset.c3"])) == ["c3"]


async def test_hidden_values_of_custom_properties_stay(superset: Caller, limited: Caller, vault: Vault) -> None:
    stored = (await read(superset))["extension"]

    async def upsert(**extension: Any) -> Json:
        spec = {"name": "holder", "service": "superset", "extension": extension}
        answer: Json = await limited.upsert_dashboard(dashboard=spec)
        assert (await read(superset))["extension"]["ref"] == stored["ref"]
        return answer

    # What the caller saw, sent back, changes nothing.
    same = await upsert(**(await read(limited))["extension"])
    assert (same["outcome"], "keptFields" in same) == ("OUTCOME_UNCHANGED", False)
    # A hidden value cannot be replaced or cleared, and the answer says so.
    board = {"type": "dashboard", "id": vault.ids["vault-s3cret.s3cret-board"]}
    for value in (None, board, stored["ref"], {"type": "dashboard", "fullyQualifiedName": "superset.twin"}):
        kept = await upsert(ref=value)
        assert (kept["outcome"], kept["keptFields"]) == ("OUTCOME_UNCHANGED", ["extension.ref"])
    # In a list, what the caller sees can be changed.
    bob = {"type": "user", "name": "bob"}
    for sent, seen in (
        ([HIDDEN_BOARD, ANN, bob], [HIDDEN_BOARD, ANN, HIDDEN_CHART, bob]),
        ([bob], [HIDDEN_BOARD, HIDDEN_CHART, bob]),
        (None, [HIDDEN_BOARD, HIDDEN_CHART]),
    ):
        assert (await upsert(refs=sent))["dashboard"]["extension"]["refs"] == seen
    with pytest.raises(Refused) as refused:
        await upsert(refs=[board])
    assert refused.value.violations == {"dashboard.extension.refs[0]": "UNKNOWN_REFERENCE"}
    # Clearing everything leaves what is hidden.
    assert (await update(limited, extension={}))["extension"].keys() == {"ref", "refs", "home"}
    # A placeholder means nothing where nothing is hidden.
    with pytest.raises(Refused) as refused:
        await limited.upsert_dashboard(
            dashboard={"name": "new", "service": "superset", "extension": {"refs": [HIDDEN_BOARD]}}
        )
    assert refused.value.violations["dashboard.extension.refs[0]"] == "INVALID_PROPERTY"


@on_one_database
@pytest.mark.parametrize(
    ("type_", "config"), [("string", {}), ("entityReference", {"entityTypes": ["user"]})], ids=["string", "user"]
)
async def test_old_values_stay_hidden_when_their_property_gets_another_type(
    superset: Caller, limited: Caller, vault: Vault, type_: str, config: Json
) -> None:
    board = {"id": vault.ids["vault-s3cret.s3cret-board"], "name": "s3cret-board"}
    untyped = (await update(superset, extension={"ref": board}))["version"]
    await superset.delete_dashboard(fully_qualified_name="superset.twin", hard=True)
    await update(superset, extension={})
    for name in ("ref", "refs", "home"):
        fqn = f"dashboard.{name}"
        await superset.delete_entity(kind="KIND_CUSTOM_PROPERTY", fully_qualified_name=fqn, hard=True)
        property_ = {"appliesTo": "dashboard", "name": name, "propertyType": type_, "config": config}
        await superset.upsert_entity(entity={"customProperty": property_})

    old = await read(limited, version=0.1)

    assert old["extension"]["ref"] == HIDDEN_BOARD
    for version in (0.1, 0.2, untyped):
        assert vault.leaks(str(await read(limited, version=version))) == []


async def test_ingested_specs_with_hidden_references_are_refused_each_time(
    service: Service, loader: Caller, vault: Vault
) -> None:
    board = {"type": "dashboard", "id": vault.ids["vault-s3cret.s3cret-board"]}
    items: list[Json] = [
        {"dashboard": {"name": "n1", "service": "superset", "charts": ["vault-s3cret.s3cret1"]}},
        {"dashboard": {"name": "n2", "service": "superset", "extension": {"refs": [board]}}},
        {"dashboard": {"name": "n3", "service": "superset", "charts": ["superset.c1"]}},
    ]
    everything = service.caller("everything", "ingestion_bot", bot=True)
    assert (await everything.bulk(items)).counts == {"created": 3}

    # Whoever may view the references is not asked to look at them again; others learn nothing by guessing.
    assert (await everything.bulk(items)).counts == {"unchanged": 3}
    bulk = await loader.bulk(items)

    assert bulk.counts == {"failed": 2, "unchanged": 1}
    assert bulk.failures == {
        0: {"dashboard.charts[0]": "UNKNOWN_REFERENCE"},
        1: {"dashboard.extension.refs[0]": "UNKNOWN_REFERENCE"},
    }
    # Neither does an upsert of its own, with the same digest.
    for item in items[:2]:
        with pytest.raises(Refused, match="there is no"):
            await loader.upsert_dashboard(**item)
    assert (await loader.upsert_dashboard(**items[2]))["outcome"] == "OUTCOME_UNCHANGED"


@on_one_database
@pytest.mark.usefixtures("vault")
async def test_errors_count_hidden_things_and_name_the_others(superset: Caller, limited: Caller) -> None:
    async def refusal(call: Any, **request: Any) -> tuple[str, str]:
        with pytest.raises(Refused) as refused:
            await call(**request, hard=True)
        assert refused.value.reason == "STILL_REFERENCED"
        return refused.value.message, refused.value.metadata["references"]

    chart = {"fully_qualified_name": "superset.c3"}
    user = {"kind": "KIND_USER", "fully_qualified_name": "vera"}
    unseen = "is still referenced by 1 thing that you may not view"
    assert await refusal(limited.delete_chart, **chart) == (f"chart superset.c3 {unseen}", "1")
    assert await refusal(limited.delete_entity, **user) == (f"user vera {unseen}", "1")
    spec = {"name": "open", "service": "superset", "charts": ["superset.c3"]}
    await superset.create_dashboard(dashboard={**spec, "owners": [{"type": "user", "name": "vera"}]})
    both = "is still referenced by superset.open and 1 more"
    assert await refusal(limited.delete_chart, **chart) == (f"chart superset.c3 {both}", "2")
    both = "is still referenced by dashboard superset.open and 1 more"
    assert await refusal(limited.delete_entity, **user) == (f"user vera {both}", "2")


@on_one_database
async def test_a_session_is_not_resumed_with_another_limit(service: Service, vault: Vault) -> None:
    del vault
    options = {"session_id": "01a20df5-0415-4081-bb64-000000000001"}
    item = {"dashboard": {"name": "n1", "service": "superset", "charts": ["vault-s3cret.none"]}}
    whole, part = (service.caller("job", "ingestion_bot", bot=True, services=of) for of in ((), ("superset",)))

    assert (await whole.bulk([item], options=options)).counts == {"failed": 1}

    assert (await whole.bulk([item], options=options)).counts == {"failed": 1}
    refused = (await part.bulk([item], options=options)).refused
    assert refused
    assert refused.violations == {"options.session_id": "INVALID_VALUE"}
