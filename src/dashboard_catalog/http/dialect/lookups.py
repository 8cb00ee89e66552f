"""Finds things by the names that OpenMetadata's clients send, which are not always written plainly.

The clients replace characters that OpenMetadata does not allow in names, and one of their methods puts a parameter of
the query into the path. The catalog keeps names as they were sent, so it looks for the name as sent first.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.error_codes import Code
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.dialect.parameters import DELETED

T = TypeVar("T")

_RESERVED: Mapping[str, str] = {
    "__reserved__colon__": "::",
    "__reserved__quote__": '"',
    "__reserved__arrow__": ">",
    "__reserved__newline__": "\n",
}
_PARAMETER = "&include="
_ABSENT = frozenset({Code.NOT_FOUND, Code.INVALID_ARGUMENT})


def decoded(name: str) -> str:
    """Returns a raw name without OpenMetadata's encodings."""
    if "__reserved__" in name:
        for encoded, plain in _RESERVED.items():
            name = name.replace(encoded, plain)
    return name


def encoded(name: str) -> str:
    """Returns a raw name with OpenMetadata's encodings."""
    for code, plain in _RESERVED.items():
        name = name.replace(plain, code)
    return name


async def find_by_name(fqn: str, include: str, find: Callable[[str, str], Awaitable[T]]) -> T:
    """Returns what `find` finds by a fully qualified name, and by what the client may have meant by it.

    Args:
        fqn: As it is in the path.
        include: As in the query.
        find: Is called with a name and whether deleted things count.

    Raises:
        CatalogError: What `find` raises: NOT_FOUND if it does so for any of the names.
    """
    errors: list[CatalogError] = []
    for name, deleted in _readings(fqn, include):
        try:
            return await find(name, deleted)
        except CatalogError as error:
            if error.code not in _ABSENT:
                raise
            errors.append(error)
    # A text that does not parse as a name may be a right name in another reading.
    raise next((error for error in errors if error.code is Code.NOT_FOUND), errors[0])


def _readings(fqn: str, include: str) -> Iterator[tuple[str, str]]:
    """Returns the names that a path may mean, each with whether deleted things count."""
    readings = [(fqn, include)]
    name, _, value = fqn.rpartition(_PARAMETER)
    if name and value in DELETED:
        readings.append((name, value))
    yield from readings
    for sent, deleted in readings:
        if "__reserved__" in sent:
            with suppress(names.NameSyntaxError):
                yield names.join(*map(decoded, names.split(sent))), deleted
