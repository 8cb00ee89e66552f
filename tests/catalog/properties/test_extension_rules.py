import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.properties.extension_rules import (
    MAX_BYTES,
    MAX_DEPTH,
    check_extension,
    check_property_name,
)
from dashboard_catalog.error_codes import ViolationReason

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def reasons(extension: dict[str, Any]) -> dict[str, ViolationReason]:
    return {violation.field: violation.reason for violation in check_extension(extension)}


def nested(levels: int) -> Any:
    return {"key": nested(levels - 1)} if levels else "leaf"


@given(st.dictionaries(st.from_regex(r"\A[A-Za-z0-9]{1,20}\Z"), values, max_size=5))
def test_an_accepted_extension_is_json_that_every_database_accepts(extension: dict[str, Any]) -> None:
    violations = check_extension(extension)
    assert all(violation.field.startswith("extension") for violation in violations)
    if not violations:
        text = json.dumps(extension, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        assert json.loads(text) == extension
        assert "\\u0000" not in text.replace("\\\\", "")
        assert len(text.encode()) <= MAX_BYTES


@pytest.mark.parametrize("name", ["costCentre", "7", "a" * 256, "Cost Centre (EUR)", "a_-.,;%#@!'(){}[]|=+?`", "a.b"])
def test_every_property_name_that_openmetadata_accepts_is_accepted(name: str) -> None:
    assert check_property_name(name) is None
    assert check_extension({name: 1}) == []


@pytest.mark.parametrize("name", ["", "a" * 257, "_a", " a", "é", "a:b", 'a"b', "a/b", "a*", "a\n", "a\0", "a~"])
def test_every_property_name_that_openmetadata_refuses_is_refused(name: str) -> None:
    violation = check_property_name(name)
    assert violation is not None
    assert violation.reason == ViolationReason.INVALID_FORMAT
    assert violation.field == "name"
    first = check_extension({name: 1})[0]
    assert first.reason == ViolationReason.INVALID_FORMAT
    assert first.field.startswith("extension.")
    assert len(first.field) < 100


def test_depth_is_counted_from_the_extension() -> None:
    assert reasons({"a": nested(MAX_DEPTH - 1)}) == {}
    assert reasons({"a": nested(MAX_DEPTH)}) == {"extension.a.key.key.key.key": ViolationReason.TOO_DEEP}
    assert reasons({"a": [[[[]]]]}) == {}
    assert reasons({"a": [[[[[]]]], 1]}) == {"extension.a[0][0][0][0]": ViolationReason.TOO_DEEP}


def test_numbers_must_be_finite() -> None:
    assert reasons({"a": 2**53, "b": -(10**300), "c": 1e-300, "d": -0.5, "e": True}) == {}
    beyond = {"c": [float("nan")], "d": {"x": float("-inf")}}
    assert reasons(beyond) == dict.fromkeys(["extension.c[0]", "extension.d.x"], ViolationReason.INVALID_VALUE)


def test_strings_and_keys_cannot_contain_nul() -> None:
    assert reasons({"a": "x\0", "b": [{"k\0": "\\u0000"}]}) == {
        "extension.a": ViolationReason.INVALID_VALUE,
        "extension.b[0].k\\u0000": ViolationReason.INVALID_VALUE,
    }


def test_size_is_measured_as_compact_json_in_utf8() -> None:
    room = MAX_BYTES - len('{"a":""}')
    assert reasons({"a": "x" * room}) == {}
    assert reasons({"a": "x" * (room + 1)}) == {"extension": ViolationReason.TOO_LARGE}
    assert reasons({"a": "é" * (room // 2)}) == {}
    assert reasons({"a": "é" * (room // 2 + 1)}) == {"extension": ViolationReason.TOO_LARGE}


def test_all_violations_are_reported_together() -> None:
    extension = {"_": "\0", "deep": nested(9), "large": "x" * MAX_BYTES, "number": float("inf")}
    assert {(violation.field, violation.reason) for violation in check_extension(extension)} == {
        ("extension._", ViolationReason.INVALID_FORMAT),
        ("extension._", ViolationReason.INVALID_VALUE),
        ("extension.deep.key.key.key.key", ViolationReason.TOO_DEEP),
        ("extension.number", ViolationReason.INVALID_VALUE),
        ("extension", ViolationReason.TOO_LARGE),
    }


def test_null_clears_a_key_and_is_not_a_violation() -> None:
    assert reasons({"a": None}) == {}
