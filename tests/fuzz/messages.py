"""Random messages of any type, and messages that are almost valid."""

from random import Random
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from tests.fuzz.values import number, scalar, text

_DEEPEST = 6
_DEEPEST_STRUCT = 40


class Messages:
    """Makes messages.

    Args:
        rng: Decides everything, together with the texts.
        seen: Texts that responses have had, such as ids and page tokens.
    """

    def __init__(self, rng: Random, seen: list[str]) -> None:
        self._rng = rng
        self._seen = seen

    def fill(self, message: Any, depth: int = 0) -> None:
        """Sets some fields of a message, each to a random value."""
        if isinstance(message, struct_pb2.Struct):
            message.CopyFrom(self._struct(self._rng.randint(0, _DEEPEST_STRUCT) if self._rng.random() < 0.1 else 2))
        elif isinstance(message, FieldMask):
            message.paths.extend(self._path() for _ in range(self._rng.choice((0, 1, 1, 2, 3, 40))))
        else:
            wanted = self._rng.choice((0.15, 0.5, 0.9))
            for field in message.DESCRIPTOR.fields:
                if self._rng.random() < wanted:
                    self.set(message, field, depth)

    def set(self, message: Any, field: Any, depth: int = 0) -> None:
        """Sets one field of a message to a random value, or adds to it if it is a list."""
        if field.is_repeated:
            values = getattr(message, field.name)
            for _ in range(self._rng.choice((0, 1, 1, 2, 3))):
                self._add(values, field, depth)
            if depth < 2 and self._rng.random() < 0.005:
                # More than any list may have.
                values.extend(list(values[:1]) * 2_001)
        elif field.cpp_type != Field.CPPTYPE_MESSAGE:
            setattr(message, field.name, scalar(self._rng, field, self._seen))
        else:
            part = getattr(message, field.name)
            part.SetInParent()
            if depth < _DEEPEST:
                self.fill(part, depth + 1)

    def mutate(self, message: Any) -> None:
        """Changes a field of a message or of a message in it."""
        parts = [
            part
            for field, value in message.ListFields()
            if field.cpp_type == Field.CPPTYPE_MESSAGE and not field.message_type.GetOptions().map_entry
            for part in (value if field.is_repeated else [value])
        ]
        if parts and self._rng.random() < 0.7:
            self.mutate(self._rng.choice(parts))
        elif isinstance(message, struct_pb2.Struct | FieldMask | struct_pb2.Value | struct_pb2.ListValue):
            self.fill(message)
        elif message.DESCRIPTOR.fields:
            field = self._rng.choice(message.DESCRIPTOR.fields)
            if self._rng.random() < 0.3 or not field.is_repeated:
                message.ClearField(field.name)
            if self._rng.random() < 0.8:
                self.set(message, field)

    def mangle(self, body: bytes) -> bytes:
        """Returns bytes of a message with some of them changed, removed or added."""
        changed = bytearray(body)
        for _ in range(self._rng.choice((1, 1, 2, 8))):
            at = self._rng.randint(0, len(changed))
            kind = self._rng.randrange(4)
            if kind == 0 and at < len(changed):
                changed[at] ^= 1 << self._rng.randrange(8)
            elif kind == 1:
                del changed[at : at + self._rng.choice((1, 4, 1_000))]
            elif kind == 2:
                changed[at:at] = self._rng.randbytes(self._rng.choice((1, 2, 9)))
            else:
                # A field of a later contract.
                changed += b"\xfa\x3f\x03abc"
        return bytes(changed)

    def _add(self, values: Any, field: Any, depth: int) -> None:
        if field.cpp_type != Field.CPPTYPE_MESSAGE:
            values.append(scalar(self._rng, field, self._seen))
        elif depth < _DEEPEST:
            self.fill(values.add(), depth + 1)

    def _struct(self, depth: int) -> struct_pb2.Struct:
        keys = [self._key() for _ in range(self._rng.choice((0, 1, 2, 3)))]
        return struct_pb2.Struct(fields={key: self._value(depth) for key in keys})

    def _key(self) -> str:
        known = ("costCentre", "budget", "values", "multiSelect", "columns", "format", "entityTypes", "rows", "start")
        return self._rng.choice(known) if self._rng.random() < 0.7 else text(self._rng, self._seen)

    def _value(self, depth: int) -> struct_pb2.Value:
        kind = self._rng.randrange(7 if depth > 0 else 4)
        if kind == 0:
            return struct_pb2.Value(number_value=number(self._rng))
        if kind == 1:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        if kind == 2:
            # Without a kind, it is not valid JSON.
            return struct_pb2.Value() if self._rng.random() < 0.3 else struct_pb2.Value(bool_value=True)
        if kind == 3:
            return struct_pb2.Value(string_value=text(self._rng, self._seen))
        if kind == 4:
            values = [self._value(depth - 1) for _ in range(self._rng.choice((0, 1, 3)))]
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=values))
        return struct_pb2.Value(struct_value=self._struct(depth - 1))

    def _path(self) -> str:
        known = ("name", "displayName", "display_name", "charts", "owners", "extension", "extension.costCentre", "tags")
        return self._rng.choice((*known, "id", "*", "service")) if self._rng.random() < 0.7 else text(self._rng, [])


def copy_of(message: Message) -> Any:
    """Returns a copy of a message."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
