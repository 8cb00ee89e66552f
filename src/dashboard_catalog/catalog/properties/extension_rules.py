"""Rules for every value of an extension, whatever its property: names, depth, size and characters.

This module does not know property types; `custom_properties` does.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation

MAX_BYTES = 64 * 1024
MAX_DEPTH = 5

# OpenMetadata's customPropertyName, with its length.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _\-.,;%#@!'(){}\[\]|=+?`]{0,255}")
_NAME_RULE = (
    "a property name has 1 to 256 characters, starts with a letter or digit (A-Z, a-z, 0-9), and goes on "
    "with letters, digits, spaces and any of _-.,;%#@!'(){}[]|=+?`"
)
_SHOWN_CHARACTERS = 64
_SORTED = json.JSONEncoder(sort_keys=True)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def check_property_name(name: str) -> Violation | None:
    """Returns what is wrong with the name of a custom property, or None."""
    if _NAME.fullmatch(name):
        return None
    return Violation("name", ViolationReason.INVALID_FORMAT, f"{_quoted(name)} is not allowed: {_NAME_RULE}")


def check_extension(extension: Mapping[str, Any]) -> list[Violation]:
    """Returns all violations that do not depend on the definitions of the properties.

    Args:
        extension: From `google.protobuf.Struct`, with whole numbers as `int`. A null clears its key.
    """
    found = [
        Violation(
            f"extension.{field_step(name)}",
            ViolationReason.INVALID_FORMAT,
            f"{_quoted(name)} is not allowed: {_NAME_RULE}",
        )
        for name in extension
        if not _NAME.fullmatch(name)
    ]
    return found + check_json(extension, "extension")


def check_json(value: Mapping[str, Any], path: str) -> list[Violation]:
    """Returns the violations of depth, size, numbers and characters in the `value` at `path`."""
    found: list[Violation] = []
    _walk(value, path, 1, found)
    return found + check_size(value, path)


def check_size(value: Mapping[str, Any], path: str) -> list[Violation]:
    """Returns the violation of the `value` at `path` if it is too large."""
    size = len(_ENCODER.encode(value).encode())
    if size <= MAX_BYTES:
        return []
    text = f"has {size} bytes as compact JSON in UTF-8, at most {MAX_BYTES} are allowed"
    return [Violation(path, ViolationReason.TOO_LARGE, text)]


def _walk(value: Any, path: str, depth: int, found: list[Violation]) -> None:
    fault = _scalar_fault(value)
    if fault:
        found.append(Violation(path, ViolationReason.INVALID_VALUE, fault))
    if not isinstance(value, (dict, list)):
        return
    if depth > MAX_DEPTH:
        text = f"is nested {depth} levels deep, counted from {path.partition('.')[0]}; at most {MAX_DEPTH}"
        found.append(Violation(path, ViolationReason.TOO_DEEP, text))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, f"{path}[{index}]", depth + 1, found)
    else:
        for key, item in value.items():
            inner = f"{path}.{key}"
            if len(key) > _SHOWN_CHARACTERS or "\0" in key:
                inner = f"{path}.{field_step(key)}"
            if "\0" in key:
                found.append(Violation(inner, ViolationReason.INVALID_VALUE, "the key holds U+0000"))
            _walk(item, inner, depth + 1, found)


def _scalar_fault(value: Any) -> str | None:
    kind = type(value)
    if kind is str:
        return "holds U+0000, which no string may" if "\0" in value else None
    if kind is float and not math.isfinite(value):
        return f"{value} is not a finite number"
    return None


def same_json(one: Any, other: Any) -> bool:
    """Says whether two values are equal in JSON, where `true` is not 1 as it is in Python."""
    return one == other and (isinstance(one, str) or json_text(one) == json_text(other))


def json_text(value: Any) -> str:
    """Returns a text that is the same for all values that are equal in JSON."""
    return _SORTED.encode(value)


def field_step(key: str) -> str:
    """Returns `key` for a field path: escaped, and cut if it is so long that it would fill the error's details."""
    escaped = json.dumps(key, ensure_ascii=False)[1:-1]
    return escaped if len(escaped) <= _SHOWN_CHARACTERS else escaped[:_SHOWN_CHARACTERS] + "..."


def _quoted(name: str) -> str:
    return f'"{field_step(name)}"'
