"""Items of BulkUpsert: their order within a chunk, references to failed items, and the result of each item."""

from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc import status_pb2

from dashboardcatalog.v1 import bulk_pb2
from tests.service.caller import Caller, Json, Refused, Service, details_of

ALL = {"resultView": "RESULT_VIEW_ALL"}

LEAVES_FIRST: list[Json] = [
    {"dashboard": {
        "name": "d1", "service": "new", "charts": ["new.c1", "new.c2"], "domain": "a.b.c",
        "owners": [{"type": "team", "name": "t3"}], "tags": [{"tagFQN": "PII.Inner"}], "extension": {"size": 3},
    }},
    {"chart": {"name": "c2", "service": "new", "owners": [{"type": "user", "name": "u1"}]}},
    {"chart": {"name": "c1", "service": "new"}},
    {"entity": {"customProperty": {"name": "size", "appliesTo": "dashboard", "propertyType": "integer"}}},
    {"entity": {"tag": {"name": "Inner", "classification": "PII", "parent": "PII.Outer"}}},
    {"entity": {"tag": {"name": "Outer", "classification": "PII"}}},
    {"entity": {"classification": {"name": "PII"}}},
    {"entity": {"domain": {"name": "c", "parent": "a.b"}}},
    {"entity": {"domain": {"name": "b", "parent": "a"}}},
    {"entity": {"domain": {"name": "a"}}},
    {"entity": {"team": {"name": "t3", "parents": ["t2", "t1"]}}},
    {"entity": {"team": {"name": "t2", "parents": ["t1"]}}},
    {"entity": {"team": {"name": "t1"}}},
    {"entity": {"user": {"name": "u1"}}},
    {"entity": {"biService": {"name": "new", "serviceType": "Superset"}}},
]  # fmt: skip


def _dashboard(name: str, **fields: Any) -> Json:
    return {"dashboard": {"name": name, "service": "superset", **fields}}


def _chart(name: str, **fields: Any) -> Json:
    return {"chart": {"name": name, "service": "superset", **fields}}


async def test_items_of_a_chunk_are_applied_after_the_items_they_refer_to(
    admin: Caller,
) -> None:
    bulk = await admin.bulk(LEAVES_FIRST, options=ALL)

    assert bulk.failures == {}
    assert bulk.counts == {"created": len(LEAVES_FIRST)}
    dashboard = (await admin.get_dashboard(fully_qualified_name="new.d1"))["dashboard"]
    assert [chart["name"] for chart in dashboard["charts"]] == ["c1", "c2"]
    assert (dashboard["domains"][0]["fullyQualifiedName"], dashboard["extension"]) == ("a.b.c", {"size": 3})
    team = (await admin.get_entity(kind="KIND_TEAM", fully_qualified_name="t3"))["entity"]["team"]
    assert team["parents"] == ["t2", "t1"]


async def test_results_of_a_chunk_keep_its_order_and_have_kind_name_id_and_version(admin: Caller) -> None:
    bulk = await admin.bulk(LEAVES_FIRST, options=ALL)

    assert [int(result.get("offset", 0)) for result in bulk.results] == list(range(len(LEAVES_FIRST)))
    assert [(result["kind"], result["fullyQualifiedName"]) for result in bulk.results] == [
        ("KIND_DASHBOARD", "new.d1"), ("KIND_CHART", "new.c2"), ("KIND_CHART", "new.c1"),
        ("KIND_CUSTOM_PROPERTY", "dashboard.size"), ("KIND_TAG", "PII.Inner"), ("KIND_TAG", "PII.Outer"),
        ("KIND_CLASSIFICATION", "PII"), ("KIND_DOMAIN", "a.b.c"), ("KIND_DOMAIN", "a.b"), ("KIND_DOMAIN", "a"),
        ("KIND_TEAM", "t3"), ("KIND_TEAM", "t2"), ("KIND_TEAM", "t1"), ("KIND_USER", "u1"), ("KIND_BI_SERVICE", "new"),
    ]  # fmt: skip
    stored = (await admin.get_dashboard(fully_qualified_name="new.d1"))["dashboard"]
    assert (bulk.results[0]["id"], bulk.results[0]["version"]) == (stored["id"], 0.1)
    user = (await admin.get_entity(kind="KIND_USER", fully_qualified_name="u1"))["entity"]["user"]
    assert bulk.results[13]["id"] == user["id"]
    assert "version" not in bulk.results[13]
    assert all("status" not in result for result in bulk.results)


async def test_only_failures_are_returned_unless_all_results_are_requested(superset: Caller) -> None:
    items = [_chart("a"), _chart(""), _chart("b")]
    for view in ({}, {"resultView": "RESULT_VIEW_FAILURES"}):
        bulk = await superset.bulk(items, options=view)
        assert [int(result["offset"]) for result in bulk.results] == [1]
    assert len((await superset.bulk(items, options=ALL)).results) == 3


async def test_a_refused_change_of_a_bi_service_does_not_fail_its_assets(superset: Caller) -> None:
    refused = {"entity": {"biService": {"name": "superset", "description": "x" * 100_001}}}

    bulk = await superset.bulk([refused, _chart("new"), _chart("c1", description="changed")])

    assert bulk.failures == {0: {"entity.bi_service.description": "TOO_LONG"}}
    assert bulk.counts == {"created": 1, "updated": 1, "failed": 1}


async def test_items_of_a_later_chunk_do_not_exist_yet(superset: Caller) -> None:
    bulk = await superset.bulk([_dashboard("d", charts=["superset.late"])], [_chart("late")])

    assert bulk.failures == {0: {"dashboard.charts[0]": "UNKNOWN_REFERENCE"}}
    assert bulk.counts == {"created": 1, "failed": 1}


FAILED_REFERENCES: dict[str, tuple[list[Json], dict[int, dict[str, str]]]] = {
    "chart": (
        [_dashboard("d", charts=["superset.c1", "superset.bad"]), _chart("bad", domain="none")],
        {0: {"dashboard.charts[1]": "FAILED_REFERENCE"}, 1: {"chart.domain": "UNKNOWN_REFERENCE"}},
    ),
    "unreadable chart": (
        [_dashboard("d", charts=["superset.bad"]), _chart("bad", sourceHash="x" * 33)],
        {0: {"dashboard.charts[0]": "FAILED_REFERENCE"}, 1: {"chart.source_hash": "TOO_LONG"}},
    ),
    "stored chart": (
        [_dashboard("d", charts=["superset.c1"]), _chart("c1", domain="none")],
        {0: {"dashboard.charts[0]": "FAILED_REFERENCE"}, 1: {"chart.domain": "UNKNOWN_REFERENCE"}},
    ),
    "service": (
        [{"chart": {"name": "c", "service": "bad"}}, {"entity": {"biService": {"name": "bad"}}}],
        {0: {"chart.service": "FAILED_REFERENCE"}, 1: {"entity.bi_service.service_type": "REQUIRED"}},
    ),
    "team": (
        [
            _chart("c", owners=[{"type": "team", "name": "bad"}]),
            {"entity": {"team": {"name": "bad", "parents": ["none"]}}},
        ],
        {0: {"chart.owners[0]": "FAILED_REFERENCE"}, 1: {"entity.team.parents[0]": "UNKNOWN_REFERENCE"}},
    ),
    "domain and what is below it": (
        [
            _chart("c", domain="bad.below"),
            {"entity": {"domain": {"name": "below", "parent": "bad"}}},
            {"entity": {"domain": {"name": "bad", "description": "x" * 100_001}}},
        ],
        {
            0: {"chart.domain": "FAILED_REFERENCE"},
            1: {"entity.domain.parent": "FAILED_REFERENCE"},
            2: {"entity.domain.description": "TOO_LONG"},
        },
    ),
    "tag of a classification": (
        [
            _chart("c", tags=[{"tagFQN": "Bad.T"}]),
            {"entity": {"tag": {"name": "T", "classification": "Bad"}}},
            {"entity": {"classification": {"name": "Bad", "displayName": "x" * 1_025}}},
        ],
        {
            0: {"chart.tags[0].tag_fqn": "FAILED_REFERENCE"},
            1: {"entity.tag.classification": "FAILED_REFERENCE"},
            2: {"entity.classification.display_name": "TOO_LONG"},
        },
    ),
    "custom property": (
        [
            _dashboard("d", extension={"bad": 1}),
            {"entity": {"customProperty": {"name": "bad", "appliesTo": "dashboard", "propertyType": "enum"}}},
        ],
        {0: {"dashboard.extension.bad": "FAILED_REFERENCE"}, 1: {"entity.custom_property.config.values": "REQUIRED"}},
    ),
    "what a property refers to": (
        [
            {"entity": {"customProperty": {
                "name": "source", "appliesTo": "dashboard", "propertyType": "entityReferenceList",
                "config": {"entityTypes": ["user", "chart"]},
            }}},
            _dashboard("d", extension={"source": [
                {"type": "user", "name": "bob"}, {"type": "chart", "fullyQualifiedName": "superset.c1"},
                {"type": "user", "name": "bad"},
            ]}),
            _chart("c1", domain="none"),
            {"entity": {"user": {"name": "bad", "displayName": "x" * 1_025}}},
        ],
        {
            1: {
                "dashboard.extension.source[1]": "FAILED_REFERENCE",
                "dashboard.extension.source[2]": "FAILED_REFERENCE",
            },
            2: {"chart.domain": "UNKNOWN_REFERENCE"},
            3: {"entity.user.display_name": "TOO_LONG"},
        },
    ),
}  # fmt: skip


async def test_an_item_that_refers_to_a_failed_item_of_its_chunk_fails_with_that_reference(superset: Caller) -> None:
    found = {case: (await superset.bulk(items)).failures for case, (items, _) in FAILED_REFERENCES.items()}

    assert found == {case: failures for case, (_, failures) in FAILED_REFERENCES.items()}


@pytest.mark.usefixtures("superset")
async def test_an_item_that_refers_to_a_denied_item_of_its_chunk_fails_with_that_reference(bot: Caller) -> None:
    items = [
        _chart("c", owners=[{"type": "user", "name": "eve"}]),
        {"entity": {"user": {"name": "eve"}}},
        _chart("d", owners=[{"type": "user", "name": "ann"}]),
    ]
    bulk = await bot.bulk(items)

    assert bulk.failures == {0: {"chart.owners[0]": "FAILED_REFERENCE"}, 1: {"": "ACTION_DENIED"}}


async def test_a_cycle_of_teams_fails_without_the_rest_of_its_chunk(admin: Caller) -> None:
    items: list[Json] = [
        {"entity": {"domain": {"name": "below", "parent": "above"}}},
        {"entity": {"domain": {"name": "above"}}},
        {"entity": {"team": {"name": "a", "parents": ["b"]}}},
        {"entity": {"team": {"name": "b", "parents": ["a"]}}},
        {"entity": {"team": {"name": "d", "parents": ["c"]}}},
        {"entity": {"team": {"name": "c"}}},
    ]
    bulk = await admin.bulk(items)

    assert bulk.failures == {
        2: {"entity.team.parents[0]": "UNKNOWN_REFERENCE"},
        3: {"entity.team.parents[0]": "FAILED_REFERENCE"},
    }
    assert bulk.counts == {"created": 4, "failed": 2}


WRONG: list[Json] = [
    _dashboard(""),
    _dashboard("a::b"),
    {"dashboard": {"name": "d", "service": "none"}},
    {"dashboard": {"name": "d", "service": 'super"set'}},
    {"dashboard": {"name": "d"}},
    _dashboard("d", dashboardType="Story"),
    _dashboard("d", charts=["superset.c1", "superset.none", "none"], domain="none"),
    _dashboard("d", charts=["superset.none"], tags=[{"tagFQN": "PII.None"}], owners=[{"type": "user", "name": "no"}]),
    _dashboard("d", charts=[f"superset.{'long' * 20}{index}" for index in range(500)]),
    _dashboard("d", owners=[{"type": "team", "name": "sales"}, {"type": "user", "name": "ann"}]),
    _dashboard("d", owners=[{"type": "team", "name": "emea"}]),
    _dashboard("d", tags=[{"tagFQN": "Tier.Gold"}, {"tagFQN": "Tier.Silver"}]),
    _dashboard("d", extension={"costCentre": 1, "budget": "x", "none": True}),
    _dashboard("d", description="x" * 100_001, displayName="x" * 1_025, project="x" * 513),
    _chart("c", chartType="x" * 300),
    {"dashboard": {"name": "d", "service": "looker"}},
    {"entity": {"user": {"name": "eve"}}},
    {"entity": {"biService": {"name": "bad"}}},
    {"entity": {"domain": {"name": "x", "parent": "none"}}},
    {"entity": {"tag": {"name": "x"}}},
    {"entity": {"classification": {}}},
    {"entity": {}},
]  # fmt: skip


async def _unary(caller: Caller, item: Json) -> status_pb2.Status:
    (kind,) = item
    with pytest.raises(Refused) as refused:
        await getattr(caller, f"upsert_{kind}")(**item)
    return refused.value.status


def _comparable(status: status_pb2.Status) -> tuple[Any, ...]:
    """Returns everything in a status except the id of its call."""
    details = {name: detail for name, detail in details_of(status).items() if name != "RequestInfo"}
    return status.code, status.message, details, [detail.type_url for detail in status.details]


@pytest.mark.usefixtures("superset")
async def test_an_item_fails_with_the_same_status_as_the_unary_call(service: Service) -> None:
    limited = service.caller("loader", "ingestion_bot", services=["superset", "none", "bad"])

    bulk = await limited.bulk(*([item] for item in WRONG))
    unary = [await _unary(limited, item) for item in WRONG]

    found = [_comparable(bulk.statuses[offset]) for offset in range(len(WRONG))]
    assert found == [_comparable(status) for status in unary]
    assert bulk.counts == {"failed": len(WRONG)}
    # Each status has the id of the stream's call.
    assert len({details_of(status)["RequestInfo"]["requestId"] for status in bulk.statuses.values()}) == 1
    assert all(status.ByteSize() <= 4_096 for status in bulk.statuses.values())


async def test_of_many_missing_charts_the_first_are_named_and_all_are_counted(superset: Caller) -> None:
    many = _dashboard("d", charts=[f"superset.m{place}" for place in range(300)])

    bulk = await superset.bulk([many, many | {"dashboard": many["dashboard"] | {"name": "e"}}])
    unary = await _unary(superset, many)

    for status in (*bulk.statuses.values(), unary):
        assert status.message == "dashboard.charts[0]: there is no chart superset.m0 (and 299 more)"
        assert details_of(status)["ErrorInfo"]["metadata"]["violations"] == "300"
        named = details_of(status)["BadRequest"]["fieldViolations"]
        assert [one["field"] for one in named] == [f"dashboard.charts[{place}]" for place in range(len(named))]
    assert len(bulk.statuses) == 2
    kept = await superset.get_bulk_session(session_id=bulk.started["sessionId"])
    assert [one["status"]["message"] for one in kept["failures"]] == [unary.message] * 2


async def test_an_empty_item_fails_alone(superset: Caller) -> None:
    bulk = await superset.bulk([{}, _chart("c")])

    assert bulk.failures == {0: {"item": "REQUIRED"}}
    assert {"kind", "fullyQualifiedName", "id"}.isdisjoint(bulk.results[0])
    assert bulk.counts == {"created": 1, "failed": 1}


def _of_size(name: str, size: int) -> Json:
    """Returns an item that takes exactly `size` bytes."""
    most_of_it = _dashboard(name, description="x" * 500_000)
    missing = size - json_format.ParseDict(most_of_it, bulk_pb2.BulkUpsertItem()).ByteSize()
    return _dashboard(name, description="x" * (500_000 + missing))


async def test_an_item_over_512_kib_fails_alone(superset: Caller) -> None:
    most = 512 * 1024
    items = [_chart("before"), _of_size("large", most + 1), _of_size("fits", most), _chart("after")]
    bulk = await superset.bulk(items)

    details = details_of(bulk.statuses[1])
    assert details["ErrorInfo"]["reason"] == "MESSAGE_TOO_LARGE"
    assert details["ErrorInfo"]["metadata"] == {"limit": str(most), "size": str(most + 1)}
    assert details["QuotaFailure"]["violations"]
    assert (bulk.results[0]["kind"], bulk.results[0]["fullyQualifiedName"]) == ("KIND_DASHBOARD", "superset.large")
    assert bulk.failures[2] == {"dashboard.description": "TOO_LONG"}
    assert bulk.counts == {"created": 2, "failed": 2}


async def test_a_name_that_is_too_long_is_not_repeated_in_the_error(superset: Caller) -> None:
    long = "x" * 400_000
    items = [_chart(long), {"chart": {"name": "c", "service": long}}, {"entity": {"user": {"name": long}}}]
    bulk = await superset.bulk(items)

    assert bulk.counts == {"failed": 3}
    assert all(len(result.get("fullyQualifiedName", "")) <= 2_400 for result in bulk.results)


async def test_the_counts_of_a_summary_add_up(superset: Caller, bot: Caller) -> None:
    await bot.bulk([_dashboard(name) for name in ("same", "changing", "removed", "dropped")])
    await bot.delete_dashboard(fully_qualified_name="superset.dropped")
    await superset.delete_dashboard(fully_qualified_name="superset.removed")

    items = [
        _dashboard("new"),
        _dashboard("same"),
        _dashboard("changing", displayName="Changed"),
        _dashboard("removed"),
        _dashboard("dropped"),
        _dashboard(""),
    ]
    bulk = await bot.bulk(items, options=ALL)

    outcomes = ["CREATED", "UNCHANGED", "UPDATED", "SUPPRESSED", "RESTORED", "FAILED"]
    assert [bulk.outcome(offset) for offset in range(6)] == outcomes
    assert bulk.counts == dict.fromkeys(["created", "updated", "unchanged", "restored", "suppressed", "failed"], 1)
    assert [result.get("version") for result in bulk.results] == [0.1, 0.1, 0.2, 0.2, 0.3, None]


async def test_of_two_items_with_one_name_in_a_chunk_the_first_counts(superset: Caller) -> None:
    one, two = _dashboard("d", displayName="one", project="A"), _dashboard("d", displayName="two")
    tag, other = ({"entity": {"classification": {"name": "Region", "description": text}}} for text in ("a", "b"))
    items = [_chart("d"), two, tag, one, two, _dashboard("e"), other, tag, _chart("d")]

    for first_load in (True, False):
        bulk = await superset.bulk(items, options=ALL)

        created = "CREATED" if first_load else "UNCHANGED"
        outcomes = [created, created, created, "FAILED", "UNCHANGED", created, "FAILED", "UNCHANGED", "UNCHANGED"]
        assert [bulk.outcome(offset) for offset in range(len(items))] == outcomes
        assert bulk.failures == {
            3: {"dashboard.name": "INVALID_VALUE"},
            6: {"entity.classification.name": "INVALID_VALUE"},
        }
        details = {offset: details_of(status)["ErrorInfo"] for offset, status in bulk.statuses.items() if status.code}
        assert {offset: info["metadata"]["offset"] for offset, info in details.items()} == {3: "1", 6: "2"}
    now = (await superset.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]
    assert (now["displayName"], now["version"], "project" in now) == ("two", 0.1, False)


async def test_a_duplicate_of_an_item_that_is_not_written_is_refused_as_well(superset: Caller) -> None:
    dangling, malformed = _dashboard("d", charts=["superset.none"]), _dashboard("e", dashboardType="?")
    bulk = await superset.bulk([dangling, _dashboard("d"), malformed, _dashboard("e"), malformed, _chart("d")])

    reasons = [details_of(bulk.statuses[offset])["ErrorInfo"]["reason"] for offset in range(5)]
    assert reasons == ["INVALID_REQUEST", "DUPLICATE_ITEM", "INVALID_REQUEST", "DUPLICATE_ITEM", "INVALID_REQUEST"]
    assert bulk.counts == {"created": 1, "failed": 5}


async def test_an_item_that_refers_to_a_name_with_a_duplicate_does_not_fail_for_it(superset: Caller) -> None:
    items = [_chart("c"), _chart("c", displayName="C"), _dashboard("d", charts=["superset.c"])]

    for options in ({"validateOnly": True}, {}):
        bulk = await superset.bulk(items, options=ALL | options)
        assert [bulk.outcome(offset) for offset in range(3)] == ["CREATED", "FAILED", "CREATED"]


@pytest.mark.usefixtures("superset")
async def test_a_mask_applies_to_every_kind_that_has_its_fields(bot: Caller) -> None:
    full = [
        _dashboard("d", displayName="D", project="P", description="kept"),
        _chart("c", displayName="C", chartType="Line", description="kept"),
        {"entity": {"domain": {"name": "m", "displayName": "M", "description": "kept"}}},
    ]
    await bot.bulk(full)
    empty: list[Json] = [_dashboard("d"), _chart("c"), {"entity": {"domain": {"name": "m"}}}]

    bulk = await bot.bulk(empty, options={**ALL, "updateMask": "displayName,project,chartType"})

    assert bulk.counts == {"updated": 3}
    dashboard = (await bot.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]
    chart = (await bot.get_chart(fully_qualified_name="superset.c"))["chart"]
    domain = (await bot.get_entity(kind="KIND_DOMAIN", fully_qualified_name="m"))["entity"]["domain"]
    for shown in (dashboard, chart, domain):
        assert {"displayName", "project", "chartType"}.isdisjoint(shown)
        assert shown["description"] == "kept"


@pytest.mark.parametrize(
    ("mask", "violations"),
    [
        ("displayName,nonsense", {"options.update_mask.paths[1]": "UNKNOWN_FIELD"}),
        ("service", {"options.update_mask": "IMMUTABLE"}),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_mask_with_a_field_that_no_kind_has_is_refused(superset: Caller, mask: str, violations: Json) -> None:
    bulk = await superset.bulk([_chart("c")], options={"updateMask": mask})

    assert bulk.refused is not None
    assert (bulk.refused.code, bulk.refused.violations) == ("INVALID_ARGUMENT", violations)
    assert bulk.offsets == []
    assert (await superset.bulk([_chart("c")])).counts == {"created": 1}


@pytest.mark.usefixtures("superset")
async def test_a_different_long_mask_makes_a_different_write(bot: Caller) -> None:
    mask = "charts,dashboardType,description,displayName,domain,extension,owners"
    await bot.bulk([_dashboard("d", sourceUrl="https://here", project="P")])
    await bot.bulk([_dashboard("d", project="P")], options={"updateMask": mask})

    bulk = await bot.bulk([_dashboard("d", project="P")], options={**ALL, "updateMask": f"{mask},sourceUrl"})

    assert bulk.outcome(0) == "UPDATED"
    assert "sourceUrl" not in (await bot.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]


async def test_override_metadata_overwrites_edits_and_needs_a_separate_permission(
    superset: Caller, bot: Caller
) -> None:
    await superset.create_dashboard(dashboard={"name": "d", "service": "superset", "displayName": "Ours"})
    item = _dashboard("d", displayName="Theirs")

    kept = await bot.bulk([item], options=ALL)
    denied = await bot.bulk([item, _dashboard("new")], options={"overrideMetadata": True})
    overridden = await superset.bulk([item], options={**ALL, "overrideMetadata": True})

    assert (kept.outcome(0), kept.results[0]["keptFields"]) == ("UNCHANGED", ["display_name"])
    assert denied.failures == {0: {"": "ACTION_DENIED"}, 1: {"": "ACTION_DENIED"}}
    assert details_of(denied.statuses[0])["ErrorInfo"]["metadata"]["action"] == "override_metadata"
    assert (overridden.outcome(0), overridden.results[0].get("keptFields")) == ("UPDATED", None)
    stored = (await superset.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]
    assert (stored["displayName"], stored["edited"]["fields"]) == ("Theirs", ["display_name"])
