"""Says quickly that a message certainly keeps the `buf.validate` rules of the contract, as nearly every message does.

The check of a type of messages is made once, from the rules in its descriptor. It reads the fields of a message in
place, where the validator first copies the whole message. A message that does not pass may be valid too: the validator
decides.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from operator import attrgetter

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from dashboard_catalog.contract.limits import rules_of
from dashboard_catalog.contract.value_checks import Check, all_of, list_checks, longest_text, never, value_checks

Texts = tuple[str, ...]

# Owners and tags recur in a load. This many short ones take little memory.
_REMEMBERED = 2_048
_SHORT = 1_024


def is_certainly_valid(message: Message) -> bool:
    """Says whether a message certainly keeps all rules of the contract."""
    check = _check_of(message.DESCRIPTOR)
    return check is None or check(message)


@cache
def _check_of(type_: Descriptor) -> Check | None:
    """Returns the check of messages of a type; None if no rule is about them or about what they hold."""
    held = _held_by(type_)
    if not any(map(_has_rules, {type_, *held})):
        return None
    options = type_.GetOptions()
    if type_ in held or options.map_entry or options.HasExtension(validate_pb2.message):
        return never
    others = [check for field in type_.fields for check in _field_checks(field)]
    others += [check for oneof in type_.oneofs if (check := _oneof_check(oneof)) is not None]
    texts = [field for field in type_.fields if _is_text(field) and rules_of(field).ByteSize()]
    texts.sort(key=lambda field: longest_text(rules_of(field)))
    if not texts:
        return all_of(others)
    get, hold = _texts_of(texts), _hold(texts, remember=not others)
    return all_of([lambda message: hold(get(message)), *others])


def _held_by(type_: Descriptor) -> set[Descriptor]:
    """Returns the types of all messages that a message may hold, at any depth."""
    held: set[Descriptor] = set()
    waiting = [type_]
    while waiting:
        found = {field.message_type for field in waiting.pop().fields if field.message_type is not None}
        waiting += found - held
        held |= found
    return held


def _has_rules(type_: Descriptor) -> bool:
    return (
        type_.GetOptions().HasExtension(validate_pb2.message)
        or any(oneof.GetOptions().HasExtension(validate_pb2.oneof) for oneof in type_.oneofs)
        or any(field.GetOptions().HasExtension(validate_pb2.field) for field in type_.fields)
    )


def _is_text(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated


def _texts_of(fields: Sequence[FieldDescriptor]) -> Callable[[Message], Texts]:
    names = [field.name for field in fields]
    # With one name, attrgetter returns no tuple.
    return attrgetter(*names) if len(names) > 1 else lambda message: (getattr(message, names[0]),)


def _hold(fields: Sequence[FieldDescriptor], *, remember: bool) -> Callable[[Texts], bool]:
    """Returns the check of the texts in some fields, which looks at all of them together.

    Args:
        fields: The fields, from the shortest texts to the longest.
        remember: Whether to remember what passes, if it is short.
    """
    limits = [longest_text(rules_of(field)) for field in fields]
    special = [(place, check) for place, field in enumerate(fields) for check in _checks(field, absent=True)]

    def hold(texts: Texts) -> bool:
        whole = "".join(texts)
        for text, longest in zip(texts, limits, strict=True):
            if longest >= len(whole):
                break
            if len(text) > longest:
                return False
        for place, check in special:
            if not check(texts[place]):
                return False
        return "\0" not in whole

    return _remembering(hold) if remember and sum(limits) <= _SHORT else hold


def _remembering(hold: Callable[[Texts], bool]) -> Callable[[Texts], bool]:
    passed: set[Texts] = set()

    def hold_again(texts: Texts) -> bool:
        if texts in passed:
            return True
        if not hold(texts):
            return False
        if len(passed) >= _REMEMBERED:
            passed.clear()
        passed.add(texts)
        return True

    return hold_again


def _checks(field: FieldDescriptor, *, absent: bool) -> list[Check]:
    """Returns the checks of the value of a field that may be made if it is absent, or those that must not.

    No rule is about an absent field if presence counts. But most pass an empty text, and then it is cheaper not to ask
    whether the field is present.
    """
    checks = value_checks(field, rules_of(field))
    if field.message_type is not None and (inner := _check_of(field.message_type)) is not None:
        checks.append(inner)
    return [check for check in checks if absent is (not field.has_presence or (_is_text(field) and check("")))]


def _oneof_check(oneof: OneofDescriptor) -> Check | None:
    """Returns the check of a `oneof` and its fields; None if there is nothing to check.

    Each `optional` field is alone in one.
    """
    rules = oneof.GetOptions().Extensions[validate_pb2.oneof]
    if any(rule.name != "required" for rule, _ in rules.ListFields()):
        return never
    checks = {field.name: all_of(checks) for field in oneof.fields if (checks := _checks(field, absent=False))}
    if not checks and not rules.required:
        return None
    name, may_be_absent = oneof.name, not rules.required

    def check(message: Message) -> bool:
        present = message.WhichOneof(name)
        if present is None:
            return may_be_absent
        return present not in checks or checks[present](getattr(message, present))

    return check


def _field_checks(field: FieldDescriptor) -> Iterator[Check]:
    """Yields the checks of a field that are no checks of texts or of a `oneof`, as checks of its message."""
    name, get, has_presence = field.name, attrgetter(field.name), field.has_presence
    if rules_of(field).required:
        yield lambda message: message.HasField(name) if has_presence else bool(get(message))
    if field.containing_oneof is not None or _is_text(field):
        return
    checks = _list_checks(field) if field.is_repeated else _checks(field, absent=not has_presence)
    if not checks:
        return
    hold = all_of(checks)
    if field.is_repeated:
        # A list in a message makes an element each time that somebody looks at it.
        yield lambda message: hold(list(get(message)))
    else:
        yield lambda message: (has_presence and not message.HasField(name)) or hold(get(message))


def _list_checks(field: FieldDescriptor) -> list[Check]:
    checks = list_checks(field)
    check = _check_of(field.message_type) if field.message_type is not None else None
    return checks if check is None else [*checks, lambda messages: all(map(check, messages))]
