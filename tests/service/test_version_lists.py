"""Versions of assets: listed page by page, and compared with each other."""

from typing import Any

import pytest

from dashboard_catalog.catalog.reading import pages, room
from dashboard_catalog.contract import fitting
from tests.service.assets import Assets, each_kind, on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.hidden import add_vault

ANN, BOB = {"type": "user", "name": "ann"}, {"type": "user", "name": "bob"}


async def listed(caller: Caller, kind: str, name: str = "a1", **request: Any) -> Json:
    """Returns a page of versions."""
    key = request if "id" in request else {"fully_qualified_name": f"superset.{name}", **request}
    page: Json = await getattr(caller, f"list_{kind}_versions")(**key)
    return page


async def compared(caller: Caller, kind: str, name: str, from_version: float, **request: Any) -> Json:
    """Returns a change description."""
    call = getattr(caller, f"compare_{kind}_versions")
    key = {"fully_qualified_name": f"superset.{name}", "from_version": from_version}
    found: Json = (await call(**key, **request))["changeDescription"]
    return found


def numbers(page: Json) -> list[float]:
    """Returns the versions on a page."""
    return [version["version"] for version in page.get("versions", [])]


@each_kind
async def test_versions_are_listed_newest_first(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await superset.bulk([{kind: {"name": "a1", "service": "superset", "sourceHash": "h1", "description": "0"}}])
    for number in range(1, 6):
        await assets.update("a1", "description", "owners", description=str(number), owners=[ANN][: number % 2])
    deleted = await assets.delete("a1")

    page = await listed(superset, kind)

    assert numbers(page) == [0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert page["versions"][0] == await assets.get("a1", deleted="DELETED_INCLUDE")
    assert (page["versions"][0]["edited"], page["versions"][0]["sourceHash"]) == (deleted["edited"], "h1")
    for version in page["versions"][1:]:
        older = await assets.get("a1", version=version["version"], deleted="DELETED_INCLUDE")
        assert version == {name: value for name, value in older.items() if name not in ("edited", "sourceHash")}
    # Page by page, by id, with some fields only.
    request: Json = {"id": deleted["id"], "page_size": 3, "read_mask": "version,changeDescription"}
    walked, token = [], ""
    while True:
        part = await listed(superset, kind, **request, page_token=token)
        walked += part["versions"]
        if not (token := part.get("nextPageToken", "")):
            break
    shown = ("version", "changeDescription")
    assert walked == [{name: version[name] for name in shown if name in version} for version in page["versions"]]


@on_one_database
@each_kind
async def test_a_list_of_versions_is_refused_like_a_get(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")
    await assets.create("a2")
    await assets.update("a1", "description", description="b")
    limited = service.caller("lim", "admin", services=["looker"])
    nobody = service.caller("nobody")

    async def refusal(call: Any, caller: Caller, **request: Any) -> tuple[str, Any]:
        with pytest.raises(Refused) as refused:
            await call(caller, kind, **request)
        return refused.value.code, refused.value.violations or refused.value.message

    for call, rest in ((listed, {}), (compared, {"from_version": 0.1})):
        absent = ("NOT_FOUND", f"there is no {kind} superset.none")
        assert await refusal(call, superset, name="none", **rest) == absent
        assert (await refusal(call, limited, name="a1", **rest))[1] == (
            await refusal(call, limited, name="none", **rest)
        )[1].replace("none", "a1")
        assert (await refusal(call, nobody, name="a1", **rest))[0] == "PERMISSION_DENIED"
    token = (await listed(superset, kind, page_size=1))["nextPageToken"]
    assert numbers(await listed(superset, kind, page_token=token)) == [0.1]
    for request in ({"name": "a2", "page_token": token}, {"page_token": "x"}):
        assert (await refusal(listed, superset, **request))[1] == {"page_token": "INVALID_PAGE_TOKEN"}
    assert (await refusal(listed, superset, page_size=-1))[1] == {"page_size": "OUT_OF_RANGE"}
    wrong = {"read_mask.paths[0]": "UNKNOWN_FIELD", "page_token": "INVALID_PAGE_TOKEN"}
    assert (await refusal(listed, superset, read_mask="none", page_token="x"))[1] == wrong
    for request, found in (
        ({"from_version": 0.4}, ("NOT_FOUND", f"there is no {kind} superset.a1 in version 0.4")),
        ({"from_version": 0.1, "to_version": 9}, ("NOT_FOUND", f"there is no {kind} superset.a1 in version 9.0")),
        ({"from_version": 0.15}, ("INVALID_ARGUMENT", {"from_version": "INVALID_VALUE"})),
    ):
        assert await refusal(compared, superset, name="a1", **request) == found
    with pytest.raises(Refused) as refused:
        await getattr(superset, f"compare_{kind}_versions")(fully_qualified_name="superset.a1")
    assert refused.value.violations == {"from_version": "REQUIRED"}


@each_kind
async def test_any_two_versions_are_compared(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    label = {"source": "Classification", "labelType": "Manual", "state": "Confirmed"}
    await assets.create("a1", description="one", owners=[ANN, BOB], tags=[{"tagFQN": "PII.Email"}], domain="finance")
    await assets.update("a1", "displayName", "description", displayName="A", description="two")
    await assets.update("a1", "owners", "tags", "domain", owners=[BOB], tags=[{"tagFQN": "Tier.Gold"}])
    await assets.update("a1", "description", "owners", description="one", owners=[BOB, ANN])
    await assets.delete("a1")

    assert await compared(superset, kind, "a1", 0.1) == {
        "previousVersion": 0.1,
        "fieldsAdded": [
            {"name": "displayName", "newValue": "A"},
            {"name": "tags", "newValue": [{"tagFQN": "Tier.Gold", **label}]},
        ],
        "fieldsUpdated": [{"name": "deleted", "oldValue": False, "newValue": True}],
        "fieldsDeleted": [
            {"name": "domains", "oldValue": ["finance"]},
            {"name": "tags", "oldValue": [{"tagFQN": "PII.Email", **label}]},
        ],
    }
    backwards = await compared(superset, kind, "a1", 0.3, to_version=0.2)
    assert backwards == {
        "previousVersion": 0.3,
        "fieldsAdded": [
            {"name": "owners", "newValue": ["ann"]},
            {"name": "domains", "newValue": ["finance"]},
            {"name": "tags", "newValue": [{"tagFQN": "PII.Email", **label}]},
        ],
        "fieldsDeleted": [{"name": "tags", "oldValue": [{"tagFQN": "Tier.Gold", **label}]}],
    }
    # Neighbours differ by what the later one changed, and a version does not differ from itself.
    for version, before in ((0.2, 0.1), (0.3, 0.2), (0.4, 0.3)):
        change = (await assets.get("a1", version=version, deleted="DELETED_INCLUDE"))["changeDescription"]
        found = await compared(superset, kind, "a1", before, to_version=version)
        assert {part: by_name(found[part]) for part in found} == {part: by_name(change[part]) for part in change}
    assert await compared(superset, kind, "a1", 0.4, to_version=0.4) == {"previousVersion": 0.4}


def by_name(part: Any) -> Any:
    """Returns a part of a change description in an order of its own."""
    return part if isinstance(part, float) else sorted(part, key=lambda change: change["name"])


async def test_comparisons_hide_what_their_reader_may_not_view(service: Service, superset: Caller) -> None:
    vault = await add_vault(superset)
    limited = service.caller("lim", "admin", services=["superset"])
    pairs = [(0.1 * one, 0.1 * other) for one in range(1, 6) for other in range(1, 6)]

    shown = [await compared(limited, "dashboard", "holder", one, to_version=other) for one, other in pairs]

    assert vault.leaks(str(shown)) == []
    assert vault.leaks(str(await listed(limited, "dashboard", "holder"))) == []
    hidden = {"type": "chart", "hidden": True}
    assert shown[1]["fieldsDeleted"][0] == {"name": "charts", "oldValue": [hidden, hidden, "superset.c2"]}
    assert "s3cret" in str(await compared(superset, "dashboard", "holder", 0.1, to_version=0.2))


async def test_large_versions_end_a_page_early_and_lose_their_values(
    superset: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = Assets(superset, "dashboard")
    texts = [str(number) * 90_000 for number in range(4)]
    for text in texts:
        await assets.upsert("a1", description=text)
    for module in (room, pages, fitting):
        monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 200_000, raising=False)
    monkeypatch.setattr("dashboard_catalog.contract.pages.MAX_ANSWER_BYTES", 200_000)

    first = await listed(superset, "dashboard", read_mask="version,description")

    assert numbers(first) == [0.4, 0.3]
    rest = await listed(superset, "dashboard", read_mask="version,description", page_token=first["nextPageToken"])
    descriptions = [version["description"] for version in first["versions"] + rest["versions"]]
    assert (numbers(rest), descriptions) == ([0.2, 0.1], texts[::-1])
    whole = await compared(superset, "dashboard", "a1", 0.1, to_version=0.2)
    assert whole["fieldsUpdated"] == [{"name": "description", "oldValue": texts[0], "newValue": texts[1]}]
    monkeypatch.setattr(fitting, "MAX_ASSET_BYTES", 150_000)
    cut = await compared(superset, "dashboard", "a1", 0.1)
    assert cut == {"previousVersion": 0.1, "fieldsUpdated": [{"name": "description"}]}
