"""The limits of §2 of the contract, each at its boundary: a value at the limit is stored, a larger one is refused."""

import math
import random
from typing import Any

import grpc.aio
import pytest

from dashboardcatalog.v1 import dashboard_service_pb2
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from tests.service.assets import Assets, all_rows, each_kind, fqns, on_one_database
from tests.service.caller import Caller, Json, Refused, Service

# Four bytes in UTF-8, two units in UTF-16, one character.
WIDE = "📈"
TEXTS = [("displayName", "display_name", 1024), ("description", "description", 100_000)]
TEXTS += [("sourceUrl", "source_url", 2048), ("sourceHash", "source_hash", 32)]
OWN_TEXTS = {
    "dashboard": [("project", "project", 512)],
    "chart": [("chartType", "chart_type", 64)],
}
# A project is limited in bytes too, so that every character may have three.
CHARACTER = {"project": "漢"}


async def refusal(call: Any) -> dict[str, str]:
    """Returns the violations in the error of a call."""
    with pytest.raises(Refused) as refused:
        await call
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    return refused.value.violations


@each_kind
async def test_texts_are_limited_in_characters_and_stored_as_sent(superset: Caller, kind: str) -> None:
    texts = TEXTS + OWN_TEXTS[kind]
    assets = Assets(superset, kind)
    longest: Json = {name: "\u0301" + CHARACTER.get(name, WIDE) * (limit - 2) + "\n" for name, _, limit in texts}

    created = await assets.create("a1", **longest)

    assert {name: created[name] for name in longest} == longest
    assert {name: (await assets.get("a1"))[name] for name in longest} == longest
    too_long: Json = {name: text + "x" for name, text in longest.items()}
    violations = {f"{kind}.{field}": "TOO_LONG" for _, field, _ in texts}
    assert await refusal(assets.create("a2", **too_long)) == violations
    assert await refusal(assets.upsert("a1", **too_long)) == violations
    assert await refusal(assets.update("a1", *longest, **too_long)) == violations


async def test_the_longest_texts_fit_into_the_indexes_of_the_database(superset: Caller, bot: Caller) -> None:
    """PostgreSQL compresses what it can. So the characters are random."""
    text = "".join(map(chr, random.Random(1).choices(range(0x20000, 0x2A6DF), k=1024)))
    name, project = text[:256], text[256 : 256 + 384]
    entities: list[Json] = [
        {"biService": {"name": name, "serviceType": "Superset"}},
        {"user": {"name": name}},
        {"classification": {"name": name}},
        {"tag": {"name": text[256:512], "classification": name}},
        {"tag": {"name": text[512:600], "classification": name}},
        {"domain": {"name": name}},
        {"domain": {"name": text[256:512], "parent": name}},
        {"domain": {"name": text[512:599] + "x", "parent": f"{name}.{text[256:512]}"}},
    ]
    fqn = f"{name}.{text[256:512]}.{text[512:599]}x"
    spec: Json = {
        "name": name,
        "service": name,
        "owners": [{"type": "user", "name": name}],
        "tags": [{"tagFQN": f"{name}.{text[256:512]}"}],
        "domain": fqn,
        "project": project,
    }
    too_long = {"name": "d", "service": "superset", "project": project + "x"}

    bulk = await bot.bulk([{"entity": one} for one in entities if "user" not in one])
    assert not bulk.failures
    await superset.upsert_entity(entity=entities[1])
    bulk = await bot.bulk([{"dashboard": spec}, {"dashboard": too_long}, {"dashboard": spec | {"name": "d"}}])

    assert len(fqn.encode()) == 2399
    assert bulk.failures == {1: {"dashboard.project": "TOO_LONG"}}
    assert await refusal(superset.create_dashboard(dashboard=too_long)) == {"dashboard.project": "TOO_LONG"}
    for filters in ({"project": project}, {"owner": f"user:{name}"}, {"domain": fqn}, {"name_prefix": name}):
        found = (await superset.list_dashboards(service=name, **filters))["dashboards"]
        assert found[-1]["name"] == name


@each_kind
async def test_a_name_has_1_to_256_characters(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)

    for name, fqn in (
        (WIDE * 256, f"superset.{WIDE * 256}"),
        ("." * 256, 'superset."' + "." * 256 + '"'),
        ('"' * 256, "superset." + '"' * 514),
        ("x", "superset.x"),
    ):
        created = await assets.create(name)
        assert (created["name"], created["fullyQualifiedName"]) == (name, fqn)
        assert (await getattr(superset, f"get_{kind}")(fully_qualified_name=fqn))[kind] == created

    assert await refusal(assets.create("x" * 257)) == {f"{kind}.name": "TOO_LONG"}
    assert await refusal(assets.create("")) == {f"{kind}.name": "REQUIRED"}


@each_kind
async def test_a_name_contains_neither_double_colons_nor_control_characters(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)

    for bad in ("::", "a::b", "a\n", "a\rb", "\ta", "a\0b", "\x1f", "\x7f", "\x80", "\x9f"):
        assert await refusal(assets.create(bad)) == {f"{kind}.name": "INVALID_FORMAT"}
        assert await refusal(assets.upsert(bad)) == {f"{kind}.name": "INVALID_FORMAT"}
    for good in (":", "a:b:", " ", "\xa0", "\u2028", "\u200d", "/", "\\", "%22", "'", "*", "null"):
        assert (await assets.create(good))["name"] == good


@each_kind
async def test_a_fully_qualified_name_has_at_most_2400_bytes(superset: Caller, kind: str) -> None:
    get = getattr(superset, f"get_{kind}")
    longest = "superset." + WIDE * 597 + "xxx"
    assert len(longest.encode()) == 2400

    with pytest.raises(Refused, match="NOT_FOUND"):
        await get(fully_qualified_name=longest)
    assert await refusal(get(fully_qualified_name=longest + "x")) == {"fully_qualified_name": "TOO_LONG"}

    own: Json = {"charts": ["superset.c1", longest + "x"]} if kind == "dashboard" else {}
    spec: Json = own | {"name": "a1", "service": "x" * 2401, "domain": "x" * 2401}
    spec |= {"tags": [{"tagFQN": "x" * 2401}], "owners": [{"type": "user", "fullyQualifiedName": "x" * 2401}]}
    spec["owners"].append({"type": "user", "name": "x" * 257})
    assert await refusal(getattr(superset, f"create_{kind}")(**{kind: spec})) == {
        **({"dashboard.charts[1]": "TOO_LONG"} if own else {}),
        f"{kind}.service": "TOO_LONG",
        f"{kind}.domain": "TOO_LONG",
        f"{kind}.tags[0].tag_fqn": "TOO_LONG",
        f"{kind}.owners[0].fully_qualified_name": "TOO_LONG",
        f"{kind}.owners[1].name": "TOO_LONG",
    }


async def test_a_dashboard_has_at_most_2000_charts_and_100_owners_and_tags(superset: Caller) -> None:
    people = [{"entity": {"user": {"name": f"u{number}"}}} for number in range(101)]
    tags = [{"entity": {"tag": {"name": f"t{number}", "classification": "PII"}}} for number in range(101)]
    charts = [{"chart": {"name": f"n{number}", "service": "superset"}} for number in range(2000)]
    loaded = await superset.bulk(people + tags, charts[:1000], charts[1000:])
    assert loaded.counts == {"created": 2202}
    dashboards = Assets(superset, "dashboard")
    most: Json = {"charts": [f"superset.n{number}" for number in range(2000)]}
    most["owners"] = [{"type": "user", "name": f"u{number}"} for number in range(100)]
    most["tags"] = [{"tagFQN": f"PII.t{number}"} for number in range(100)]

    created = await dashboards.create("d1", **most)

    assert fqns(created["charts"]) == most["charts"]
    assert (len(created["owners"]), len(created["tags"])) == (100, 100)
    assert await dashboards.upsert("d1", **most) == (created, "UNCHANGED")
    more: Json = {
        "charts": [*most["charts"], "superset.c1"],
        "owners": [*most["owners"], {"type": "user", "name": "u100"}],
        "tags": [*most["tags"], {"tagFQN": "PII.t100"}],
    }
    violations = {f"dashboard.{field}": "TOO_MANY" for field in more}
    assert await refusal(dashboards.create("d2", **more)) == violations
    assert await refusal(dashboards.update("d1", *more, **more)) == violations


@each_kind
async def test_an_extension_has_at_most_64_kib_including_stored_keys(
    service: Service, superset: Caller, kind: str
) -> None:
    for name in ("text", "more"):
        await superset.upsert_entity(
            entity={"customProperty": {"name": name, "appliesTo": kind, "propertyType": "string"}}
        )
    assets = Assets(superset, kind)
    # As compact JSON in UTF-8.
    fits = "x" * (65_536 - len('{"text":""}'))
    wide = WIDE * (len(fits) // 4)

    for text in (fits, wide):
        assert (await assets.upsert("a1", extension={"text": text})).asset["extension"] == {"text": text}
    assert await refusal(assets.upsert("a1", extension={"text": fits + "x"})) == {f"{kind}.extension": "TOO_LARGE"}
    before = await all_rows(service.database)
    # Merging by key could otherwise exceed the limit.
    more: Json = {"extension": {"more": "y" * 1000}}
    assert await refusal(assets.upsert("a1", **more)) == {f"{kind}.extension": "TOO_LARGE"}
    assert await refusal(assets.update("a1", "extension", **more)) == {f"{kind}.extension": "TOO_LARGE"}
    assert await all_rows(service.database) == before
    more["extension"]["text"] = None
    assert (await assets.upsert("a1", **more)).asset["extension"] == {"more": "y" * 1000}


async def test_an_extension_has_at_most_5_levels_finite_numbers_and_exact_integers(superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    await superset.upsert_entity(
        entity={"customProperty": {"name": "ratio", "appliesTo": "dashboard", "propertyType": "number"}}
    )
    await superset.upsert_entity(
        entity={"customProperty": {"name": "count", "appliesTo": "dashboard", "propertyType": "integer"}}
    )
    path = "dashboard.extension"

    for number in (2**53 - 1, -(2**53) + 1, 0.1, -1e-300, 6.02e23, -(2**53), 1e300):
        assert (await dashboards.upsert("d1", extension={"ratio": number})).asset["extension"] == {"ratio": number}
        assert (await dashboards.upsert("d1", extension={"ratio": number})).outcome == "UNCHANGED"
    for number in (2**53, -(2**53), 1e300):
        assert await refusal(dashboards.upsert("d1", extension={"count": number})) == {
            f"{path}.count": "INVALID_PROPERTY"
        }
    request = dashboard_service_pb2.UpsertDashboardRequest(dashboard=DashboardSpec(name="d1", service="superset"))
    for number in (math.nan, math.inf, -math.inf):
        request.dashboard.extension["ratio"] = number
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await superset._stubs["Dashboard"].UpsertDashboard(request, metadata=superset.metadata)
        assert Refused(refused.value).violations == {f"{path}.ratio": "INVALID_VALUE"}

    # Five levels can only violate their property's type; a sixth level is too deep for any type.
    deep = await refusal(dashboards.upsert("d1", extension={"ratio": {"a": {"b": {"c": [1]}}}}))
    assert deep == {f"{path}.ratio": "INVALID_PROPERTY"}
    deep = await refusal(dashboards.upsert("d1", extension={"ratio": {"a": {"b": {"c": [[]]}}}}))
    assert deep == {f"{path}.ratio.a.b.c[0]": "TOO_DEEP"}


@each_kind
async def test_no_text_contains_u_0000(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")
    before = await all_rows(service.database)
    fields: Json = {name: "a\0b" for name, _, _ in TEXTS + OWN_TEXTS[kind]}
    fields |= {"service": "super\0set", "domain": "fin\0ance", "tags": [{"tagFQN": "PII.\0"}]}
    fields |= {"owners": [{"type": "user", "name": "a\0"}, {"type": "user", "fullyQualifiedName": "a\0"}]}
    if kind == "dashboard":
        fields["charts"] = ["superset.c1", "superset.c\0"]

    refused = await refusal(assets.create("a2", **fields))
    assert refused == {
        **{f"{kind}.{field}": "INVALID_FORMAT" for _, field, _ in TEXTS + OWN_TEXTS[kind]},
        **({"dashboard.charts[1]": "INVALID_FORMAT"} if kind == "dashboard" else {}),
        f"{kind}.service": "INVALID_FORMAT",
        f"{kind}.domain": "INVALID_FORMAT",
        f"{kind}.tags[0].tag_fqn": "INVALID_FORMAT",
        f"{kind}.owners[0].name": "INVALID_FORMAT",
        f"{kind}.owners[1].fully_qualified_name": "INVALID_FORMAT",
    }
    extension = {"costCentre": "a\0", "x\0": 1}
    assert set((await refusal(assets.upsert("a1", extension=extension))).values()) <= {
        "INVALID_FORMAT",
        "INVALID_VALUE",
    }
    for call in (
        assets.get("a\0"),
        assets.delete("a\0"),
        assets.restore("a\0"),
        assets.update("a\0", "description"),
    ):
        assert await refusal(call) == {"fully_qualified_name": "INVALID_FORMAT"}
    update = getattr(superset, f"update_{kind}")
    for release in ({"tags": ["PII.\0"]}, {"extensionKeys": ["a\0"]}, {"fields": ["a\0"]}):
        found = await refusal(update(fully_qualified_name="superset.a1", release=release))
        assert set(found.values()) <= {"INVALID_FORMAT", "UNKNOWN_FIELD"}
    # An etag and the type of a reference are only compared.
    with pytest.raises(Refused, match="ABORTED"):
        await assets.upsert("a1", etag="\0")
    assert await refusal(assets.upsert("a1", owners=[{"type": "us\0er", "name": "ann"}])) == {
        f"{kind}.owners[0].type": "OWNER_RULE"
    }
    assert await all_rows(service.database) == before


@each_kind
async def test_closed_vocabularies_accept_only_openmetadata_s_values(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)

    for label_type in ("Manual", "Propagated", "Automated", "Derived", "Generated"):
        for state in ("Suggested", "Confirmed"):
            label = {"tagFQN": "PII.Email", "source": "Classification", "labelType": label_type, "state": state}
            assert (await assets.upsert("a1", tags=[label])).asset["tags"] == [label]
    for part in ("source", "labelType", "state"):
        field = {"source": "source", "labelType": "label_type", "state": "state"}[part]
        for value in ("Glossary", "manual"):
            assert await refusal(assets.upsert("a1", tags=[{"tagFQN": "PII.Email", part: value}])) == {
                f"{kind}.tags[0].{field}": "INVALID_VALUE"
            }
    if kind == "dashboard":
        for dashboard_type in ("Dashboard", "Report"):
            assert (await assets.upsert("a1", dashboardType=dashboard_type)).asset["dashboardType"] == dashboard_type
        assert await refusal(assets.upsert("a1", dashboardType="report")) == {
            "dashboard.dashboard_type": "INVALID_VALUE"
        }
    else:
        assert (await assets.upsert("a1", chartType="Sunburst")).asset["chartType"] == "Sunburst"


async def test_violations_that_do_not_fit_are_counted(superset: Caller) -> None:
    charts = [f"superset.{'unknown' * 20}{number}" for number in range(2000)]

    with pytest.raises(Refused) as refused:
        await Assets(superset, "dashboard").create("d1", charts=charts)

    assert refused.value.metadata == {"violations": "2000"}
    assert refused.value.status.ByteSize() <= 4096
    fields = list(refused.value.violations)
    assert fields == [f"dashboard.charts[{number}]" for number in range(len(fields))]
    assert len(fields) >= 5


@on_one_database
async def test_a_request_has_at_most_4_mib(superset: Caller) -> None:
    create = superset._stubs["Dashboard"].CreateDashboard
    request = dashboard_service_pb2.CreateDashboardRequest(dashboard=DashboardSpec(name="d1", service="superset"))
    request.dashboard.description = "x" * 4_194_000
    request.dashboard.project = "y" * (4 * 1024 * 1024 - request.ByteSize() - 3)
    assert request.ByteSize() == 4 * 1024 * 1024

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await create(request, metadata=superset.metadata)
    assert Refused(refused.value).violations == {"dashboard.description": "TOO_LONG"}

    request.dashboard.project += "y"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await create(request, metadata=superset.metadata)
    error = Refused(refused.value)
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    assert error.metadata == {"limit": "4194304", "size": "4194305"}
    assert error.details["QuotaFailure"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_all_violations_of_shape_are_reported_together(superset: Caller) -> None:
    spec = {"name": "a::b", "service": "bi.eu", "displayName": "x" * 1025, "domain": 'fin"ance'}
    wrong = {
        "dashboard.name": "INVALID_FORMAT",
        "dashboard.service": "INVALID_FORMAT",
        "dashboard.display_name": "TOO_LONG",
        "dashboard.domain": "INVALID_FORMAT",
    }
    mask = {"update_mask.paths[0]": "UNKNOWN_FIELD"}
    assert await refusal(superset.create_dashboard(dashboard=spec)) == wrong
    assert await refusal(superset.upsert_dashboard(dashboard=spec, update_mask="nope")) == wrong | mask
    update = superset.update_dashboard(fully_qualified_name="d1", dashboard=spec, update_mask="nope")
    assert await refusal(update) == wrong | mask | {"fully_qualified_name": "INVALID_FORMAT"}
    assert (await superset.bulk([{"dashboard": spec}])).failures == {0: wrong}
