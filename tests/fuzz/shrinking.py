"""Makes a request that fails smaller, as long as it still fails."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message

from tests.fuzz.messages import copy_of

# So many smaller requests are tried.
_ATTEMPTS = 300

Fails = Callable[[Any], Awaitable[bool]]


async def smallest(message: Message, fails: Fails) -> Message:
    """Returns the smallest message found that still fails."""
    attempts = 0
    shrunk = True
    while shrunk and attempts < _ATTEMPTS:
        shrunk = False
        for smaller in _smaller(message):
            attempts += 1
            if await fails(smaller):
                message, shrunk = smaller, True
                break
            if attempts >= _ATTEMPTS:
                break
    return message


def _smaller(message: Any) -> Iterator[Any]:
    """Yields copies with less in them: the largest cuts first."""
    for path in list(_paths(message)):
        copy = copy_of(message)
        *parents, (field, index) = path
        part: Any = copy
        for parent, at in parents:
            part = getattr(part, parent.name) if at is None else getattr(part, parent.name)[at]
        if index is not None:
            del getattr(part, field.name)[index]
        else:
            part.ClearField(field.name)
        yield copy
        if index is None and field.cpp_type == Field.CPPTYPE_STRING and len(value := getattr(part, field.name)) > 1:
            setattr(part, field.name, value[: len(value) // 2])
            yield copy_of(copy)


def _paths(message: Any) -> Iterator[Sequence[tuple[Any, int | None]]]:
    """Yields the way to everything that is set in a message, breadth first at each level."""
    for field, value in message.ListFields():
        if field.is_repeated and not (field.message_type and field.message_type.GetOptions().map_entry):
            yield from ([(field, index)] for index in range(len(value)))
        else:
            yield [(field, None)]
    for field, value in message.ListFields():
        if field.cpp_type != Field.CPPTYPE_MESSAGE or field.message_type.GetOptions().map_entry:
            continue
        for index, part in enumerate(value) if field.is_repeated else [(None, value)]:
            yield from ([(field, index), *path] for path in _paths(part))
