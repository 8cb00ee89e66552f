"""Addresses in BI tools. They may hold a user name and a password, which everybody who views the asset would see."""

import re

_USER_INFO = re.compile(r"^(?P<start>(?i:https?:)?[/\\]{2,})[^/?#\\]*@")


def without_user(url: str) -> str:
    """Returns an address without a user name and a password."""
    return _USER_INFO.sub(r"\g<start>", url) if "@" in url else url
