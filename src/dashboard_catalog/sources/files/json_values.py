"""Decodes JSON, with errors that name the place.

Stricter than the standard library: NaN and Infinity are not numbers. Text that would take too much memory is refused:
its bytes are limited, and so is the number of its values, since an empty list takes many times the memory of its text.
"""

import json
import re
from collections.abc import Generator, Iterator
from typing import NoReturn

MAX_BYTES = 64 * 2**20
"""Maximum size of what is decoded at once: a line of NDJSON, or a file of any other JSON."""
MAX_VALUES = 4_000_000
TOO_LARGE = f"at most {MAX_BYTES // 2**20} MiB are read at once; write one item per line, for example with jq -c '.[]'"


class JsonError(ValueError):
    """The text is not JSON; the message says where and why."""


def values_on(line: bytes) -> list[object]:
    """Returns the values on one line; there is usually one.

    Raises:
        JsonError: If the line does not consist of values; the message gives the column.
    """
    _check_size(line)
    try:
        text = line.decode("utf-8-sig")
        try:
            return [_decode(text)]
        except json.JSONDecodeError as error:
            if not error.msg.startswith("Extra data"):
                if _is_cut_off(text, error):
                    raise JsonError("the value does not end on this line") from error
                raise
        return list(_row_of_values(text))
    except (ValueError, RecursionError) as error:
        raise JsonError(_reason(error).replace(" line 1, ", " ")) from error


def values_of(content: bytes) -> Iterator[object]:
    """Yields the values in a row, as the input of `grpcurl -d @` may have them.

    Raises:
        JsonError: With the line and the column.
    """
    _check_size(content)
    try:
        yield from _row_of_values(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise JsonError(_reason(error)) from error


def elements_of(content: bytes) -> Iterator[object]:
    """Yields the elements of each list in a row of values, and each value that is not a list, one after another.

    Raises:
        JsonError: With the line and the column.
    """
    _check_size(content)
    try:
        text, end = content.decode("utf-8-sig").rstrip(), 0
        while end < len(text):
            start = _skip_blanks(text, end)
            if text.startswith("[", start):
                end = yield from _elements(text, start)
            else:
                value, end = _DECODER.raw_decode(text, start)
                yield value
    except (ValueError, RecursionError) as error:
        raise JsonError(_reason(error)) from error


def _check_size(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise JsonError(f"it is too large: {TOO_LARGE}")
    if len(content) > MAX_VALUES and sum(map(content.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise JsonError(f"it has more than {MAX_VALUES:,} values; write one item per line")


def is_incomplete(line: bytes) -> bool:
    """Says whether a line ends before its last value does. A line that is too large does not count as such."""
    try:
        _check_size(line)
    except JsonError:
        return False
    text = line.decode("utf-8-sig", errors="replace")
    try:
        for _ in _row_of_values(text):
            pass
    except json.JSONDecodeError as error:
        return _is_cut_off(text, error)
    except (ValueError, RecursionError):
        pass
    return False


def _is_cut_off(text: str, error: json.JSONDecodeError) -> bool:
    """Says whether the error is that a text ends too early."""
    return text.endswith(("{", "[", ",", ":")) or error.pos >= len(text)


def _row_of_values(text: str) -> Iterator[object]:
    text, end = text.rstrip(), 0
    while end < len(text):
        value, end = _DECODER.raw_decode(text, _skip_blanks(text, end))
        yield value


def _elements(text: str, start: int) -> Generator[object, None, int]:
    """Yields the elements of the list at `start`, and returns where it ends."""
    end = _skip_blanks(text, start + 1)
    while not text.startswith("]", end):
        value, end = _DECODER.raw_decode(text, end)
        yield value
        end = _skip_blanks(text, end)
        if text.startswith(",", end):
            end = _skip_blanks(text, end + 1)
            if text.startswith("]", end):
                raise json.JSONDecodeError("Expecting value", text, end)
        elif not text.startswith("]", end):
            raise json.JSONDecodeError("Expecting ',' delimiter", text, end)
    return end + 1


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
