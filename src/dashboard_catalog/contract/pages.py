"""What fits into one response: pages of lists, and portions of streams."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Any, TypeVar

from google.protobuf.message import Message

from dashboard_catalog.catalog.reading.pages import Page
from dashboard_catalog.catalog.reading.room import MAX_ANSWER_BYTES

M = TypeVar("M", bound=Message)
R = TypeVar("R")
V = TypeVar("V")

# A field of a message takes its tag and its length beside its content.
_FIELD_BYTES = 8


async def fill_page(
    page: Page[R, V], message_of: Callable[[V], Any], token_after: Callable[[R], str]
) -> tuple[list[Any], str]:
    """Returns the messages that fit, at least one, and the token of the next page, empty on the last one.

    Args:
        page: Is read until the response is full.
        message_of: Makes a message of what callers see.
        token_after: Returns the token of the page that begins after a row.
    """
    messages: list[Any] = []
    size = 0
    last: R | None = None
    async with aclosing(page.views()) as views:
        async for row, view in views:
            message = message_of(view)
            size += message.ByteSize() + _FIELD_BYTES
            if last is not None and size > MAX_ANSWER_BYTES:
                return messages, token_after(last)
            messages.append(message)
            last = row
    # Not the last row that was shown: rows may have been removed since they were found.
    return messages, token_after(page.last) if page.more and page.last is not None else ""


async def fill_from(
    rows: AsyncGenerator[V], page_size: int, message_of: Callable[[V], Any], token_after: Callable[[V], str]
) -> tuple[list[Any], str]:
    """Returns what `fill_page` does, from rows that go on beyond the page.

    Args:
        rows: Are read until the response is full, and one row further.
        page_size: Maximum number of messages.
        message_of: Makes a message of a row.
        token_after: Returns the token of the page that begins after a row.
    """
    messages: list[Any] = []
    size = 0
    last: V | None = None
    async with aclosing(rows):
        async for row in rows:
            message = message_of(row)
            size += message.ByteSize() + _FIELD_BYTES
            if last is not None and (len(messages) == page_size or size > MAX_ANSWER_BYTES):
                return messages, token_after(last)
            messages.append(message)
            last = row
    return messages, ""


def portions(messages: Iterable[M], most_bytes: int, most: int) -> Iterator[list[M]]:
    """Yields messages in the portions that responses carry.

    Args:
        messages: Are taken as portions are taken.
        most_bytes: Size that no portion exceeds, unless one message alone is larger.
        most: Maximum number of messages in a portion.
    """
    portion: list[M] = []
    size = 0
    for message in messages:
        added = message.ByteSize() + _FIELD_BYTES
        if portion and (size + added > most_bytes or len(portion) == most):
            yield portion
            portion, size = [], 0
        portion.append(message)
        size += added
    if portion:
        yield portion
