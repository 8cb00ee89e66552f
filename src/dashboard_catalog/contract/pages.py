"""Pages that fit into one response."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from dashboard_catalog.contract.limits import MAX_RESPONSE_BYTES

R = TypeVar("R")


def fill_page(shown: Iterable[tuple[R, Any]], token_after: Callable[[R], str], *, more: bool) -> tuple[list[Any], str]:
    """Returns the messages that fit, at least one, and the token of the next page, empty on the last one.

    Args:
        shown: Each record that was found, with its message.
        more: Whether more records follow those that were found.
    """
    messages: list[Any] = []
    size = 0
    last: R | None = None
    for record, message in shown:
        size += message.ByteSize() + 8
        if messages and size > MAX_RESPONSE_BYTES:
            more = True
            break
        messages.append(message)
        last = record
    return messages, token_after(last) if more and last is not None else ""
