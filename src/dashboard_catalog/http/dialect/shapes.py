"""Checks bodies that do not become a message of the contract: which fields they have, and of which JSON types."""

from collections.abc import Mapping
from types import UnionType
from typing import Any

from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid

Shape = Mapping[str, type | UnionType]
"""Types of fields. A field of an inner object has a path, such as `edge.fromEntity`, and follows that object."""

_WORDS: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "a whole number",
    list: "a list",
    dict: "an object",
}


def check_shape(body: Mapping[str, Any], required: Shape, optional: Shape | None = None) -> None:
    """Does nothing if a body has all required fields, and all fields have their types.

    Raises:
        CatalogError: INVALID_ARGUMENT with every field that does not.
    """
    violations: list[Violation] = []
    for path, type_ in {**required, **(optional or {})}.items():
        value = _at(body, path)
        if value is None or value == "":
            if path in required:
                violations.append(Violation(path, ViolationReason.REQUIRED, "is required"))
        # A boolean is a whole number in Python.
        elif not isinstance(value, type_) or (type_ is int and isinstance(value, bool)):
            violations.append(Violation(path, ViolationReason.INVALID_VALUE, f"must be {_worded(type_)}"))
    if violations:
        raise invalid(violations)


def _at(body: Mapping[str, Any], path: str) -> Any:
    value: Any = body
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _worded(type_: type | UnionType) -> str:
    parts = type_.__args__ if isinstance(type_, UnionType) else (type_,)
    return " or ".join(_WORDS[part] for part in parts)
