"""Addresses that come from people and from BI tools: what may be shown and stored of them."""

import re

_USER_INFO = re.compile(r"^(?P<start>(?i:https?:)?[/\\]{2,})[^/?#\\]*@")


def without_user(url: str) -> str:
    """Returns the address of an asset without a user name and a password."""
    return _USER_INFO.sub(r"\g<start>", url.strip())


def without_query(url: str) -> str:
    """Returns an address as messages show it: without query and fragment, which may hold a secret."""
    return re.split(r"[?#]", without_user(url), maxsplit=1)[0]
