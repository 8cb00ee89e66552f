"""Pages that fit into one response."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

R = TypeVar("R")

MAX_PAGE_BYTES = 3 * 1024 * 1024


def fill_page(shown: Iterable[tuple[R, Any]], token_after: Callable[[R], str], *, more: bool) -> tuple[list[Any], str]:
    """Returns the messages that fit, at least one, and the token of what follows them, empty on the last page.

    Args:
        shown: What was found, each with its message.
        more: Whether anything follows what was found.
    """
    messages: list[Any] = []
    size = 0
    last: R | None = None
    for record, message in shown:
        size += message.ByteSize() + 8
        if messages and size > MAX_PAGE_BYTES:
            more = True
            break
        messages.append(message)
        last = record
    return messages, token_after(last) if more and last is not None else ""
