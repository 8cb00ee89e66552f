"""Custom properties through the RPCs: their definitions, and their values in assets."""

from typing import Any

import pytest

from tests.service.assets import on_one_database
from tests.service.caller import Caller, Json, Refused
from tests.service.entities import deleted, read, refused, upserted

NOBODY = "00000000-0000-4000-8000-000000000000"
USERS = {"entityTypes": ["user", "team"]}

# Type, config, a value that fits, one that does not, and the place in it that is wrong.
VALUES: list[tuple[str, Json, Any, Any, str]] = [
    ("string", {}, "text", 1, ""),
    ("integer", {}, 2**53 - 1, 1.5, ""),
    ("number", {}, 1.5, "1.5", ""),
    ("markdown", {}, "*text*", ["text"], ""),
    ("email", {}, "jane@example.com", "jane", ""),
    ("sqlQuery", {}, "SELECT 1", {}, ""),
    ("duration", {}, "P1DT2H", "2 hours", ""),
    ("timestamp", {}, 1_753_738_200_000, -1, ""),
    ("timeInterval", {}, {"start": 1, "end": 2}, {"start": 1}, ".end"),
    ("date-cp", {"format": "yyyy-MM-dd"}, "2026-02-28", "2026-02-30", ""),
    ("dateTime-cp", {"format": "dd/MM/yyyy HH:mm:ss"}, "28/07/2026 14:30:15", "2026-07-28 14:30:15", ""),
    ("time-cp", {"format": "HH:mm:ss"}, "14:30:15", "24:00:00", ""),
    ("enum", {"values": ["red", "blue"]}, ["red"], ["red", "blue"], ""),
    ("entityReference", USERS, {"type": "user", "name": "ann"}, {"type": "domain", "name": "finance"}, ".type"),
    ("entityReferenceList", USERS, [{"type": "team", "name": "sales"}], {"type": "team", "name": "sales"}, ""),
    ("table-cp", {"columns": ["a", "b"]}, {"rows": [{"a": "1", "b": "2"}]}, {"rows": [{"c": "1"}]}, ".rows[0].c"),
    ("hyperlink-cp", {}, {"url": "https://example.com"}, {"url": "ftp://example.com"}, ".url"),
]


async def define(caller: Caller, name: str, property_type: str, **config: Any) -> None:
    fields: Json = {"name": name, "appliesTo": "dashboard", "propertyType": property_type}
    await upserted(caller, "customProperty", **fields, config=config)


async def write(caller: Caller, extension: Json, name: str = "d", mask: str = "") -> tuple[str, Json]:
    """Upserts a dashboard and returns the outcome and its extension."""
    spec = {"name": name, "service": "superset", "extension": extension}
    answer = await caller.upsert_dashboard(dashboard=spec, update_mask=mask)
    return answer["outcome"].removeprefix("OUTCOME_"), answer["dashboard"].get("extension", {})


async def write_refused(caller: Caller, extension: Json) -> dict[str, str]:
    with pytest.raises(Refused) as caught:
        await write(caller, extension)
    assert caught.value.code == "INVALID_ARGUMENT"
    return {field.removeprefix("dashboard.extension."): reason for field, reason in caught.value.violations.items()}


async def test_each_of_the_seventeen_types_accepts_fitting_values_and_refuses_others(superset: Caller) -> None:
    assert len({property_type for property_type, *_ in VALUES}) == 17
    definitions: list[Json] = [
        {"name": f"p-{property_type}", "appliesTo": kind, "propertyType": property_type, "config": config}
        for property_type, config, *_ in VALUES
        for kind in ("dashboard", "chart")
    ]
    assert not (await superset.bulk([{"entity": {"customProperty": each}} for each in definitions])).failures
    good = {f"p-{property_type}": value for property_type, _, value, _, _ in VALUES}
    bad = {f"p-{property_type}": value for property_type, _, _, value, _ in VALUES}
    spec: Json = {"name": "x", "service": "superset"}

    assert await write(superset, good) == ("CREATED", good)
    chart = await superset.upsert_chart(chart={**spec, "extension": good})
    assert chart["chart"]["extension"] == good
    assert (await superset.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]["extension"] == good
    assert await write(superset, good) == ("UNCHANGED", good)
    wrong = {f"p-{property_type}{place}": "INVALID_PROPERTY" for property_type, _, _, _, place in VALUES}
    assert await write_refused(superset, bad) == wrong
    with pytest.raises(Refused) as caught:
        await superset.upsert_chart(chart={**spec, "extension": bad})
    assert caught.value.violations == {f"chart.extension.{key}": reason for key, reason in wrong.items()}


@on_one_database
async def test_an_incomplete_definition_is_refused(superset: Caller) -> None:
    cases: list[tuple[str, Json, dict[str, str]]] = [
        ("string", {"values": ["a"]}, {"config": "INVALID_VALUE"}),
        ("enum", {}, {"config.values": "REQUIRED"}),
        ("enum", {"values": []}, {"config.values": "INVALID_VALUE"}),
        ("enum", {"values": ["a"], "colour": "red"}, {"config.colour": "UNKNOWN_FIELD"}),
        ("date-cp", {"format": "YYYY"}, {"config.format": "INVALID_VALUE"}),
        ("time-cp", {}, {"config.format": "REQUIRED"}),
        ("table-cp", {"columns": ["a", "b", "c", "d"]}, {"config.columns": "TOO_MANY"}),
        ("entityReference", {"entityTypes": ["page"]}, {"config.entityTypes[0]": "INVALID_VALUE"}),
        ("text", {}, {"property_type": "INVALID_VALUE"}),
        ("enum", {"values": ["x" * 65_536]}, {"config": "TOO_LARGE"}),
        ("enum", {"values": ["a\0"]}, {"config.values[0]": "INVALID_VALUE"}),
    ]
    for property_type, config, expected in cases:
        fields: Json = {"name": "x", "appliesTo": "chart", "propertyType": property_type, "config": config}
        found = await refused(superset, "customProperty", **fields)
        assert found == {f"entity.custom_property.{path}": reason for path, reason in expected.items()}
    for name in ("-x", "a*b", 'a"b', "a/b", "ä"):
        assert await refused(superset, "customProperty", name=name, appliesTo="chart", propertyType="string") == {
            "entity.custom_property.name": "INVALID_FORMAT"
        }
    for applies_to in ("..", '"', "table"):
        found = await refused(superset, "customProperty", name="x", appliesTo=applies_to, propertyType="string")
        assert found == {"entity.custom_property.applies_to": "INVALID_VALUE"}
    # A dot is allowed; it is quoted.
    await define(superset, "a.b (c)", "string")
    assert await write(superset, {"a.b (c)": "x"}) == ("CREATED", {"a.b (c)": "x"})
    assert (await read(superset, "customProperty", 'dashboard."a.b (c)"'))["name"] == "a.b (c)"


@on_one_database
async def test_the_type_cannot_change_but_the_config_can(superset: Caller) -> None:
    await define(superset, "colour", "enum", values=["red", "blue"])
    name: Json = {"name": "colour", "appliesTo": "dashboard"}
    never = {"entity.custom_property.property_type": "IMMUTABLE"}

    assert (await refused(superset, "customProperty", **name, propertyType="string")).items() >= never.items()
    assert (await refused(superset, "customProperty", "propertyType", **name)).items() >= never.items()
    # After soft deletion and restoration it is the same property; after hard deletion it is a new one.
    await deleted(superset, "customProperty", "dashboard.colour")
    assert (await refused(superset, "customProperty", **name, propertyType="string")).items() >= never.items()
    await upserted(superset, "customProperty", **name, config={"values": ["green"], "multiSelect": True})
    assert (await read(superset, "customProperty", "dashboard.colour"))["config"]["values"] == ["green"]
    assert await refused(superset, "customProperty", "config", **name) == {
        "entity.custom_property.config.values": "REQUIRED"
    }
    await deleted(superset, "customProperty", "dashboard.colour", hard=True)
    await define(superset, "colour", "string")


@on_one_database
async def test_a_property_belongs_to_one_kind_of_asset(superset: Caller) -> None:
    assert await write_refused(superset, {"nothing": 1, "costCentre": "X1"}) == {"nothing": "UNKNOWN_PROPERTY"}
    with pytest.raises(Refused) as caught:
        await superset.create_chart(chart={"name": "x", "service": "superset", "extension": {"costCentre": "X1"}})
    assert caught.value.violations == {"chart.extension.costCentre": "UNKNOWN_PROPERTY"}
    # Clearing an absent key needs no definition.
    assert await write(superset, {"nothing": None}) == ("CREATED", {})


async def test_keys_are_merged_and_null_clears(superset: Caller) -> None:
    assert await write(superset, {"costCentre": "X1"}) == ("CREATED", {"costCentre": "X1"})
    assert await write(superset, {"budget": 5}) == ("UPDATED", {"costCentre": "X1", "budget": 5})
    assert await write(superset, {}) == ("UNCHANGED", {"costCentre": "X1", "budget": 5})
    assert await write(superset, {"costCentre": None, "budget": 6}) == ("UPDATED", {"budget": 6})
    assert await write(superset, {"costCentre": None}) == ("UNCHANGED", {"budget": 6})
    # In a mask and with values, it is still merged by key; in a mask and without values, it is cleared.
    assert await write(superset, {"costCentre": "X2"}, mask="extension") == (
        "UPDATED",
        {"costCentre": "X2", "budget": 6},
    )
    assert await write(superset, {}, mask="extension") == ("UPDATED", {})
    change = (await superset.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]["changeDescription"]
    assert [each["name"] for each in change["fieldsDeleted"]] == ["extension"]


async def test_stored_values_never_fail_a_later_write(superset: Caller) -> None:
    await define(superset, "colour", "enum", values=["red", "blue"], multiSelect=True)
    await define(superset, "owner", "entityReference", entityTypes=["user"])
    stored = {"colour": ["blue", "red"], "owner": {"name": "bob"}, "costCentre": "X1"}
    await write(superset, {**stored, "colour": ["red", "blue"]})

    await upserted(superset, "customProperty", name="colour", appliesTo="dashboard", config={"values": ["green"]})
    await deleted(superset, "customProperty", "dashboard.costCentre")
    await deleted(superset, "user", "bob", hard=True)

    # The same value again in its stored form, with a change beside it.
    spec: Json = {"name": "d", "service": "superset", "extension": stored, "displayName": "D"}
    assert (await superset.upsert_dashboard(dashboard=spec))["dashboard"]["version"] == 0.2
    assert await write_refused(superset, {"colour": ["red"], "owner": {"name": "bob "}, "costCentre": "X2"}) == {
        "colour[0]": "INVALID_PROPERTY",
        "owner": "UNKNOWN_REFERENCE",
        "costCentre": "DELETED_REFERENCE",
    }
    # It can be cleared, and then it counts as new.
    assert await write(superset, dict.fromkeys(stored)) == ("UPDATED", {})
    assert await write_refused(superset, stored) == {
        "colour": "INVALID_PROPERTY",
        "colour[0]": "INVALID_PROPERTY",
        "colour[1]": "INVALID_PROPERTY",
        "owner": "UNKNOWN_REFERENCE",
        "costCentre": "DELETED_REFERENCE",
    }


@on_one_database
async def test_values_have_one_stored_form(superset: Caller) -> None:
    await define(superset, "colour", "enum", values=["red", "blue"], multiSelect=True)
    await define(superset, "due", "date-cp", format="d MMMM yyyy")
    sent = {"colour": ["red", "blue"], "due": "07 July 2026"}

    assert await write(superset, sent) == ("CREATED", {"colour": ["blue", "red"], "due": "7 July 2026"})
    # The same values in another spelling are no change.
    assert (await write(superset, sent))[0] == "UNCHANGED"


async def test_entities_that_a_value_refers_to_must_exist(superset: Caller) -> None:
    await define(
        superset, "any", "entityReferenceList", entityTypes=["user", "team", "domain", "tag", "dashboardService"]
    )
    await define(superset, "asset", "entityReferenceList", entityTypes=["dashboard", "chart"])
    await superset.create_dashboard(dashboard={"name": "a.b", "service": "superset"})
    await superset.delete_chart(fully_qualified_name="superset.c3")
    await deleted(superset, "user", "bob")
    ann = (await read(superset, "user", "ann"))["id"]
    chart = (await superset.get_chart(fully_qualified_name="superset.c1"))["chart"]["id"]
    good: list[tuple[str, Json]] = [
        ("any", {"type": "user", "name": "ann"}),
        ("any", {"id": ann}),
        ("any", {"id": ann.upper(), "type": "user"}),
        ("any", {"type": "domain", "fullyQualifiedName": "finance.tax"}),
        ("any", {"type": "domain", "fullyQualifiedName": '"finance"."tax"'}),
        ("any", {"type": "tag", "fullyQualifiedName": "PII.Email"}),
        ("any", {"type": "dashboardService", "name": "looker"}),
        ("asset", {"type": "chart", "fullyQualifiedName": "superset.c1"}),
        ("asset", {"id": chart}),
        ("asset", {"type": "dashboard", "fullyQualifiedName": 'superset."a.b"'}),
        ("asset", {"type": "dashboard", "fullyQualifiedName": '"superset"."a.b"'}),
    ]
    bad: list[tuple[str, Json]] = [
        ("any", {"type": "user", "name": "nobody"}),
        ("any", {"type": "team", "name": "ann"}),
        ("any", {"id": NOBODY}),
        ("any", {"id": ann, "type": "team"}),
        ("any", {"id": chart}),
        ("any", {"type": "user", "name": "bob"}),
        ("any", {"type": "domain", "fullyQualifiedName": "tax"}),
        ("any", {"type": "domain", "fullyQualifiedName": 'a"b'}),
        ("asset", {"type": "chart", "fullyQualifiedName": "superset.c3"}),
        ("asset", {"type": "dashboard", "fullyQualifiedName": "superset.c1"}),
        ("asset", {"type": "chart", "fullyQualifiedName": "superset"}),
        ("asset", {"id": ann}),
    ]

    for number, (key, value) in enumerate(good):
        assert await write(superset, {key: [value]}, name=f"g{number}") == ("CREATED", {key: [value]}), value
    for key, value in bad:
        assert await write_refused(superset, {key: [good[0][1] if key == "any" else good[7][1], value]}) == {
            f"{key}[1]": "UNKNOWN_REFERENCE"
        }, value


@on_one_database
async def test_the_parts_of_a_reference_must_agree(superset: Caller) -> None:
    await define(superset, "any", "entityReference", entityTypes=["user", "tag", "chart"])
    ann = (await read(superset, "user", "ann"))["id"]
    chart = (await superset.get_chart(fully_qualified_name="superset.c1"))["chart"]["id"]
    good: list[Json] = [
        {"id": ann, "type": "user", "name": "ann", "fullyQualifiedName": '"ann"'},
        {"id": chart, "type": "chart", "name": "c1", "fullyQualifiedName": 'superset."c1"'},
        {"type": "tag", "name": "Email", "fullyQualifiedName": "PII.Email"},
    ]
    bad: list[Json] = [
        {"id": ann, "name": "bob"},
        {"id": ann, "fullyQualifiedName": "bob"},
        {"id": ann, "fullyQualifiedName": 'a"nn'},
        {"id": chart, "fullyQualifiedName": "superset.c2"},
        {"id": chart, "name": "superset.c1"},
        {"type": "tag", "name": "Phone", "fullyQualifiedName": "PII.Email"},
    ]

    for number, value in enumerate(good):
        assert await write(superset, {"any": value}, name=f"g{number}") == ("CREATED", {"any": value}), value
    for value in bad:
        assert await write_refused(superset, {"any": value}) == {"any": "CONFLICTING_PARTS"}, value
    unknown = {"id": NOBODY, "type": "user", "name": "ann"}
    assert await write_refused(superset, {"any": unknown}) == {"any": "UNKNOWN_REFERENCE"}
    with pytest.raises(Refused, match=f"there is no user or tag or chart with the id {NOBODY}$"):
        await write(superset, {"any": {"id": NOBODY}})
    with pytest.raises(Refused, match=f"no user with the id {NOBODY}; leave the id out to refer to it by name$"):
        await write(superset, {"any": unknown})


@on_one_database
async def test_references_that_are_written_alike_are_kept_once(superset: Caller) -> None:
    await define(superset, "people", "entityReferenceList", entityTypes=["user", "team"])
    ann, sales = {"type": "user", "name": "ann"}, {"type": "team", "name": "sales"}
    assert await write(superset, {"people": [ann, sales, ann]}) == ("CREATED", {"people": [ann, sales]})
    assert (await write(superset, {"people": [ann, ann, sales]}))[0] == "UNCHANGED"
    assert await write_refused(superset, {"people": [ann, ann, {"type": "user", "name": "nobody"}]}) == {
        "people[2]": "UNKNOWN_REFERENCE"
    }
