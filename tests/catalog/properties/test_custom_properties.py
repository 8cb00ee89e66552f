from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.properties.custom_properties import (
    PropertyReference,
    check_definition,
    compile_property,
)
from dashboard_catalog.catalog.properties.date_patterns import DATE_FORMATS, DATE_TIME_FORMATS, TIME_FORMATS
from dashboard_catalog.catalog.properties.types import PROPERTY_TYPES, REFERENCE_KINDS
from dashboard_catalog.error_codes import ViolationReason

UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
TIER = {"values": ["Silver", "Gold", "Bronze"]}
TIERS = {**TIER, "multiSelect": True}
PEOPLE = {"entityTypes": ["user", "team"]}
USER = {"entityTypes": ["user"]}
SERVICE = {"entityTypes": ["dashboardService"]}
COLUMNS = {"columns": ["name", "description"]}

# Type, config, values that fit and stay the same, values that do not fit.
VALUES: list[tuple[str, dict[str, Any] | None, list[Any], list[Any]]] = [
    ("string", None, ["", "text", "x" * 60_000, "\n"], [1, True, ["text"], {}, None]),
    ("markdown", None, ["", "**bold**"], [1, ["text"]]),
    ("sqlQuery", None, ["select * from orders"], [1, {"query": "select"}]),
    ("integer", None, [0, -7, 2**53 - 1], [1.5, "1", True, [1], 2**53, -(2**53), int(1e300)]),
    ("number", None, [0, -7, 1.5, 1e-9, 2**53, int(1e300)], ["1.5", False, {}]),
    (
        "email",
        None,
        ["a@b.co", "jane.doe+bi@example.com", "x" * 60 + "@example.com", "jörg@bücher.de"],
        ["a@b.c", "jane", "jane@localhost", "jane doe@example.com", "Jane <jane@example.com>", 1]
        + ["jane@example.com\n", '"jane doe"@example.com', "x" * 60 + "@" + "example." * 9 + "com"],
    ),
    (
        "duration",
        None,
        ["P23DT23H", "P1Y2M10DT2H30M", "PT0.5S", "PT1,5H", "P4W", "P1D", "PT36H", "P0D"],
        ["", "P", "PT", "P1DT", "1D", "-P1D", "P1.5DT1H", "PT1H1D", "P1H", "p1d", "P1D\n", "P1S", "P٣D", 5],
    ),
    ("timestamp", None, [0, 1_753_738_200_000], [-1, 1.5, "1753738200000", "2026-07-28T00:00:00Z"]),
    (
        "timeInterval",
        None,
        [{"start": 1, "end": 2}, {"start": 2, "end": 2}],
        [{"start": 2, "end": 1}, {"start": 1}, {"end": 1}, {}, {"start": "1", "end": 2}, [1, 2], 1]
        + [{"start": 1, "end": 2, "zone": "UTC"}],
    ),
    ("date-cp", {"format": "yyyy-MM-dd"}, ["2026-07-28"], ["2026-02-30", "28/07/2026", "", 20260728]),
    (
        "dateTime-cp",
        {"format": "dd-MM-yyyy HH:mm:ss"},
        ["28-07-2026 14:30:15"],
        ["2026-07-28 14:30:15", "28-07-2026 24:00:00", "28-07-2026", 1_753_738_200_000],
    ),
    ("time-cp", {"format": "HH:mm:ss"}, ["00:00:00", "23:59:59"], ["24:00:00", "12:30", "", 0]),
    ("enum", TIER, [["Gold"], []], ["Gold", ["gold"], ["Gold", "Silver"], ["Gold", "Gold"], [1], {}]),
    ("enum", TIERS, [["Bronze", "Gold", "Silver"], []], ["Gold", ["Gold", "Iron"], [None]]),
    (
        "entityReference",
        PEOPLE,
        [{"id": UUID}, {"type": "user", "name": "jane"}, {"type": "team", "fullyQualifiedName": "bi"}]
        + [{"type": "user", "id": UUID, "displayName": "Jane", "description": "", "deleted": False}],
        [{"name": "jane"}, {"type": "user"}, {"type": "domain", "name": "x"}, {"id": "jane"}, "jane", {}]
        + [{"type": "user", "name": ""}, {"id": UUID, "email": "jane@example.com"}, [{"id": UUID}]],
    ),
    ("entityReference", USER, [{"name": "jane"}], [{"type": "team", "name": "bi"}]),
    (
        "entityReference",
        SERVICE,
        [{"type": "bi_service", "name": "looker"}, {"type": "dashboardService", "name": "looker"}],
        [{"type": "biService", "name": "looker"}],
    ),
    (
        "entityReferenceList",
        PEOPLE,
        [[], [{"id": UUID}, {"type": "user", "name": "jane"}]],
        [{"id": UUID}, [{"name": "jane"}], ["jane"]],
    ),
    (
        "table-cp",
        COLUMNS,
        [{"rows": []}, {"rows": [{"name": "a", "description": "b"}, {"name": "c"}, {}]}]
        + [{"columns": ["description", "name"], "rows": [{"name": "a"}]}],
        [{}, {"rows": [{"colour": "a"}]}, {"rows": [{"name": 1}]}, {"rows": {}}, [], {"rows": [["a"]]}]
        + [{"rows": [], "columns": ["colour"]}, {"rows": [], "columns": ["name", "name"]}]
        + [{"rows": [], "title": "x"}],
    ),
    (
        "hyperlink-cp",
        None,
        [{"url": "https://example.com"}, {"url": "HTTP://u@[::1]:80/?x[]={y}#ä", "displayText": "Runbook"}],
        [{"displayText": "Runbook"}, {"url": "ftp://example.com"}, {"url": "javascript:alert(1)"}, {}]
        + [{"url": "https://"}, {"url": "https:///path"}, {"url": "https://a b"}, {"url": "example.com"}]
        + [{"url": "https://example.com\n"}, {"url": "https://example.com", "title": "x"}]
        + ["https://example.com", {"url": None}, {"url": "https://example.com", "displayText": 1}],
    ),
]
FITTING = [(kind, config, value) for kind, config, good, _ in VALUES for value in good]
UNFIT = [(kind, config, value) for kind, config, _, bad in VALUES for value in bad]
BAD_DEFINITIONS: list[tuple[str, dict[str, Any] | None, str, ViolationReason]] = [
    ("", None, "property_type", ViolationReason.REQUIRED),
    ("text", None, "property_type", ViolationReason.INVALID_VALUE),
    ("String", None, "property_type", ViolationReason.INVALID_VALUE),
    ("string", {"values": ["a"]}, "config", ViolationReason.INVALID_VALUE),
    ("hyperlink-cp", {"format": "url"}, "config", ViolationReason.INVALID_VALUE),
    ("enum", None, "config.values", ViolationReason.REQUIRED),
    ("enum", {}, "config.values", ViolationReason.REQUIRED),
    ("enum", {"values": []}, "config.values", ViolationReason.INVALID_VALUE),
    ("enum", {"values": "a"}, "config.values", ViolationReason.INVALID_VALUE),
    ("enum", {"values": ["a", 1]}, "config.values[1]", ViolationReason.INVALID_VALUE),
    ("enum", {"values": ["a", ""]}, "config.values[1]", ViolationReason.INVALID_VALUE),
    ("enum", {"values": ["a", "b", "a"]}, "config.values[2]", ViolationReason.INVALID_VALUE),
    ("enum", {"values": ["a\0"]}, "config.values[0]", ViolationReason.INVALID_VALUE),
    ("enum", {"values": ["x" * 70_000]}, "config", ViolationReason.TOO_LARGE),
    ("enum", {"values": ["a"], "multiSelect": "yes"}, "config.multiSelect", ViolationReason.INVALID_VALUE),
    ("enum", {"values": ["a"], "multiselect": True}, "config.multiselect", ViolationReason.UNKNOWN_FIELD),
    ("date-cp", None, "config.format", ViolationReason.REQUIRED),
    ("date-cp", {"format": "HH:mm:ss"}, "config.format", ViolationReason.INVALID_VALUE),
    ("dateTime-cp", {"format": "yyyy-MM-dd"}, "config.format", ViolationReason.INVALID_VALUE),
    ("time-cp", {"format": "%H:%M"}, "config.format", ViolationReason.INVALID_VALUE),
    ("time-cp", {"format": ["HH:mm:ss"]}, "config.format", ViolationReason.INVALID_VALUE),
    ("entityReference", None, "config.entityTypes", ViolationReason.REQUIRED),
    ("entityReference", {"entityTypes": []}, "config.entityTypes", ViolationReason.INVALID_VALUE),
    ("entityReference", {"entityTypes": ["table"]}, "config.entityTypes[0]", ViolationReason.INVALID_VALUE),
    ("table-cp", None, "config.columns", ViolationReason.REQUIRED),
    ("table-cp", {"columns": []}, "config.columns", ViolationReason.INVALID_VALUE),
    ("table-cp", {"columns": ["a", "a"]}, "config.columns[1]", ViolationReason.INVALID_VALUE),
    ("table-cp", {"columns": list("abcd")}, "config.columns", ViolationReason.TOO_MANY),
    ("table-cp", {"columns": ["a"], "minColumns": 1}, "config.minColumns", ViolationReason.UNKNOWN_FIELD),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def test_the_tables_below_cover_every_type() -> None:
    assert {kind for kind, _, _, _ in VALUES} == set(PROPERTY_TYPES)
    assert len(PROPERTY_TYPES) == 17


@pytest.mark.parametrize(("kind", "config", "value"), FITTING)
def test_a_value_that_fits_stays_as_sent(kind: str, config: dict[str, Any] | None, value: Any) -> None:
    assert check_definition(kind, config) == []
    assert compile_property(kind, config).check("key", value) == (value, [])


@pytest.mark.parametrize(("kind", "config", "value"), UNFIT)
def test_the_error_for_a_value_that_does_not_fit_explains_it(
    kind: str, config: dict[str, Any] | None, value: Any
) -> None:
    stored, violations = compile_property(kind, config).check("key", value)
    assert stored == value
    assert violations
    for violation in violations:
        assert violation.reason == ViolationReason.INVALID_PROPERTY
        assert violation.field.startswith("extension.key")
        assert "expected" in violation.description


@pytest.mark.parametrize(
    ("kind", "config", "value", "stored"),
    [
        ("date-cp", {"format": "d MMMM yyyy"}, "05 July 2026", "5 July 2026"),
        ("enum", TIERS, ["Silver", "Gold", "Silver"], ["Gold", "Silver"]),
    ],
)
def test_dates_and_enums_have_one_stored_form(kind: str, config: dict[str, Any], value: Any, stored: Any) -> None:
    assert compile_property(kind, config).check("key", value) == (stored, [])
    assert compile_property(kind, config).check("key", stored) == (stored, [])


@pytest.mark.parametrize(
    ("kind", "config", "value", "problems"),
    [
        ("enum", TIER, ["Iron"], {"[0]": 'got "Iron"; expected one of "Silver", "Gold", "Bronze"'}),
        (
            "date-cp",
            {"format": "yyyyDDD"},
            "2026366",
            {"": 'got "2026366"; expected an existing date, written as yyyyDDD, for example 2026209'},
        ),
        (
            "table-cp",
            COLUMNS,
            {"rows": [{}, {"name": 1, "colour": "red"}]},
            {
                ".rows[1].name": "got 1; expected a string",
                ".rows[1].colour": 'is unknown; expected strings in the columns "name", "description"',
            },
        ),
        (
            "hyperlink-cp",
            None,
            {"displayText": "x"},
            {".url": "is missing; expected an http or https URL, for example https://example.com/runbook"},
        ),
    ],
)
def test_a_violation_names_the_place_and_the_expected_form(
    kind: str, config: dict[str, Any] | None, value: Any, problems: dict[str, str]
) -> None:
    _, violations = compile_property(kind, config).check("key", value)
    assert {violation.field: violation.description for violation in violations} == {
        f"extension.key{path}": text for path, text in problems.items()
    }


def test_the_error_for_a_single_enum_value_asks_for_an_array() -> None:
    _, (violation,) = compile_property("enum", TIER).check("tier", "Gold")
    assert violation.field == "extension.tier"
    assert "a single value goes in an array too" in violation.description


@given(st.sampled_from([(kind, config) for kind, config, _, _ in VALUES]), json_values)
def test_any_json_fits_or_is_refused_with_an_explanation(
    definition: tuple[str, dict[str, Any] | None], value: Any
) -> None:
    compiled = compile_property(*definition)
    stored, violations = compiled.check("key", value)
    if violations:
        assert all(violation.field.startswith("extension.key") for violation in violations)
        assert all(len(violation.description) < 1_000 for violation in violations)
    else:
        assert compiled.check("key", stored) == (stored, [])


def test_the_error_for_a_long_list_of_values_is_short() -> None:
    config = {"values": [f"{number:03} {'x' * 80}" for number in range(500)]}
    _, (violation,) = compile_property("enum", config).check("key", ["y" * 10_000])
    assert "more" in violation.description
    assert len(violation.description) < 600


@pytest.mark.parametrize(("kind", "config", "field", "reason"), BAD_DEFINITIONS)
def test_the_error_for_an_invalid_definition_explains_it(
    kind: str, config: dict[str, Any] | None, field: str, reason: ViolationReason
) -> None:
    assert [(found.field, found.reason) for found in check_definition(kind, config)] == [(field, reason)]


def test_all_errors_in_a_definition_are_reported_together() -> None:
    config = {"values": ["a", "a", 1], "multiSelect": 1, "colour": "red"}
    assert {violation.field for violation in check_definition("enum", config)} == {
        "config.values[1]",
        "config.values[2]",
        "config.multiSelect",
        "config.colour",
    }


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [("date-cp", pattern) for pattern in DATE_FORMATS]
    + [("dateTime-cp", pattern) for pattern in DATE_TIME_FORMATS]
    + [("time-cp", pattern) for pattern in TIME_FORMATS],
)
def test_every_offered_pattern_can_be_used(kind: str, pattern: str) -> None:
    assert check_definition(kind, {"format": pattern}) == []
    _, (violation,) = compile_property(kind, {"format": pattern}).check("key", "soon")
    example = violation.description.partition("for example ")[2]
    assert compile_property(kind, {"format": pattern}).check("key", example) == (example, [])


@pytest.mark.parametrize("kind", REFERENCE_KINDS)
def test_every_kind_can_be_referred_to(kind: str) -> None:
    assert check_definition("entityReferenceList", {"entityTypes": [kind]}) == []
    compiled = compile_property("entityReferenceList", {"entityTypes": [kind]})
    assert [reference.kinds for reference in compiled.references("key", [{"id": UUID}])] == [(kind,)]


def test_references_are_returned_with_their_paths() -> None:
    compiled = compile_property("entityReferenceList", PEOPLE)
    value = [{"id": UUID}, {"type": "team", "name": "bi"}, {"type": "user", "fullyQualifiedName": "jane"}]
    assert compiled.references("owners", value) == [
        PropertyReference(("user", "team"), UUID, None, None, "extension.owners[0]"),
        PropertyReference(("team",), None, "bi", None, "extension.owners[1]"),
        PropertyReference(("user",), None, None, "jane", "extension.owners[2]"),
    ]
    single = compile_property("entityReference", SERVICE)
    assert single.references("source", {"type": "dashboardService", "name": "looker"}) == [
        PropertyReference(("bi_service",), None, "looker", None, "extension.source")
    ]
    assert compile_property("string", None).references("key", "jane") == []


def test_a_definition_is_compiled_once() -> None:
    compiled = compile_property("enum", {"values": ["a"], "multiSelect": False})
    assert compile_property("enum", {"multiSelect": False, "values": ["a"]}) is compiled
    assert compile_property("string", None) is compile_property("string", {})
    assert compile_property("enum", {"values": ["b"], "multiSelect": False}) is not compiled
