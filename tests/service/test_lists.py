"""ListDashboards and ListCharts: what each filter matches, the orders, and the fields that are returned."""

from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import text

from dashboardcatalog.v1 import chart_pb2, dashboard_pb2, dashboard_service_pb2
from tests.service.assets import each_kind, on_one_database
from tests.service.caller import Caller, Json, Refused, Service

ENTITIES: list[Json] = [
    {"biService": {"name": "my.grafana", "serviceType": "Grafana"}},
    {"team": {"name": "ann"}},
    {"user": {"name": "j.doe"}},
    {"domain": {"name": "vat", "parent": "finance.tax"}},
    {"domain": {"name": "tax"}},
    {"tag": {"name": "Work", "classification": "PII", "parent": "PII.Email"}},
    {"tag": {"name": "Home.Office", "classification": "PII", "parent": "PII.Work"}},
    {"classification": {"name": "tax"}},
]
ANN, J_DOE = {"type": "user", "name": "ann"}, {"type": "user", "name": "j.doe"}
SALES = {"type": "team", "name": "sales"}


def asset(fqn: str, tags: str = "", **fields: Any) -> Json:
    service, name = fqn.rsplit(".", 1)
    return {"service": service, "name": name, "tags": [{"tagFQN": tag} for tag in tags.split()], **fields}


DASHBOARDS: list[Json] = [
    asset("superset.a", "PII.Email", owners=[ANN], domain="finance", project="Sales", charts=["superset.c1"]),
    asset("superset.b", "PII.Work", owners=[SALES], domain="finance.tax", project="sales"),
    asset("superset.c", 'PII."Home.Office"', domain="finance.tax.vat", charts=["superset.c2", "looker.c1"]),
    asset("superset.d", "PII.Phone", domain="tax", owners=[ANN, J_DOE]),
    asset("looker.a", "Tier.Gold PII.Email", owners=[ANN], charts=["superset.c1"], project="Sales"),
    asset('"my.grafana".a', domain="finance.tax", owners=[J_DOE]),
    asset("superset.gone", "PII.Email", owners=[ANN], domain="finance", project="Sales", charts=["superset.c1"]),
]
LIVE = ["superset.a", "looker.a", '"my.grafana".a', "superset.b", "superset.c", "superset.d"]


@pytest.fixture
async def full(superset: Caller) -> Caller:
    """The admin, in a catalog that has `DASHBOARDS`, and one chart that every filter can match."""
    chart = asset("looker.x", "PII.Email", owners=[ANN], domain="finance.tax")
    added = await superset.bulk(
        [{"entity": entity} for entity in ENTITIES],
        [{"dashboard": dashboard} for dashboard in DASHBOARDS] + [{"chart": chart}],
    )
    assert not added.failures
    await superset.delete_dashboard(fully_qualified_name="superset.gone")
    return superset


async def dashboards(caller: Caller, **request: Any) -> list[str]:
    answer = await caller.list_dashboards(**request)
    return [dashboard["fullyQualifiedName"] for dashboard in answer.get("dashboards", [])]


async def charts(caller: Caller, **request: Any) -> list[str]:
    answer = await caller.list_charts(**request)
    return [chart["fullyQualifiedName"] for chart in answer.get("charts", [])]


async def test_each_filter_of_dashboards_matches(full: Caller) -> None:
    found = {
        # A BI service is named by its fully qualified name, with or without needless quotes.
        ("service", "superset"): ["superset.a", "superset.b", "superset.c", "superset.d"],
        ("service", '"superset"'): ["superset.a", "superset.b", "superset.c", "superset.d"],
        ("service", '"my.grafana"'): ['"my.grafana".a'],
        ("service", "tableau"): [],
        ("service_type", "Superset"): ["superset.a", "superset.b", "superset.c", "superset.d"],
        ("service_type", "superset"): [],
        # Owners by raw name; a user and a team with the same name are different.
        ("owner", "user:ann"): ["superset.a", "looker.a", "superset.d"],
        ("owner", "team:ann"): [],
        ("owner", "user:j.doe"): ['"my.grafana".a', "superset.d"],
        ("owner", "team:sales"): ["superset.b"],
        ("owner", "user:nobody"): [],
        # Including subdomains; another domain with the same name does not match.
        ("domain", "finance"): ["superset.a", '"my.grafana".a', "superset.b", "superset.c"],
        ("domain", "finance.tax"): ['"my.grafana".a', "superset.b", "superset.c"],
        ("domain", "finance.tax.vat"): ["superset.c"],
        ("domain", "tax"): ["superset.d"],
        ("domain", "PII"): [],
        ("tag", "PII"): ["superset.a", "looker.a", "superset.b", "superset.c", "superset.d"],
        ("tag", "PII.Email"): ["superset.a", "looker.a", "superset.b", "superset.c"],
        ("tag", "PII.Work"): ["superset.b", "superset.c"],
        ("tag", 'PII."Home.Office"'): ["superset.c"],
        ("tag", "Tier"): ["looker.a"],
        ("tag", "tax"): [],
        ("tag", "PII.email"): [],
        # Also a chart of another BI service.
        ("chart", "superset.c1"): ["superset.a", "looker.a"],
        ("chart", "looker.c1"): ["superset.c"],
        ("chart", "superset.c3"): [],
        ("chart", "superset.nothing"): [],
        ("project", "Sales"): ["superset.a", "looker.a"],
        ("project", "sales"): ["superset.b"],
        ("project", "Sale"): [],
        ("name_prefix", "a"): ["superset.a", "looker.a", '"my.grafana".a'],
        ("name_prefix", "A"): [],
        ("deleted", "DELETED_EXCLUDE"): LIVE,
        ("deleted", "DELETED_ONLY"): ["superset.gone"],
        ("deleted", "DELETED_INCLUDE"): [*LIVE, "superset.gone"],
    }
    for (name, value), expected in found.items():
        listed = await dashboards(full, **{name: value})
        assert sorted(listed) == sorted(expected), (name, value)
        assert [fqn.rpartition(".")[2] for fqn in listed] == sorted(fqn.rpartition(".")[2] for fqn in expected)


async def test_several_filters_must_all_match(full: Caller) -> None:
    assert sorted(await dashboards(full, owner="user:ann", tag="PII.Email")) == ["looker.a", "superset.a"]
    assert await dashboards(full, owner="user:ann", tag="PII.Email", service="looker") == ["looker.a"]
    assert await dashboards(full, owner="user:ann", tag="PII.Email", service="looker", domain="finance") == []
    assert await dashboards(full, service="superset", service_type="Looker") == []
    everything: Json = {
        "service": "superset",
        "service_type": "Superset",
        "owner": "user:ann",
        "domain": "finance",
        "tag": "PII",
        "chart": "superset.c1",
        "project": "Sales",
        "name_prefix": "a",
    }
    assert await dashboards(full, **everything) == ["superset.a"]
    assert await dashboards(full, **everything, deleted="DELETED_ONLY") == []
    assert await dashboards(full, **everything | {"name_prefix": "g"}, deleted="DELETED_ONLY") == ["superset.gone"]


async def test_charts_have_the_same_filters_and_one_for_dashboards_that_hold_them(full: Caller) -> None:
    # c1 of superset was not deleted with its dashboard, because others hold it.
    every = ["looker.c1", "looker.x", "superset.c1", "superset.c2", "superset.c3"]

    assert sorted(await charts(full)) == every
    assert sorted(await charts(full, name_prefix="c", service="looker")) == ["looker.c1"]
    assert await charts(full, service_type="Looker", owner="user:ann", domain="finance", tag="PII") == ["looker.x"]
    assert sorted(await charts(full, dashboard="superset.c")) == ["looker.c1", "superset.c2"]
    assert await charts(full, dashboard="superset.c", service="looker") == ["looker.c1"]
    assert await charts(full, dashboard="superset.d") == []
    assert await charts(full, dashboard="superset.nothing") == []
    await full.delete_chart(fully_qualified_name="superset.c2")
    assert await charts(full, dashboard="superset.c", deleted="DELETED_ONLY") == ["superset.c2"]


async def test_filters_still_find_references_to_a_deleted_entity(full: Caller) -> None:
    for kind, fqn in {"BI_SERVICE": "looker", "USER": "ann", "DOMAIN": "finance", "CLASSIFICATION": "PII"}.items():
        await full.delete_entity(kind=f"KIND_{kind}", fully_qualified_name=fqn)

    assert await dashboards(full, service="looker", owner="user:ann", tag="PII") == ["looker.a"]
    assert await dashboards(full, domain="finance", service="superset") == ["superset.a", "superset.b", "superset.c"]


@each_kind
async def test_missing_parts_are_found_when_all_that_are_named_are_missing(superset: Caller, kind: str) -> None:
    parts: Json = {
        "description": "Text.",
        "owners": [ANN],
        "domain": "finance",
        "tags": [{"tagFQN": "PII.Email"}],
    }
    lacking = {"all": [], "bare": list(parts), **{f"no-{part}": [part] for part in parts}}
    items = [
        {kind: {"name": name, "service": "looker", **{k: v for k, v in parts.items() if k not in lacks}}}
        for name, lacks in lacking.items()
    ]
    assert not (await superset.bulk(items)).failures

    async def found(*missing: str, **request: Any) -> list[str]:
        listing = getattr(superset, f"list_{kind}s")
        answer = await listing(missing=[f"MISSING_{part.upper()}" for part in missing], service="looker", **request)
        # The small catalog has this chart already.
        return [each["name"] for each in answer.get(f"{kind}s", []) if each["name"] != "c1"]

    for part in parts:
        assert await found(part) == ["bare", f"no-{part}"], part
        assert await found(part, part, order_by="name desc") == [f"no-{part}", "bare"], part
    assert await found(*parts) == await found("tags", "owners") == ["bare"]
    assert await found("tags", owner="user:ann") == ["no-tags"]
    assert await found("tags", deleted="DELETED_ONLY") == []
    # What an edit takes away is missing; what is deleted but still referred to is not.
    update = getattr(superset, f"update_{kind}")
    await update(fully_qualified_name="looker.all", **{kind: {}}, update_mask="description")
    assert await found("description") == ["all", "bare", "no-description"]
    await superset.delete_entity(kind="KIND_TAG", fully_qualified_name="PII.Email")
    assert await found("tags") == ["bare", "no-tags"]
    await superset.upsert_entity(entity={"tag": {"name": "Email", "classification": "PII"}})


@each_kind
async def test_versions_are_found_by_their_writer_and_their_time(service: Service, superset: Caller, kind: str) -> None:
    ann = service.caller("ann", "data_steward")
    upsert, listing = (getattr(superset, f"{verb}_{kind}{s}") for verb, s in (("upsert", ""), ("list", "s")))
    for name in "xyz":
        await upsert(**{kind: {"name": name, "service": "looker"}})
    await getattr(ann, f"upsert_{kind}")(**{kind: {"name": "y", "service": "looker", "displayName": "Y"}})

    async def listed(**request: Any) -> list[Json]:
        answer = await listing(service="looker", **request)
        return [each for each in answer.get(f"{kind}s", []) if each["name"] in "xyz"]

    async def found(**request: Any) -> str:
        return "".join(each["name"] for each in await listed(**request))

    assert await found(updated_by="ann") == "y"
    assert await found(updated_by="Ann") == await found(updated_by="an") == ""
    times = {each["name"]: each["updatedAt"] for each in await listed()}
    assert await found(updated_after=times["z"]) == "yz"
    assert await found(updated_before=times["z"]) == "x"
    assert await found(updated_after=times["x"], updated_before=times["y"], order_by="updated_at desc") == "zx"
    assert await found(updated_after=times["x"], updated_by="ann", order_by="updated_at") == "y"
    assert await found(updated_after=times["z"], updated_before=times["z"]) == ""
    # Times are stored in microseconds, and a bound between two of them is not rounded to the one before.
    later = times["z"].replace("Z", ".000000Z" if "." not in times["z"] else "Z")
    whole, _, digits = later.removesuffix("Z").partition(".")
    between = f"{whole}.{digits:0<6}001Z"
    assert await found(updated_after=between) == "y"
    assert await found(updated_before=between) == "xz"
    assert await found(updated_after="0001-01-01T00:00:00Z", updated_before="9999-12-31T23:59:59.999999Z") == "xyz"


@each_kind
async def test_a_page_token_belongs_to_the_filters_by_version_and_missing_parts(superset: Caller, kind: str) -> None:
    listing = getattr(superset, f"list_{kind}s")
    await superset.bulk([{kind: {"name": f"n{number}", "service": "looker"}} for number in range(3)])
    sent: Json = {
        "missing": ["MISSING_TAGS", "MISSING_OWNERS"],
        "updated_by": "admin",
        "updated_after": "2020-01-01T00:00:00Z",
        "updated_before": "2100-01-01T00:00:00Z",
    }
    first = await listing(page_size=1, include_total=True, **sent)
    token = first["nextPageToken"]
    assert int(first["total"]) >= 3

    # The order in which missing parts are named does not matter.
    assert await listing(page_size=1, page_token=token, **sent | {"missing": sent["missing"][::-1]})
    others: Json = {
        "missing": ["MISSING_TAGS"],
        "updated_by": "ann",
        "updated_after": "2020-01-01T00:00:00.000001Z",
        "updated_before": "2100-01-01T00:00:01Z",
    }
    for field, value in others.items():
        with pytest.raises(Refused) as refused:
            await listing(page_token=token, **sent | {field: value})
        assert refused.value.violations == {"page_token": "INVALID_PAGE_TOKEN"}, field


@on_one_database
async def test_filters_by_version_and_missing_parts_that_cannot_be_read_are_refused(superset: Caller) -> None:
    missing: Any = [1, 0, 9]
    request = dashboard_service_pb2.ListDashboardsRequest(missing=missing, updated_by="a\0")
    request.updated_after.seconds = 2**40
    request.updated_before.nanos = -1
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await superset._stubs["Dashboard"].ListDashboards(request, metadata=superset.metadata)

    assert Refused(refused.value).violations == {
        "missing[1]": "REQUIRED",
        "missing[2]": "INVALID_VALUE",
        "updated_by": "INVALID_FORMAT",
        "updated_after": "OUT_OF_RANGE",
        "updated_before": "OUT_OF_RANGE",
    }
    with pytest.raises(Refused) as too_many:
        await superset.list_charts(missing=["MISSING_TAGS"] * 5, updated_by="x" * 1025)
    assert too_many.value.violations == {"missing": "TOO_MANY", "updated_by": "TOO_LONG"}


# Collations of languages order these differently, and UTF-16 orders the last one differently.
NAMES = ["B", "Z", "_", "a", "a%", "a_b", "aB", "ab", "e\u0301", "é", "ö", "\ud7ff", "\ue000", "\ufb03", "\uffff"]
NAMES += ["\U0001f600", "\U0010ffff", "a\U0010ffffz", "a\U0010ffff\U0010ffff"]


async def test_names_are_sorted_and_compared_byte_for_byte(superset: Caller) -> None:
    await superset.bulk([{"dashboard": {"name": name, "service": "looker"}} for name in NAMES])
    await superset.bulk([{"entity": {"user": {"name": name}}} for name in NAMES])
    ordered = sorted(NAMES, key=str.encode)

    async def listed(**request: Any) -> list[str]:
        return [each["name"] for each in (await superset.list_dashboards(**request)).get("dashboards", [])]

    assert await listed() == ordered
    assert await listed(order_by="name desc") == ordered[::-1]
    for prefix in ["a", "a_", "a%", "A", "e", "é", "\ud7ff", "\uffff", "\U0010ffff", "a\U0010ffff", NAMES[-1]]:
        expected = [name for name in ordered if name.startswith(prefix)]
        assert await listed(name_prefix=prefix) == expected, prefix
        users = await superset.list_entities(kind="KIND_USER", name_prefix=prefix)
        assert [each["user"]["name"] for each in users.get("entities", []) if each["user"]["name"] in NAMES] == expected
    users = await superset.list_entities(kind="KIND_USER")
    fqns = [each["user"]["fullyQualifiedName"] for each in users["entities"]]
    assert fqns == sorted(fqns, key=str.encode)


# The database of the tests uses no language, so the declared collation must show that it would not matter.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_the_order_of_names_does_not_depend_on_the_locale_of_the_database(service: Service) -> None:
    statement = (
        "SELECT DISTINCT column_name, collation_name FROM information_schema.columns"
        " WHERE table_name IN ('dashboard', 'chart', 'entity') AND column_name IN ('name', 'fqn', 'project')"
    )
    async with service.database.read() as connection:
        found = await connection.execute(text(statement))
    assert sorted(map(tuple, found)) == [("fqn", "C"), ("name", "C"), ("project", "C")]


async def test_the_four_orders_sort_as_named(superset: Caller) -> None:
    for name in ["b", "c", "a"]:
        await superset.create_dashboard(dashboard={"name": name, "service": "superset"})
    await superset.upsert_dashboard(dashboard={"name": "c", "service": "superset", "displayName": "C"})
    orders = {
        "": "abc",
        "name": "abc",
        "name asc": "abc",
        "name desc": "cba",
        "updated_at": "bac",
        "updatedAt": "bac",
        "updated_at desc": "cab",
        " updated_at   desc ": "cab",
    }

    for order, expected in orders.items():
        listed = await dashboards(superset, order_by=order)
        assert listed == [f"superset.{name}" for name in expected], order
    for order in ["created_at", "name down", "desc", "name,updated_at", "NAME", "name desc desc"]:
        with pytest.raises(Refused) as refused:
            await superset.list_charts(order_by=order)
        assert refused.value.violations == {"order_by": "INVALID_VALUE"}


@on_one_database
async def test_a_read_mask_selects_the_returned_fields(full: Caller) -> None:
    async def masked(*paths: str) -> Json:
        request = dashboard_service_pb2.ListDashboardsRequest(service="looker", read_mask=FieldMask(paths=paths))
        return await _first(full, request)

    whole = await masked()
    assert await masked("name") == {"name": "a"}
    assert await masked("fully_qualified_name", "serviceType") == {
        "fullyQualifiedName": "looker.a",
        "serviceType": "Looker",
    }
    # Each field alone, in both spellings, is the same as without a mask.
    for field in dashboard_pb2.Dashboard.DESCRIPTOR.fields:
        alone = {field.json_name: whole[field.json_name]} if field.json_name in whole else {}
        assert await masked(field.name) == await masked(field.json_name) == alone, field.name
    assert {"charts", "owners", "tags", "service", "version", "etag"} <= whole.keys()


@on_one_database
async def test_a_get_accepts_the_same_read_mask(full: Caller) -> None:
    whole = (await full.get_chart(fully_qualified_name="looker.x"))["chart"]
    for field in chart_pb2.Chart.DESCRIPTOR.fields:
        answer = await full.get_chart(fully_qualified_name="looker.x", read_mask=field.json_name)
        assert answer["chart"] == {k: v for k, v in whole.items() if k == field.json_name}, field.name


@on_one_database
async def test_a_path_that_is_not_a_field_is_refused(full: Caller) -> None:
    calls = (full.list_dashboards, full.list_charts)
    for call in calls:
        with pytest.raises(Refused) as refused:
            await call(read_mask="name,colour,owners.name")
        assert refused.value.code == "INVALID_ARGUMENT"
        assert refused.value.violations == {
            "read_mask.paths[1]": "UNKNOWN_FIELD",
            "read_mask.paths[2]": "UNKNOWN_FIELD",
        }
    with pytest.raises(Refused) as refused:
        await full.get_dashboard(fully_qualified_name="superset.a", read_mask="chartType")
    assert refused.value.violations == {"read_mask.paths[0]": "UNKNOWN_FIELD"}
    # Charts do not have this field.
    with pytest.raises(Refused):
        await full.list_charts(read_mask="project")


@on_one_database
async def test_errors_in_filters_order_and_token_are_reported_together_and_first(service: Service) -> None:
    nobody = service.caller("nobody")
    filters = {"service": "a.b", "owner": "ann", "domain": "a..b", "tag": '"PII', "chart": "c1"}

    with pytest.raises(Refused) as refused:
        await nobody.list_dashboards(**filters, order_by="size", page_token="x")

    assert refused.value.code == "INVALID_ARGUMENT"
    assert refused.value.violations == {
        **dict.fromkeys(filters, "INVALID_FORMAT"),
        "order_by": "INVALID_VALUE",
        "page_token": "INVALID_PAGE_TOKEN",
    }
    with pytest.raises(Refused) as refused:
        await nobody.list_charts(dashboard="superset")
    assert refused.value.violations == {"dashboard": "INVALID_FORMAT"}
    # An owner is a user or a team.
    for owner in ("ann", "user:", ":ann", "bot:ann", "User:ann"):
        with pytest.raises(Refused) as refused:
            await nobody.list_dashboards(owner=owner)
        assert refused.value.violations == {"owner": "INVALID_FORMAT"}


async def _first(caller: Caller, request: dashboard_service_pb2.ListDashboardsRequest) -> Json:
    """Sends a request whose masks keep their spelling; the JSON form of requests would change it."""
    answer = await caller._stubs["Dashboard"].ListDashboards(request, metadata=caller.metadata)
    first: Json = json_format.MessageToDict(answer)["dashboards"][0]
    return first
