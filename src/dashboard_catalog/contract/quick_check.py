"""Says quickly that a message certainly keeps the `buf.validate` rules of the contract, as nearly every message does.

The check of a type of messages is made once, from the rules in its descriptor. It reads the fields of a message in
place, where the validator first copies the whole message. A message that does not pass may be valid too: the validator
decides.
"""

from collections.abc import Callable, Collection, Sequence
from functools import cache
from operator import attrgetter

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from dashboard_catalog.contract.limits import rules_of
from dashboard_catalog.contract.value_checks import Check, all_of, list_checks, longest_text, never, value_checks

Texts = tuple[str, ...]


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
    if type_ in held or type_.GetOptions().map_entry:
        return never
    texts = [field for field in type_.fields if is_text(field) and rules_of(field).ByteSize()]
    others = other_checks(type_)
    if not texts:
        return all_of(others)
    get, hold = texts_of([field.name for field in texts]), texts_check(texts)
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


def is_text(field: FieldDescriptor) -> bool:
    """Says whether a field is a single text."""
    return field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated


def texts_of(names: Sequence[str]) -> Callable[[Message], Texts]:
    """Returns a function that returns the texts in some fields of a message."""
    # With one name, attrgetter returns no tuple.
    return attrgetter(*names) if len(names) > 1 else lambda message: (getattr(message, names[0]),)


def texts_check(fields: Sequence[FieldDescriptor]) -> Callable[[Texts], bool]:
    """Returns the check of the texts in some fields of one message, which looks at all of them together."""
    limits = sorted((longest_text(rules_of(field)), place) for place, field in enumerate(fields))
    special = [(place, check) for place, field in enumerate(fields) for check in _checks(field, absent=True)]

    def hold(texts: Texts) -> bool:
        whole = "".join(texts)
        for longest, place in limits:
            if longest >= len(whole):
                break
            if len(texts[place]) > longest:
                return False
        for place, check in special:
            if not check(texts[place]):
                return False
        return "\0" not in whole

    return hold


def texts_alone_check(type_: Descriptor, names: Sequence[str]) -> Callable[[Texts], bool]:
    """Returns the check of a message by some of its texts. It passes nothing if rules are about anything else."""
    fields = [type_.fields_by_name[name] for name in names]
    others = [field for field in type_.fields if field.name not in names and rules_of(field).ByteSize()]
    return never if others or other_checks(type_) else texts_check(fields)


def other_checks(type_: Descriptor, without: Collection[str] = ()) -> list[Check]:
    """Returns the checks that are not about single texts, each of a whole message.

    Args:
        type_: The type.
        without: Lists that are checked elsewhere.
    """
    checks = [check for oneof in type_.oneofs if (check := _oneof_check(oneof)) is not None]
    if type_.GetOptions().HasExtension(validate_pb2.message):
        checks.append(never)
    for field in type_.fields:
        if rules_of(field).required:
            checks.append(_required_check(field))
        if field.name not in without and (check := _field_check(field)) is not None:
            checks.append(check)
    return checks


def _checks(field: FieldDescriptor, *, absent: bool) -> list[Check]:
    """Returns the checks of the value of a field that may be made if it is absent, or those that must not.

    No rule is about an absent field if presence counts. But most pass an empty text, and then it is cheaper not to ask
    whether the field is present.
    """
    checks = value_checks(field, rules_of(field))
    if field.message_type is not None and (inner := _check_of(field.message_type)) is not None:
        checks.append(inner)
    return [check for check in checks if absent is (not field.has_presence or (is_text(field) and check("")))]


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


def _required_check(field: FieldDescriptor) -> Check:
    name = field.name
    return (
        (lambda message: message.HasField(name))
        if field.has_presence
        else (lambda message: bool(getattr(message, name)))
    )


def _field_check(field: FieldDescriptor) -> Check | None:
    """Returns the check of a field, as one of its message; None if there is none or if it is made with other fields."""
    if field.containing_oneof is not None or is_text(field):
        return None
    checks = _list_checks(field) if field.is_repeated else _checks(field, absent=not field.has_presence)
    if not checks:
        return None
    name, get, hold = field.name, attrgetter(field.name), all_of(checks)
    if field.is_repeated:
        # A list in a message makes an element each time that somebody looks at it.
        return lambda message: hold(list(get(message)))
    if field.has_presence:
        return lambda message: not message.HasField(name) or hold(get(message))
    return lambda message: hold(get(message))


def _list_checks(field: FieldDescriptor) -> list[Check]:
    checks = list_checks(field)
    check = _check_of(field.message_type) if field.message_type is not None else None
    return checks if check is None else [*checks, lambda messages: all(map(check, messages))]
