"""Makes checks of values from their `buf.validate` rules. A check is cheap and one-sided.

A value that passes keeps its rules. One that does not pass may keep them too: a check asks for more where that is
cheaper, and passes nothing if it does not know a rule.
"""

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import contains
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from buf.validate import validate_pb2

Check = Callable[[Any], bool]

_KINDS: Mapping[int, str] = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_ENUM: "enum",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_DOUBLE: "double",
}
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UUID_LENGTH = 36
_BYTES_PER_CHARACTER = 4


def never(_value: Any) -> bool:
    """Passes nothing: the check for rules that are unknown here."""
    return False


def _always(_value: Any) -> bool:
    return True


def all_of(checks: Sequence[Check]) -> Check:
    """Returns the check that passes what all of `checks` pass."""
    *others, last = checks or [_always]

    def check(value: Any) -> bool:
        for other in others:
            if not other(value):
                return False
        return last(value)

    return check if others else last


def longest_text(rules: validate_pb2.FieldRules) -> int:
    """Returns the number of characters up to which a text is certainly not too long."""
    string, limits = rules.string, [sys.maxsize]
    if string.HasField("max_len"):
        limits.append(string.max_len)
    if string.HasField("max_bytes"):
        limits.append(string.max_bytes // _BYTES_PER_CHARACTER)
    if string.uuid:
        limits.append(_UUID_LENGTH)
    limits += [max(map(len, found)) for found in [getattr(string, "in")] if found]
    return min(limits)


def value_checks(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> list[Check]:
    """Returns what checks a value against all of its rules except `required`.

    The checks of a text take for granted that it has at most `longest_text` characters and that none is U+0000.

    Args:
        field: The field of the value, or the list that holds it.
        rules: The rules of the value.
    """
    kind = _KINDS.get(field.type, "")
    named = {rule.name for rule, _ in rules.ListFields()} - {"required", "ignore"}
    skips_zero = rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE
    if not named <= {kind} or (rules.ignore and not skips_zero):
        return [never]
    if not named:
        return []
    found = [_RULES.get(rule.name, _unknown)(wanted, field) for rule, wanted in getattr(rules, kind).ListFields()]
    checks = [check for check in found if check is not None]
    return [partial(_is_zero_or, check) for check in checks] if skips_zero else checks


def list_checks(field: FieldDescriptor) -> list[Check]:
    """Returns what checks a list against all of its rules except `required` and those of messages in it."""
    rules = field.GetOptions().Extensions[validate_pb2.field]
    of_list = rules.repeated
    named = {rule.name for rule, _ in rules.ListFields()} | {rule.name for rule, _ in of_list.ListFields()}
    is_unknown = of_list.unique and field.message_type is not None
    if is_unknown or named - {"required", "repeated", "max_items", "unique", "items"} or of_list.items.required:
        return [never]
    checks: list[Check] = []
    if of_list.HasField("max_items"):
        checks.append(lambda values: len(values) <= of_list.max_items)
    if of_list.unique:
        checks.append(lambda values: len(set(values)) == len(values))
    return checks + _elements_checks(field, of_list.items)


def _elements_checks(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> list[Check]:
    """Returns what checks all values in a list."""
    checks: list[Check] = [partial(_are_all, check) for check in value_checks(field, rules)]
    if field.type == FieldDescriptor.TYPE_STRING and rules.HasField("string"):
        longest = longest_text(rules)
        checks.insert(0, lambda texts: max(map(len, texts), default=0) <= longest and "\0" not in "".join(texts))
    return checks


def _are_all(check: Check, values: Iterable[Any]) -> bool:
    return all(map(check, values))


def _is_zero_or(check: Check, value: Any) -> bool:
    return not value or check(value)


def _unknown(_wanted: Any, _field: FieldDescriptor) -> Check:
    return never


def _covered(_wanted: int, _field: FieldDescriptor) -> None:
    """Makes no check: `longest_text` is about this rule."""


def _not_contains(wanted: str, _field: FieldDescriptor) -> Check | None:
    return None if wanted == "\0" else lambda text: wanted not in text


def _min_len(wanted: int, _field: FieldDescriptor) -> Check:
    return bool if wanted == 1 else lambda text: len(text) >= wanted


def _pattern(wanted: str, _field: FieldDescriptor) -> Check:
    return _PATTERNS.get(wanted, never)


def _uuid(_wanted: bool, _field: FieldDescriptor) -> Check:
    return lambda text: _UUID.fullmatch(text) is not None


def _in(wanted: Iterable[str], _field: FieldDescriptor) -> Check:
    return partial(contains, frozenset(wanted))


def _not_in(wanted: Iterable[int], _field: FieldDescriptor) -> Check:
    refused = frozenset(wanted)
    return lambda value: value not in refused


def _defined_only(_wanted: bool, field: FieldDescriptor) -> Check:
    values = field.enum_type.values if field.enum_type is not None else ()
    return partial(contains, frozenset(value.number for value in values))


def _gte(wanted: float, _field: FieldDescriptor) -> Check:
    return lambda number: number >= wanted


def _lte(wanted: float, _field: FieldDescriptor) -> Check:
    return lambda number: number <= wanted


def _finite(_wanted: bool, _field: FieldDescriptor) -> Check:
    return math.isfinite


def _has_web_scheme(url: str) -> bool:
    return not url or url.startswith(("https://", "http://"))


# The libraries that evaluate patterns differ, so each pattern of the contract has a narrower condition here.
_PATTERNS: Mapping[str, Check] = {
    r"^[^\x00-\x1F\x7F-\x9F]*$": str.isprintable,
    r"^(?i:https?://|[^:/?#]*(?:[/?#]|$))": _has_web_scheme,
}
_RULES: Mapping[str, Callable[[Any, FieldDescriptor], Check | None]] = {
    "max_len": _covered,
    "max_bytes": _covered,
    "not_contains": _not_contains,
    "min_len": _min_len,
    "pattern": _pattern,
    "uuid": _uuid,
    "in": _in,
    "not_in": _not_in,
    "defined_only": _defined_only,
    "gte": _gte,
    "lte": _lte,
    "finite": _finite,
}
