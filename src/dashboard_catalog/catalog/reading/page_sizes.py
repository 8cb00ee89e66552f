"""How many results a page holds."""

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000


def page_size_of(sent: int) -> int:
    """Returns the maximum number of results on a page, where a request asks for `sent`; 0 means the default."""
    return min(sent or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
