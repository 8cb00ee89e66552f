"""Decodes JSON, with errors that name the place.

Stricter than the standard library: NaN and Infinity are not numbers.
"""

import json
import re
from collections.abc import Iterator
from typing import NoReturn


class JsonError(ValueError):
    """The text is not JSON; the message says where and why."""


def value_of(line: bytes) -> object:
    """Returns the value on one line.

    Raises:
        JsonError: If there is not exactly one value; the message gives the column.
    """
    try:
        return _decode(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise JsonError(_reason(error).replace(" line 1, ", " ")) from error


def values_of(content: bytes) -> Iterator[object]:
    """Yields the values in a row, as the input of `grpcurl -d @` may have them.

    Raises:
        JsonError: With the line and the column.
    """
    try:
        text = content.decode("utf-8-sig").rstrip()
        end = 0
        while end < len(text):
            value, end = _DECODER.raw_decode(text, _skip_blanks(text, end))
            yield value
    except (ValueError, RecursionError) as error:
        raise JsonError(_reason(error)) from error


def is_incomplete(line: bytes) -> bool:
    """Says whether a line can only be the beginning of a longer value."""
    text = line.decode("utf-8-sig", errors="replace")
    try:
        _decode(text)
    except json.JSONDecodeError as error:
        return text.endswith(("{", "[", ",", ":")) or error.pos >= len(text)
    except (ValueError, RecursionError):
        pass
    return False


def _skip_blanks(text: str, start: int) -> int:
    found = _BLANKS.match(text, start)
    return found.end() if found else start


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


_BLANKS = re.compile(r"\s*")
_DECODER = json.JSONDecoder(parse_constant=_refuse_number)
_decode = _DECODER.decode
