"""What the rules of the contract refuse, with paths, reasons and the expected values."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from dashboard_catalog.contract import validation
from dashboard_catalog.contract.validation import violations_of
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation
from dashboardcatalog.v1 import (
    asset_pb2,
    bulk_pb2,
    catalog_service_pb2,
    chart_pb2,
    chart_service_pb2,
    dashboard_pb2,
    dashboard_service_pb2,
    entity_pb2,
    search_pb2,
)

KINDS = "KIND_BI_SERVICE, KIND_USER, KIND_TEAM, KIND_DOMAIN, KIND_CLASSIFICATION, KIND_TAG or KIND_CUSTOM_PROPERTY"


def create(**spec: Any) -> Message:
    whole = dashboard_pb2.DashboardSpec(**({"name": "a", "service": "s"} | spec))
    return dashboard_service_pb2.CreateDashboardRequest(dashboard=whole)


def get(**fields: Any) -> Message:
    return dashboard_service_pb2.GetDashboardRequest(**({"fully_qualified_name": "a.b"} | fields))


CASES: list[tuple[Message, str, str, str]] = [
    (
        dashboard_service_pb2.GetDashboardRequest(),
        "key",
        "REQUIRED",
        "is required: one of id or fully_qualified_name",
    ),
    (get(id=""), "id", "REQUIRED", "is required"),
    (
        get(id="x" * 100),
        "id",
        "INVALID_FORMAT",
        f"must be a UUID, such as 123e4567-e89b-12d3-a456-426614174000, is '{'x' * 64}…'",
    ),
    (get(fully_qualified_name=""), "fully_qualified_name", "REQUIRED", "is required"),
    (
        get(fully_qualified_name="ü" * 1_201),
        "fully_qualified_name",
        "TOO_LONG",
        "must be at most 2400 bytes of UTF-8, has 2402",
    ),
    (get(version=0.05), "version", "OUT_OF_RANGE", "must be greater than or equal to 0.1, is 0.05"),
    (get(version=float("inf")), "version", "OUT_OF_RANGE", "must be finite, is inf"),
    (
        get(deleted=7),
        "deleted",
        "INVALID_VALUE",
        "must be one of DELETED_EXCLUDE, DELETED_INCLUDE or DELETED_ONLY, is 7",
    ),
    (dashboard_service_pb2.CreateDashboardRequest(), "dashboard", "REQUIRED", "is required"),
    (create(name="n" * 300), "dashboard.name", "TOO_LONG", "must be at most 256 characters, has 300"),
    (create(name="a::b"), "dashboard.name", "INVALID_FORMAT", "must not contain ::"),
    (create(name="a\nb"), "dashboard.name", "INVALID_FORMAT", "must not contain control characters"),
    (
        create(description="a\0b"),
        "dashboard.description",
        "INVALID_FORMAT",
        "must not contain the character U+0000",
    ),
    (
        create(dashboard_type="Board"),
        "dashboard.dashboard_type",
        "INVALID_VALUE",
        "must be Dashboard or Report, is 'Board'",
    ),
    (create(charts=["x", ""]), "dashboard.charts[1]", "REQUIRED", "is required"),
    (
        create(charts=["x"] * 2_500),
        "dashboard.charts",
        "TOO_MANY",
        "must be at most 2000 elements, has 2500",
    ),
    (
        create(owners=[{}, {"type": "t" * 65}]),
        "dashboard.owners[1].type",
        "TOO_LONG",
        "must be at most 64 characters, has 65",
    ),
    (
        create(tags=[{"tag_fqn": "a.b", "source": "Glossary"}]),
        "dashboard.tags[0].source",
        "INVALID_VALUE",
        "must be Classification, is 'Glossary'",
    ),
    (
        dashboard_service_pb2.ListDashboardsRequest(page_size=-1),
        "page_size",
        "OUT_OF_RANGE",
        "must be greater than or equal to 0, is -1",
    ),
    (
        catalog_service_pb2.GetEntityRequest(fully_qualified_name="a"),
        "kind",
        "REQUIRED",
        f"is required: one of {KINDS}",
    ),
    (
        catalog_service_pb2.GetEntityRequest(fully_qualified_name="a", kind=entity_pb2.KIND_CHART),
        "kind",
        "INVALID_VALUE",
        f"must be one of {KINDS}, is KIND_CHART",
    ),
    (
        catalog_service_pb2.GetEntityRequest(fully_qualified_name="a", kind=77),  # type: ignore[arg-type]
        "kind",
        "INVALID_VALUE",
        f"must be one of {KINDS}, is 77",
    ),
    (
        catalog_service_pb2.UpsertEntityRequest(entity=entity_pb2.Entity()),
        "entity.entity",
        "REQUIRED",
        "is required: one of bi_service, user, team, domain, classification, tag or custom_property",
    ),
    (
        bulk_pb2.BulkUpsertRequest(options=bulk_pb2.BulkUpsertOptions(max_failures=10_001)),
        "options.max_failures",
        "OUT_OF_RANGE",
        "must be greater than or equal to 0 and less than or equal to 10000, is 10001",
    ),
    (
        search_pb2.SearchRequest(facets=[search_pb2.FACET_KIND] * 2),
        "facets",
        "INVALID_VALUE",
        "must not name anything twice",
    ),
    (
        search_pb2.SearchRequest(missing=[asset_pb2.MISSING_TAGS] * 5),
        "missing",
        "TOO_MANY",
        "must be at most 4 elements, has 5",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}-{case[2]}")
def test_a_violation_has_a_path_a_reason_and_the_expected_value(case: tuple[Message, str, str, str]) -> None:
    message, field, reason, description = case
    assert violations_of(message) == [Violation(field, ViolationReason(reason), description)]


def test_a_valid_message_has_no_violations() -> None:
    assert violations_of(create(charts=["a.b"], tags=[{"tag_fqn": "PII.Email"}])) == []


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        *[
            (url, True)
            for url in ("https://bi/1", "HTTP://bi/?a=b:c", "/d/1:2", "d/1", "d?x=javascript:1", "#a:b", "bi")
        ],
        *[(f"{start}alert(1)", False) for start in ("javascript:", " javascript:", "java\tscript:", "JavaScript:")],
        *[(url, False) for url in ("data:text/html,x", "vbscript:x", "http:bi", "bi:8088/d/1", "\n\\:")],
    ],
)
def test_an_address_has_no_scheme_that_a_browser_would_run(url: str, is_taken: bool) -> None:
    specs = [
        dashboard_pb2.DashboardSpec(name="a", service="s", source_url=url),
        chart_pb2.ChartSpec(name="a", service="s", source_url=url),
        entity_pb2.BiService(name="a", service_type="Superset", source_url=url),
    ]
    for spec in specs:
        assert [violation.field for violation in violations_of(spec)] == ([] if is_taken else ["source_url"])


def test_all_violations_are_found_together() -> None:
    found = violations_of(create(name="a::b\n", charts=["", ""], owners=[{"id": "x"}]))
    assert [v.field for v in found] == [
        "dashboard.name",
        "dashboard.name",
        "dashboard.charts[0]",
        "dashboard.charts[1]",
        "dashboard.owners[0].id",
    ]


def test_a_prefix_identifies_the_item() -> None:
    item = bulk_pb2.BulkUpsertItem(dashboard=dashboard_pb2.DashboardSpec(name="a::b"))
    assert [v.field for v in violations_of(item, "items[3]")] == ["items[3].dashboard.name"]


def test_the_message_is_not_changed() -> None:
    message = create(charts=[""] * 3_000)
    before = message.SerializeToString()
    violations_of(message)
    assert message.SerializeToString() == before


def test_a_million_invalid_elements_are_checked_quickly() -> None:
    tags = [{"tag_fqn": ""}] * 100_000
    message = create(charts=[""] * 1_000_000, tags=tags)
    began = time.process_time()
    found = violations_of(message)
    # Without a bound it takes half a minute.
    assert time.process_time() - began < 5
    assert "must be at most 2000 elements, has 1000000" in {v.description for v in found}
    assert "must be at most 100 elements, has 100000" in {v.description for v in found}
    assert len(found) < 3_000


def rules_of(descriptor: Descriptor, seen: set[str]) -> Iterator[str]:
    """Returns every rule of a message and of the messages in it, as `string.max_len`."""
    if descriptor.full_name in seen or descriptor.full_name.startswith("google."):
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        rules = field.GetOptions().Extensions[validate_pb2.field]
        yield from rule_names(rules)
        if rules.repeated.HasField("items"):
            yield from rule_names(rules.repeated.items)
        if field.message_type is not None:
            assert not field.message_type.GetOptions().map_entry, "the bound on lists knows no maps"
            yield from rules_of(field.message_type, seen)


def rule_names(rules: validate_pb2.FieldRules) -> Iterator[str]:
    for kind, value in rules.ListFields():
        if kind.message_type is None:
            yield kind.name
            continue
        assert kind.message_type.full_name.startswith("buf.validate.")
        yield from (f"{kind.name}.{rule.name}" for rule, _ in value.ListFields() if rule.name != "items")


def test_every_rule_in_the_contract_has_an_error_text() -> None:
    seen: set[str] = set()
    used = {
        rule
        for module in (dashboard_service_pb2, chart_service_pb2, catalog_service_pb2, bulk_pb2, dashboard_pb2)
        for message in module.DESCRIPTOR.message_types_by_name.values()
        for rule in rules_of(message, seen)
    }
    known = {*validation._FINDINGS, "ignore", "enum.defined_only", "enum.not_in"}
    assert "string.max_len" in used
    assert {rule for rule in used if rule.rpartition(".")[2] not in validation._BOUNDS} - known == set()


def test_every_pattern_in_the_contract_has_an_error_text() -> None:
    patterns = set()
    for message in entity_pb2.DESCRIPTOR.message_types_by_name.values():
        for field in message.fields:
            patterns.add(field.GetOptions().Extensions[validate_pb2.field].string.pattern)
    assert patterns - {""} == set(validation._WORDS_FOR_PATTERN)
