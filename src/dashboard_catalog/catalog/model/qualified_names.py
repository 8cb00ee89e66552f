"""Names and fully qualified names: how they are joined, quoted and parsed.

A segment that contains `.` or `"` is wrapped in `"`, with inner `"` doubled, as in OpenMetadata. Names themselves are
never parsed or normalised.
"""

import re
from collections.abc import Callable
from functools import lru_cache, wraps

MAX_FQN_BYTES = 2400

# A load names the same services, tags and owners over and over.
_REMEMBERED = 2048

_SEGMENT = re.compile(r'"(?:[^"]|"")+"|[^".]+')


class NameSyntaxError(ValueError):
    """A text is not a fully qualified name. The message shows how to quote."""


def quote(name: str) -> str:
    """Returns the segment that stands for a name."""
    if "." in name or '"' in name:
        return '"' + name.replace('"', '""') + '"'
    return name


def join(*names: str) -> str:
    """Returns the fully qualified name of raw names, from the outermost to the innermost."""
    joined = ".".join(names)
    # The common case: every dot is one that joins.
    if '"' not in joined and joined.count(".") == len(names) - 1:
        return joined
    return ".".join([quote(name) for name in names])


def split(fqn: str, segments: int | None = None) -> tuple[str, ...]:
    """Returns the raw names of a fully qualified name. `join(*split(fqn))` quotes it normally.

    Args:
        fqn: Text that a caller sent.
        segments: Number of names that it must have; any number by default.

    Raises:
        NameSyntaxError: If it does not parse.
    """
    # The common case has no quotes.
    names = tuple(fqn.split(".")) if '"' not in fqn else _split_quoted(fqn)
    if "" in names:
        raise NameSyntaxError(f"{_shown(fqn)} has an empty segment; {_RULE}")
    if segments is not None and len(names) != segments:
        wanted = f"{segments} segment" + ("" if segments == 1 else "s")
        raise NameSyntaxError(f"{_shown(fqn)} must have {wanted}, has {len(names)}; {_RULE}")
    return names


def _remembering(function: Callable[[str], str]) -> Callable[[str], str]:
    """Caches a function, except for texts that are too long to be valid."""
    cached = lru_cache(_REMEMBERED)(function)

    @wraps(function)
    def call(text: str) -> str:
        return cached(text) if len(text) <= MAX_FQN_BYTES else function(text)

    return call


@_remembering
def segment(text: str) -> str:
    """Returns the raw name of a fully qualified name that has one segment.

    Raises:
        NameSyntaxError: If it does not parse.
    """
    return split(text, 1)[0]


def segment_meant(text: str) -> str:
    """Returns the segment that a text stands for: the text is one already, or else the raw name of one.

    OpenMetadata's clients send raw names where the contract has fully qualified names of one segment.
    """
    try:
        return quote(segment(text))
    except NameSyntaxError:
        return quote(text)


@_remembering
def requoted(fqn: str) -> str:
    """Returns a fully qualified name with normal quoting, so that equal names are equal texts.

    Raises:
        NameSyntaxError: If it does not parse.
    """
    return join(*split(fqn))


_RULE = 'segments are separated by dots; quote a segment that contains a dot or a quote: service."sales.by day"'


def _split_quoted(fqn: str) -> tuple[str, ...]:
    names: list[str] = []
    position = 0
    while match := _SEGMENT.match(fqn, position):
        segment = match.group()
        names.append(segment[1:-1].replace('""', '"') if segment[0] == '"' else segment)
        position = match.end()
        if position == len(fqn):
            return tuple(names)
        if fqn[position] != ".":
            break
        position += 1
    raise NameSyntaxError(f"{_shown(fqn)} does not parse at character {position + 1}; {_RULE}")


def _shown(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."
