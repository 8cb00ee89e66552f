"""CatalogService: the fields of every kind of entity, their names, and what may refer to what."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from dashboardcatalog.v1 import catalog_service_pb2, entity_pb2
from tests.service.assets import all_rows, on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.entities import EXAMPLES, kind_of, read, refused, snake, upserted

GIVEN = ("id", "fullyQualifiedName", "updatedAt", "updatedBy", "deleted")


async def test_all_fields_are_returned_and_lists_keep_their_order(superset: Caller) -> None:
    for kind, fqn, fields, least in EXAMPLES:
        shown: Json = {"displayName": "Shown", "description": "*Said*"}

        created = await upserted(superset, kind, **fields, **shown)
        plain = await upserted(superset, kind, **{key: value for key, value in least.items() if value or key == "name"})

        assert created.pop("outcome") == plain.pop("outcome") == "CREATED"
        assert {key: value for key, value in created.items() if key not in GIVEN} == {**fields, **shown}
        assert {key: value for key, value in plain.items() if key not in GIVEN} == least
        assert (created["fullyQualifiedName"], created["updatedBy"]) == (fqn, "admin")
        assert await read(superset, kind, fqn) == created
        by_id = await superset.get_entity(kind=kind_of(kind), id=created["id"])
        assert by_id == {"entity": {kind: created}}
        listed = (await superset.list_entities(kind=kind_of(kind)))["entities"]
        assert {kind: created} in listed
        assert {kind: plain} in listed
        assert all(list(each) == [kind] for each in listed)


@on_one_database
async def test_output_only_fields_are_ignored_in_requests(superset: Caller) -> None:
    sent: Json = {
        "id": "x",
        "fullyQualifiedName": "y",
        "deleted": True,
        "updatedBy": "z",
        "updatedAt": "2000-01-01T00:00:00Z",
    }
    returned = await upserted(superset, "user", name="carl", **sent)
    assert returned["fullyQualifiedName"] == "carl"
    assert returned["updatedBy"] == "admin"
    assert returned["id"] != "x"
    assert "deleted" not in returned


async def test_names_are_parsed_and_returned_in_one_quoting(superset: Caller) -> None:
    # Different quoting means the same entities.
    tag = await upserted(superset, "tag", name="Work", classification='"PII"', parent='"PII"."Email"')
    assert (tag["classification"], tag["parent"]) == ("PII", "PII.Email")
    # A tag with a parent still has the name of its classification.
    assert tag["fullyQualifiedName"] == "PII.Work"
    domain = await upserted(superset, "domain", name="vat", parent='"finance"."tax"')
    assert (domain["fullyQualifiedName"], domain["parent"]) == ("finance.tax.vat", "finance.tax")
    team = await upserted(superset, "team", name="north", parents=['"sales"', "sales"])
    assert team["parents"] == ["sales"]
    assert (await read(superset, "tag", '"PII"."Work"'))["id"] == tag["id"]
    # The same name in another place is another entity.
    assert (await upserted(superset, "domain", name="vat"))["fullyQualifiedName"] == "vat"
    assert (await upserted(superset, "tag", name="Work", classification="Tier"))["outcome"] == "CREATED"
    assert (await upserted(superset, "customProperty", name="costCentre", appliesTo="chart", propertyType="integer"))[
        "fullyQualifiedName"
    ] == "chart.costCentre"
    # Names are never normalized, and they are compared byte for byte.
    for name in ("ANN", " ann", "e\u0301", "é"):
        assert (await upserted(superset, "user", name=name))["outcome"] == "CREATED"


@on_one_database
async def test_a_name_is_required_and_has_its_limits(superset: Caller) -> None:
    for kind, _, _, least in EXAMPLES:
        fields = {key: value for key, value in least.items() if key != "name"}

        for name, reason in {
            "": "REQUIRED",
            "x" * 257: "TOO_LONG",
            "a::b": "INVALID_FORMAT",
            "a\nb": "INVALID_FORMAT",
        }.items():
            assert await refused(superset, kind, name=name, **fields) == {f"entity.{snake(kind)}.name": reason}
        with pytest.raises(Refused) as caught:
            await superset.get_entity(kind=kind_of(kind), fully_qualified_name='a."b')
        assert caught.value.violations == {"fully_qualified_name": "INVALID_FORMAT"}


@on_one_database
async def test_a_whole_name_has_at_most_2400_bytes(superset: Caller) -> None:
    above, depth = "", 0
    while len(above) + 251 <= 2400:
        await upserted(superset, "domain", name="d" * 250, parent=above)
        above, depth = f"{above}.{'d' * 250}".strip("."), depth + 1
    assert depth == 9
    assert await refused(superset, "domain", name="d" * 250, parent=above) == {"entity.domain.name": "TOO_LONG"}


@on_one_database
async def test_required_fields_must_be_sent(superset: Caller) -> None:
    assert await refused(superset, "biService", name="x") == {"entity.bi_service.service_type": "REQUIRED"}
    assert await refused(superset, "tag", name="x") == {"entity.tag.classification": "REQUIRED"}
    assert (await refused(superset, "customProperty", name="x", appliesTo="chart")) == {
        "entity.custom_property.property_type": "REQUIRED"
    }
    assert (await refused(superset, "customProperty", name="x", propertyType="string")) == {
        "entity.custom_property.applies_to": "REQUIRED"
    }
    # An upsert of a stored entity may omit it, but cannot clear it.
    assert (await upserted(superset, "biService", name="superset", sourceUrl="http://s"))["serviceType"] == "Superset"
    assert await refused(superset, "biService", "serviceType", name="superset") == {
        "entity.bi_service.service_type": "REQUIRED"
    }
    with pytest.raises(Refused) as caught:
        await superset.upsert_entity(entity={})
    assert caught.value.violations == {"entity.entity": "REQUIRED"}
    for call in (superset.get_entity, superset.delete_entity):
        with pytest.raises(Refused) as caught:
            await call()
        assert caught.value.violations == {"kind": "REQUIRED", "key": "REQUIRED"}
    for kind in ("KIND_DASHBOARD", "KIND_CHART"):
        with pytest.raises(Refused) as caught:
            await superset.list_entities(kind=kind)
        assert caught.value.violations == {"kind": "INVALID_VALUE"}


@on_one_database
async def test_closed_vocabularies_accept_only_their_values(superset: Caller) -> None:
    assert await refused(superset, "team", name="x", teamType="Squad") == {"entity.team.team_type": "INVALID_VALUE"}
    assert await refused(superset, "customProperty", name="x", appliesTo="user", propertyType="string") == {
        "entity.custom_property.applies_to": "INVALID_VALUE"
    }
    assert await refused(superset, "customProperty", name="x", appliesTo="chart", propertyType="text") == {
        "entity.custom_property.property_type": "INVALID_VALUE"
    }
    # The type of a BI service is an open vocabulary.
    assert (await upserted(superset, "biService", name="x", serviceType="Home-Made"))["serviceType"] == "Home-Made"
    for team_type in ("Department", "Division", "BusinessUnit", "Organization", "Group"):
        assert (await upserted(superset, "team", name="x", teamType=team_type))["teamType"] == team_type


@on_one_database
async def test_fields_that_are_part_of_the_name_never_change(superset: Caller) -> None:
    # Another value makes another entity.
    for parent in ("", "finance"):
        assert (await upserted(superset, "domain", name="new", parent=parent))["outcome"] == "CREATED"
    assert (await upserted(superset, "tag", name="Gold", classification="PII"))["outcome"] == "CREATED"
    assert (await upserted(superset, "domain", "parent", name="new"))["outcome"] == "UNCHANGED"
    for field in ("name", "service"):
        with pytest.raises(Refused) as caught:
            await superset.upsert_entity(entity={"user": {"name": "ann"}}, update_mask=field)
        assert caught.value.code == "INVALID_ARGUMENT"
        assert "update_mask" in next(iter(caught.value.violations))


async def test_absent_fields_erase_nothing_and_the_last_writer_wins(superset: Caller, bot: Caller) -> None:
    all_fields: Json = {"displayName": "E-Mail", "description": "Addresses", "parent": "PII.Phone", "disabled": True}
    tag: Json = {"name": "Email", "classification": "PII"}

    first = await upserted(superset, "tag", **tag, **all_fields)
    second = await upserted(bot, "tag", **tag, displayName="Mail")
    third = await upserted(bot, "tag", **tag, displayName="", parent="", disabled=False)

    assert [each["outcome"] for each in (first, second, third)] == ["UPDATED"] * 3
    # A bot overwrites what people wrote, because entities have no marks.
    assert second == {**first, "displayName": "Mail", "updatedBy": "loader", "updatedAt": second["updatedAt"]}
    # Empty counts as absent, but false is a value.
    assert third == {**second, "disabled": False, "updatedAt": third["updatedAt"]}
    assert await read(superset, "tag", "PII.Email") == {key: third[key] for key in third if key != "outcome"}


async def test_a_mask_clears_fields(superset: Caller) -> None:
    for kind, _, example, least in EXAMPLES:
        fields = {**example, "displayName": "Shown", "description": "Said"}
        await upserted(superset, kind, **fields)
        name: Json = {key: fields[key] for key in ("name", "classification", "appliesTo") if key in fields}
        if kind == "domain":
            name["parent"] = fields["parent"]
        fixed = {*name, "serviceType", "propertyType", "config"}

        for field in sorted(fields.keys() - fixed):
            cleared = await upserted(superset, kind, field, **name)
            assert cleared["outcome"] == "UPDATED", field
            assert cleared.get(field) == least.get(field), field
        left = await upserted(superset, kind, **name)
        assert left.keys() & {"displayName", "description"} == set()
        assert left["outcome"] == "UNCHANGED"


@on_one_database
async def test_a_mask_accepts_both_spellings_and_only_fields_of_the_kind(superset: Caller) -> None:
    for path in ("display_name", "displayName"):
        await upserted(superset, "user", name="ann", displayName="Ann")
        request = catalog_service_pb2.UpsertEntityRequest(
            entity=entity_pb2.Entity(user=entity_pb2.User(name="ann")), update_mask=FieldMask(paths=[path])
        )
        await superset._stubs["Entit"].UpsertEntity(request, metadata=superset.metadata)
        assert "displayName" not in await read(superset, "user", "ann")
    for path in ("teamType", "colour", "description.x"):
        assert await refused(superset, "user", path, name="ann") == {"update_mask.paths[0]": "UNKNOWN_FIELD"}


async def test_an_upsert_that_changes_nothing_writes_nothing(service: Service, superset: Caller) -> None:
    for kind, _, fields, least in EXAMPLES:
        first = await upserted(superset, kind, **fields)
        rows = await all_rows(service.database)
        other = service.caller("other", "admin")

        same = await upserted(other, kind, **fields)
        part = await upserted(other, kind, **{key: fields[key] for key in fields if key not in ("sourceUrl", "isBot")})
        only = await upserted(other, kind, "description", **fields, displayName="")
        tried = await upserted(other, kind, validate_only=True, **fields, displayName="New")
        made = await upserted(other, kind, validate_only=True, **least)

        assert same == part == only == {**first, "outcome": "UNCHANGED"}
        assert (tried["outcome"], tried["displayName"], tried["updatedBy"]) == ("UPDATED", "New", "other")
        assert made["outcome"] == "CREATED"
        assert await all_rows(service.database) == rows


@on_one_database
async def test_an_absent_entity_is_not_found(superset: Caller) -> None:
    user = (await read(superset, "user", "ann"))["id"]
    missing: list[tuple[str, Json]] = [
        ("user", {"fully_qualified_name": "nobody"}),
        ("user", {"id": "00000000-0000-4000-8000-000000000000"}),
        # An entity of another kind has the name or the id.
        ("user", {"fully_qualified_name": "sales"}),
        ("team", {"id": user}),
    ]
    for kind, key in missing:
        for call in (superset.get_entity, superset.delete_entity):
            with pytest.raises(Refused) as caught:
                await call(kind=kind_of(kind), **key)
            assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "NOT_FOUND")
            shown = {"resourceType": kind, "resourceName": next(iter(key.values()))}
            assert caught.value.details["ResourceInfo"] == shown
        assert await superset.delete_entity(kind=kind_of(kind), **key, allow_missing=True) == {}


async def test_parents_form_no_cycle(superset: Caller) -> None:
    circular = {"entity.team.parents[0]": "CIRCULAR_PARENT"}
    for name, above in (("t1", []), ("t2", ["t1"]), ("t3", ["sales", "t2"]), ("t4", ["t3"])):
        await upserted(superset, "team", name=name, parents=above)
    for below in ("t1", "t2", "t3", "t4"):
        assert await refused(superset, "team", name="t1", parents=[below]) == circular, below
    assert await refused(superset, "team", name="t1", parents=["emea", "t4"]) == {
        "entity.team.parents[1]": "CIRCULAR_PARENT"
    }
    # Once the chain is cut, a former ancestor may be a descendant.
    await upserted(superset, "team", name="t3", parents=["sales"])
    assert (await upserted(superset, "team", name="t1", parents=["t4"]))["parents"] == ["t4"]
    assert await refused(superset, "team", name="sales", parents=["t2"]) == circular

    for name, parent in (("Work", "PII.Email"), ("Office", "PII.Work")):
        await upserted(superset, "tag", name=name, classification="PII", parent=parent)
    for below in ("PII.Email", "PII.Work", "PII.Office"):
        assert await refused(superset, "tag", name="Email", classification="PII", parent=below) == {
            "entity.tag.parent": "CIRCULAR_PARENT"
        }


@on_one_database
async def test_parents_form_no_cycle_within_a_chunk(superset: Caller) -> None:
    def team(name: str, *above: str) -> Json:
        return {"entity": {"team": {"name": name, "parents": above}}}

    made = await superset.bulk([team("t4", "t3"), team("t3", "t2"), team("t2", "t1"), team("t1")])
    assert made.counts == {"created": 4}
    closed = await superset.bulk([team("t5", "t4"), team("t1", "t5"), team("t6", "t1")])
    assert closed.failures == {
        1: {"entity.team.parents[0]": "CIRCULAR_PARENT"},
        # It refers to an item that failed, although the team existed before.
        2: {"entity.team.parents[0]": "FAILED_REFERENCE"},
    }
    # A later chunk closes the cycle that the first one prepares.
    twice = await superset.bulk([team("t7"), team("t8", "t7")], [team("t7", "t8")])
    assert twice.failures == {2: {"entity.team.parents[0]": "CIRCULAR_PARENT"}}
    assert (await read(superset, "team", "t8"))["parents"] == ["t7"]
    # A validating stream checks this across its chunks.
    tried = await superset.bulk([team("u1")], [team("u2", "u1")], [team("u1", "u2")], options={"validate_only": True})
    assert tried.failures == {2: {"entity.team.parents[0]": "CIRCULAR_PARENT"}}


async def test_the_same_entity_in_a_later_chunk_is_updated(superset: Caller) -> None:
    items = [
        {"team": {"name": "x", "displayName": "first", "parents": ["top", "middle"]}},
        {"team": {"name": "middle", "parents": ["top"]}},
        {"team": {"name": "top"}},
        {"team": {"name": "x", "displayName": "last"}},
    ]
    chunks = [[{"entity": item} for item in items[:3]], [{"entity": items[3]}]]

    bulk = await superset.bulk(*chunks, options={"result_view": "RESULT_VIEW_ALL"})

    assert [bulk.outcome(place) for place in range(4)] == ["CREATED", "CREATED", "CREATED", "UPDATED"]
    team = await read(superset, "team", "x")
    assert (team["displayName"], team["parents"]) == ("last", ["top", "middle"])


@on_one_database
async def test_a_parent_must_exist(superset: Caller) -> None:
    unknown = "UNKNOWN_REFERENCE"
    assert await refused(superset, "team", name="x", parents=["sales", "no", "ann"]) == {
        "entity.team.parents[1]": unknown,
        "entity.team.parents[2]": unknown,
    }
    assert await refused(superset, "domain", name="x", parent="finance.no") == {"entity.domain.parent": unknown}
    assert await refused(superset, "tag", name="x", classification="no", parent="PII.no") == {
        "entity.tag.classification": unknown,
        "entity.tag.parent": unknown,
    }
    assert await refused(superset, "team", name="x", parents=['a"b']) == {"entity.team.parents[0]": "INVALID_FORMAT"}
    assert await refused(superset, "team", name="x", parents=["sales"] * 101) == {"entity.team.parents": "TOO_MANY"}


@on_one_database
async def test_the_parent_of_a_tag_belongs_to_its_classification(superset: Caller) -> None:
    of_another = {"entity.tag.parent": "CONFLICTING_PARTS"}
    assert await refused(superset, "tag", name="x", classification="PII", parent="Tier.Gold") == of_another
    assert await refused(superset, "tag", name="Email", classification="PII", parent="Tier.Gold") == of_another
