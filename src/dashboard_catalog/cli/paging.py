"""Reads lists page by page: a page is printed before the next one is asked for, so that `| head` ends soon."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import typer

from dashboard_catalog.cli import output


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list to show.

    Attributes:
        largest: Size of the largest page that the server has.
    """

    largest: ClassVar[int] = 1_000

    page_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Maximum number of results per page, up to 1,000.", show_default="50"),
    ] = None
    page_token: Annotated[
        str | None, typer.Option(help="Token of the page to list, as printed with the previous page.")
    ] = None
    every_page: Annotated[bool, typer.Option("--all", help="List all pages.")] = False

    @property
    def size_to_ask_for(self) -> int:
        """The size of a page for a request: as large as possible if all pages are wanted."""
        return self.page_size or (self.largest if self.every_page else 0)


def pages(ask: Callable[[str], Any], paging: Paging) -> Iterator[Any]:
    """Yields the pages that are wanted; there is at least one.

    Args:
        ask: Calls the server with a page token and returns the response.
        paging: Which pages are wanted.
    """
    token = paging.page_token or ""
    while True:
        page = ask(token)
        yield page
        token = page.next_page_token
        if not (paging.every_page and token):
            return
        # Whoever reads the output may have seen enough.
        output.flush()


def say_if_more(page: Any) -> None:
    """Says how to get the next page, if there is one."""
    if page.next_page_token:
        output.say(f"There are more. List all with --all, or the next page with --page-token {page.next_page_token}")
