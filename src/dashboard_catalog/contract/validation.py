"""Evaluates the `buf.validate` rules of the contract, and words each violation as the catalog words its own.

A valid message costs one call of the native validator. Only a refused one is examined again.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from protovalidate import Validator
from protovalidate import Violation as BrokenRule

from dashboard_catalog.contract.limits import rules_of
from dashboard_catalog.contract.quick_check import is_certainly_valid
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation

# Thread-safe. It compiles the rules of each message once.
_VALIDATOR = Validator()

# How much of a list without a limit is examined.
_LIST_LIMIT = 1_000
_SHOWN = 64
_WORDS_FOR_PATTERN: Mapping[str, str] = MappingProxyType(
    {
        r"^[^\x00-\x1F\x7F-\x9F]*$": "must not contain control characters",
        # User interfaces make links of these, and a browser would run `javascript:`.
        r"^(?i:https?://|[^:/?#]*(?:[/?#]|$))": "must be an http or https URL, such as https://bi.example.com/d/1",
    }
)

Finding = tuple[ViolationReason, str]


def violations_of(message: Message, prefix: str = "") -> list[Violation]:
    """Returns what the rules of the contract refuse in a message; empty if it is valid.

    Args:
        message: Any message of the contract.
        prefix: Path of the message in the request, such as `items[3]`. It precedes the paths of the fields.
    """
    if is_certainly_valid(message) or not _VALIDATOR.collect_violations(message, fail_fast=True):
        return []
    bounded = type(message)()
    bounded.CopyFrom(message)
    lengths: dict[str, int] = {}
    _shorten_lists(bounded, "", lengths)
    broken = _VALIDATOR.collect_violations(bounded)
    found = [_violation(rule, message.DESCRIPTOR, lengths) for rule in broken]
    return [violation.under(prefix) for violation in found] if prefix else found


def _shorten_lists(message: Message, path: str, lengths: dict[str, int]) -> None:
    """Cuts every list to one element more than it may have, and notes how long it was.

    Otherwise a list of a million bad elements would have a million violations, and the process would stand still for
    half a minute. The contract has no maps, and messages of google.protobuf have no rules.
    """
    for field, value in message.ListFields():
        where = f"{path}{field.name}"
        holds = field.message_type
        if holds is not None and holds.full_name.startswith("google.protobuf."):
            continue
        if not field.is_repeated:
            if holds is not None:
                _shorten_lists(value, f"{where}.", lengths)
            continue
        lengths[where] = len(value)
        del value[_limit_of(field) + 1 :]
        if holds is not None:
            for index, element in enumerate(value):
                _shorten_lists(element, f"{where}[{index}].", lengths)


def _limit_of(field: FieldDescriptor) -> int:
    rules = rules_of(field).repeated
    return rules.max_items if rules.HasField("max_items") else _LIST_LIMIT


def _violation(broken: BrokenRule, descriptor: Any, lengths: Mapping[str, int]) -> Violation:
    proto = broken.proto
    elements = proto.field.elements if proto.field else []
    path = _path(elements)
    holder, field = _located(descriptor, [element.field_name for element in elements])
    value = lengths.get(path, 0) if proto.rule_id == "repeated.max_items" else broken.field_value
    reason, description = _finding(proto.rule_id, broken.rule_value, value, proto.message)
    is_of_list = proto.rule_id.startswith("repeated.")
    if isinstance(field, FieldDescriptor) and field.enum_type is not None and not is_of_list:
        reason, description = _enum_finding(field.enum_type, value, rules_of(field).enum.not_in)
    elif field is None and elements:
        members = [member.name for member in holder.oneofs_by_name[elements[-1].field_name].fields]
        description = f"is required: one of {_listed(members)}"
    return Violation(path, reason, description)


def _path(elements: Iterable[Any]) -> str:
    return ".".join(f"{element.field_name}{_subscript(element.subscript)}" for element in elements)


def _subscript(subscript: Any) -> str:
    if subscript is None:
        return ""
    return f"[{subscript.value}]" if subscript.field == "index" else f'["{_shown(str(subscript.value))}"]'


def _located(descriptor: Descriptor, names: list[str]) -> tuple[Descriptor, FieldDescriptor | None]:
    """Returns the message that holds the field of a path, and the field; None instead of the field for a `oneof`."""
    field: FieldDescriptor | None = None
    for position, name in enumerate(names):
        field = descriptor.fields_by_name.get(name)
        if field is None or position == len(names) - 1:
            break
        descriptor = cast("Descriptor", field.message_type)
    return descriptor, field


def _finding(rule: str, wanted: Any, value: Any, message: str) -> Finding:
    finding = _FINDINGS.get(rule)
    if finding is not None:
        return finding(wanted, value)
    kind = rule.rpartition(".")[2]
    if kind in _BOUNDS:
        return ViolationReason.OUT_OF_RANGE, f"{message}, is {value}"
    return ViolationReason.INVALID_VALUE, message


def _enum_finding(enum: EnumDescriptor, value: Any, refused: Iterable[int]) -> Finding:
    unusable = {0, *refused}
    names = _listed([known.name for known in enum.values if known.number not in unusable])
    if value == 0:
        return ViolationReason.REQUIRED, f"is required: one of {names}"
    known = enum.values_by_number.get(value)
    return ViolationReason.INVALID_VALUE, f"must be one of {names}, is {known.name if known else value}"


def _not_contains(wanted: Any, _value: Any) -> Finding:
    what = "the character U+0000" if wanted == "\0" else wanted
    return ViolationReason.INVALID_FORMAT, f"must not contain {what}"


def _pattern(wanted: Any, _value: Any) -> Finding:
    return ViolationReason.INVALID_FORMAT, _WORDS_FOR_PATTERN.get(wanted, f"must match {wanted}")


def _not_in_list(wanted: Any, value: Any) -> Finding:
    return ViolationReason.INVALID_VALUE, f"must be {_listed(filter(None, wanted))}, is {_shown(value)!r}"


def _required(_wanted: Any, _value: Any) -> Finding:
    return ViolationReason.REQUIRED, "is required"


_BOUNDS = frozenset({"gt", "gte", "lt", "lte", "gte_lte", "gt_lt", "gte_lt", "gt_lte", "finite"})
_FINDINGS: Mapping[str, Callable[[Any, Any], Finding]] = MappingProxyType(
    {
        "required": _required,
        "string.min_len": _required,
        "string.uuid_empty": _required,
        "string.max_len": lambda wanted, value: (
            ViolationReason.TOO_LONG,
            f"must be at most {wanted} characters, has {len(value)}",
        ),
        "string.max_bytes": lambda wanted, value: (
            ViolationReason.TOO_LONG,
            f"must be at most {wanted} bytes of UTF-8, has {len(value.encode())}",
        ),
        "string.uuid": lambda _wanted, value: (
            ViolationReason.INVALID_FORMAT,
            f"must be a UUID, such as 123e4567-e89b-12d3-a456-426614174000, is {_shown(value)!r}",
        ),
        "string.pattern": _pattern,
        "string.not_contains": _not_contains,
        "string.in": _not_in_list,
        "repeated.unique": lambda _wanted, _value: (ViolationReason.INVALID_VALUE, "must not name anything twice"),
        "repeated.max_items": lambda wanted, length: (
            ViolationReason.TOO_MANY,
            f"must be at most {wanted} elements, has {length}",
        ),
    }
)


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _shown(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
