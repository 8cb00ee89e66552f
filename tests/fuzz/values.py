"""Random and boundary values for the fields of messages."""

import math
import uuid
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field

# Long enough to pass every limit on the length of a text.
LONGEST = 101_000

_TEXTS = (
    "", " ", "a", "A", "superset", "superset.d1", "superset.c1", "ann", "user:ann", "team:sales", "PII", "PII.Email",
    "finance", "finance.tax", "dashboard", "chart", "dashboard.costCentre", "Manual", "Classification", "Confirmed",
    "user", "team", "name", "name desc", "updated_at desc", "*", "Dashboard", "Report", "string", "integer", "date",
    "a.b", '"a.b"', '"a', 'a"', '""', '"', ".", "..", "...", ".a", "a.", "::", "a::b", "\x00", "a\x00b", "\n", "\t",
    "\x7f", "\x85", "é", "e\u0301", "\u00df", "İ", "ﬀ", "\u200b", "\u202e", "\u2028", "\ufeff", "\ufffd", "\ufffe",
    "👩\u200d👩\u200d👧", "\U0001ffff", "\U0010ffff", "'; DROP TABLE dashboard; --", "%", "_", "%s%n", "{0}", "${x}",
    "\\u0000", "null", "true", "NaN", "Infinity", "-0", "1e308", "9" * 400, "2026-01-01", "12:00", "not a date",
    "\\", "🐴", "\r\n", "https://example.com/a?b=c#d", "javascript:alert(1)", "mailto:a@b.example", "a@b.example",
    "x" * 32, "x" * 64, "x" * 128, "x" * 256, "x" * 257, "é" * 256, "🐴" * 256, "x" * 1_024, "x" * 2_400, "🐴" * 600,
    "a." * 1_200,
    '"' * 255, "x" * LONGEST, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
)  # fmt: skip
# One from each is as likely as one from any other; none can be a surrogate, which no message can hold.
_PLANES = ((0x20, 0x7E), (0x00, 0x1F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
_SOME = Random(0)
_ALPHABET = [chr(_SOME.randint(*plane)) for plane in _PLANES for _ in range(3_000)]
_DOUBLES = (
    0.0, -0.0, 0.1, 0.2, 0.15, 1.0, -1.0, 0.1 + 0.2, 5e-324, 2.2e-308, 1e-300, 1e15, 2.0**31, 2.0**53, 2.0**63, 1e18,
    1e300, 1.7976931348623157e308, -1e308, math.inf, -math.inf, math.nan,
)  # fmt: skip
_INTEGERS = (0, 1, -1, 2, 10, 50, 100, 101, 999, 1_000, 1_001, 10_000, 10_001, 2**15, 2**31, 2**32, 2**53, 2**63)
_BITS = {Field.CPPTYPE_INT32: 32, Field.CPPTYPE_INT64: 64, Field.CPPTYPE_UINT32: 33, Field.CPPTYPE_UINT64: 65}


def text(rng: Random, seen: list[str]) -> str:
    """Returns a text: a boundary value, one that a response has had, or random characters of all planes."""
    choice = rng.random()
    if choice < 0.35:
        return rng.choice(_TEXTS)
    if choice < 0.5 and seen:
        return rng.choice(seen)
    if choice < 0.55:
        return str(uuid.UUID(int=rng.getrandbits(128)))
    length = rng.choice((1, 2, 5, 20, 300))
    return "".join(rng.choices(_ALPHABET, k=rng.randint(0, length)))


def number(rng: Random) -> float:
    """Returns a double."""
    if rng.random() < 0.7:
        return rng.choice(_DOUBLES)
    return rng.uniform(-1, 1) * 10.0 ** rng.randint(-308, 307)


def integer(rng: Random, bits: int) -> int:
    """Returns an integer that fits into a signed field of so many bits; an odd number of bits is an unsigned field."""
    lowest, highest = (0, 2 ** (bits - 1) - 1) if bits % 2 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    found = rng.choice(_INTEGERS) * rng.choice((1, 1, -1)) + rng.choice((0, 0, 0, 1, -1))
    return int(max(lowest, min(highest, found)))


def scalar(rng: Random, field: Any, seen: list[str]) -> Any:
    """Returns a value for a field that is no message."""
    if field.cpp_type == Field.CPPTYPE_STRING:
        return rng.randbytes(rng.randint(0, 40)) if field.type == Field.TYPE_BYTES else text(rng, seen)
    if field.cpp_type == Field.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if field.cpp_type in (Field.CPPTYPE_DOUBLE, Field.CPPTYPE_FLOAT):
        return number(rng)
    if field.cpp_type == Field.CPPTYPE_ENUM:
        known = [value.number for value in field.enum_type.values]
        return rng.choice(known) if rng.random() < 0.8 else rng.choice((-1, 99, 2**31 - 1, -(2**31)))
    return integer(rng, _BITS[field.cpp_type])
