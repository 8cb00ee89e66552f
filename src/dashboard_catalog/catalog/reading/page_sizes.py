"""How many a page holds."""

DEFAULT_PAGE_SIZE = 50

MAX_PAGE_SIZE = 1000


def page_size_of(sent: int) -> int:
    """Returns how many a page holds at most."""
    return min(sent or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
