"""Addresses that come from people and from BI tools, as messages may show them."""

import re

from dashboard_catalog.catalog.model.addresses import without_user


def without_query(url: str) -> str:
    """Returns an address without user name, password, query and fragment, any of which may hold a secret."""
    return re.split(r"[?#]", without_user(url.strip()), maxsplit=1)[0]
