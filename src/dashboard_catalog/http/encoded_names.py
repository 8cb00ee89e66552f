"""The names that OpenMetadata's client sends in place of names that have certain characters.

Names are stored as they are sent. So the same thing may be known by either spelling.
"""

from collections.abc import Mapping

_CODES: Mapping[str, str] = {
    "::": "__reserved__colon__",
    ">": "__reserved__arrow__",
    '"': "__reserved__quote__",
}


def decoded(name: str) -> str:
    """Returns a name or a fully qualified name without the client's codes."""
    for character, code in _CODES.items():
        name = name.replace(code, character)
    return name


def encoded(name: str) -> str:
    """Returns a name with the client's codes."""
    for character, code in _CODES.items():
        name = name.replace(character, code)
    return name
