"""URNs of DataHub: `urn:li:tag:finance`, `urn:li:dashboard:(superset,3)`.

What must not be read as syntax is percent-encoded in them: `urn:li:chart:(looker,a%2Cb)` is the chart `a,b`.
"""

from urllib.parse import unquote

_PREFIX = "urn:li:"


def type_of(urn: str) -> str:
    """Returns the type of the entity that a URN names, such as `dashboard`; empty if it is not a URN."""
    return urn.removeprefix(_PREFIX).partition(":")[0] if urn.startswith(_PREFIX) else ""


def name_in(urn: str) -> str:
    """Returns the decoded name in a URN that has one part, such as that of a tag; empty if it has none."""
    return unquote(_key(urn))


def platform_and_id(urn: str) -> tuple[str, str]:
    """Returns the decoded parts of the URN of an asset or of an instance: `superset` and `3`.

    Either is empty if the URN does not have it. What follows the first comma belongs to the id, brackets and further
    commas as well: not every tool encodes them.
    """
    key = _key(urn)
    if not (key.startswith("(") and key.endswith(")")):
        return "", ""
    platform, _, id = key[1:-1].partition(",")
    return unquote(platform.removeprefix(f"{_PREFIX}dataPlatform:")), unquote(id)


def _key(urn: str) -> str:
    return urn.removeprefix(_PREFIX).partition(":")[2] if urn.startswith(_PREFIX) else ""
