"""Reads a principal from the claims of a token whose signature has been verified.

Identity providers use different names and types for the same claim. So the names are settings and may be paths
(`realm_access.roles`), and several values may come as a list or as one string.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unicodedata import category

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

BOT_ROLE = "ingestion_bot"
LONGEST_NAME = 256

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """The names of the claims. A name that is not that of a claim is a path with dots."""

    subject: str = "sub"
    roles: str = "roles"
    teams: str = "teams"
    services: str = "services"
    bot: str = "bot"


def read_principal(claims: Mapping[str, Any], names: ClaimNames, leeway: float) -> Principal:
    """Returns the principal that `claims` describe, without checking whether the token has expired.

    Args:
        claims: All claims of the token, verified.
        names: The names of the claims to read.
        leeway: Seconds for which the token is accepted after its `exp`.

    Raises:
        CatalogError: TOKEN_INVALID, naming the claim that cannot be used.
    """
    roles = _groups(claims, names.roles)
    return Principal(
        subject=_subject(claims, names.subject),
        roles=roles,
        teams=_groups(claims, names.teams),
        services=_limit(claims, names.services),
        bot=_flag(claims, names.bot) or BOT_ROLE in roles,
        expires_at=_expiry(claims, leeway),
    )


def is_name(text: str) -> bool:
    """Returns whether `text` can be the name of a user, role, team or BI service."""
    # Cc are control characters; Cs are lone surrogates, which JSON can represent and UTF-8 cannot.
    usable = text.isprintable() or not any(category(char) in {"Cc", "Cs"} for char in text)
    return usable and 0 < len(text) <= LONGEST_NAME


def _find(claims: Mapping[str, Any], name: str) -> Any:
    """Returns the value of a claim: `_ABSENT` if there is none, and None if it is null or its path is broken."""
    # A name with dots is first tried as a whole, because namespaced claims are URLs ("https://example.com/roles").
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        if part not in value:
            return _ABSENT
        value = value[part]
    return value


def _subject(claims: Mapping[str, Any], name: str) -> str:
    value = _find(claims, name)
    if not isinstance(value, str) or not is_name(value):
        raise _unusable(name, f"must be a string of 1 to {LONGEST_NAME} characters without control characters")
    return value


def _groups(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """Returns the roles or teams of a claim. An absent claim, or one that is null, gives none."""
    value = _find(claims, name)
    return frozenset() if value is _ABSENT or value is None else _texts(name, value)


def _limit(claims: Mapping[str, Any], name: str) -> frozenset[str] | None:
    """Returns what a claim limits the token to; None if the claim is absent, so that there is no limit.

    A claim that is null, or whose path is broken, is refused: a mistake of the issuer must not lift the limit.
    """
    value = _find(claims, name)
    return None if value is _ABSENT else _texts(name, value)


def _texts(name: str, value: Any) -> frozenset[str]:
    """Returns the values of a claim, which may come as a list or as one string."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if "," in value else value.split()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _unusable(name, "must be a string or a list of strings")
    texts = frozenset(item for item in value if item)
    if not all(is_name(text) for text in texts):
        raise _unusable(name, f"contains a name with control characters or more than {LONGEST_NAME} characters")
    return texts


def _flag(claims: Mapping[str, Any], name: str) -> bool:
    value = _find(claims, name)
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        value = value.lower() == "true"
    if value is _ABSENT or value is None:
        return False
    if not isinstance(value, bool):
        raise _unusable(name, "must be true or false")
    return value


def _expiry(claims: Mapping[str, Any], leeway: float) -> datetime:
    value = claims.get("exp")
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError, OSError):
            return datetime.fromtimestamp(value + leeway, UTC)
    raise _unusable("exp", "must be a time in seconds")


def _unusable(name: str, problem: str) -> CatalogError:
    return CatalogError(Reason.TOKEN_INVALID, f"claim {name} of the token {problem}")
