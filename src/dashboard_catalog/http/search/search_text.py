"""What OpenMetadata's clients look for, read from the language of its search engine.

Of that language, the catalog understands what clients need to find owners: an email address, or a name. Any other text
is a search in its own language.
"""

import re
from dataclasses import dataclass

from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.http.dialect.strict_json import parsed

_EVERYTHING = frozenset({"", "*", "**"})
_EMAIL = re.compile(r"email(?:\.keyword)?:", re.IGNORECASE)
_NO_BOTS = re.compile(r"\s+AND\s+isBot:false\s*$", re.IGNORECASE)
_NAMES = {"name", "displayName"}
# Of the contract too. The pattern takes quadratic time on blanks, which is nothing for so many.
_MAX_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class SearchText:
    """What a client looks for, in one of three ways.

    Attributes:
        words: A query in the language of the catalog; everything if it is empty.
        email: The email address of a user.
        name: The whole name or display name of a user or a team.
        bots: Whether bots are wanted too.
    """

    words: str = ""
    email: str | None = None
    name: str | None = None
    bots: bool = True


def search_text(q: str, query_filter: str) -> SearchText:
    """Returns what the parameters of a search ask for.

    Raises:
        CatalogError: INVALID_ARGUMENT for a filter that the catalog does not understand.
    """
    if query_filter:
        return _named(q, query_filter)
    if (found := _EMAIL.match(q)) and '"' not in (
        email := q[found.end() :].strip().removeprefix('"').removesuffix('"')
    ):
        # Clients do not encode the plus sign, which means a blank in a query.
        return SearchText(email=email.strip().replace(" ", "+"))
    return SearchText(words="" if q.strip() in _EVERYTHING else q)


def _named(q: str, query_filter: str) -> SearchText:
    try:
        match parsed(query_filter.encode()):
            case {"query": {"query_string": {"query": str(text), "fields": list(fields)}}} if {*fields} <= _NAMES:
                is_short = len(text) <= _MAX_CHARACTERS
                if is_short and q.strip() in _EVERYTHING and (name := _NO_BOTS.sub("", text).strip()):
                    return SearchText(name=name, bots=not _NO_BOTS.search(text))
    except (CatalogError, TypeError, UnicodeEncodeError):
        pass
    expected = "must be a query_string that looks for name and displayName, without q; the catalog knows no others"
    raise invalid([Violation("query_filter", ViolationReason.INVALID_VALUE, expected)])
