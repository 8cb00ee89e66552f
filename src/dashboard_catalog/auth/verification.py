"""Verifies the form and the signature of a token, and that the token is meant for this catalog.

Accepts only RS256, ES256 and EdDSA, each with keys of the matching type. Never reads `jku`, `x5u` or keys inside a
token. No message and no log line contains a token or a part of one.
"""

import json
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import jwt
from jwt.utils import base64url_decode

from dashboard_catalog.auth.claims import ClaimNames, read_principal
from dashboard_catalog.auth.key_sets import ALGORITHMS, KeySet
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

LONGEST_TOKEN = 16_384


class KeySource(Protocol):
    """A source of the keys of an issuer."""

    def current(self) -> KeySet:
        """Returns the last good keys without waiting. Returns the same object until they change."""

    async def newer(self) -> KeySet:
        """Returns the keys after checking for newer ones, unless the last check was too recent. Raises nothing."""


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer whose tokens are accepted.

    Attributes:
        name: The required value of `iss`.
        audience: The required value of `aud`, or of one of its elements.
        keys: The public keys of the issuer.
        claims: The names of the claims in its tokens.
        leeway: Seconds by which the clocks may differ.
    """

    name: str
    audience: str
    keys: KeySource
    claims: ClaimNames
    leeway: float


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A well-formed token whose content must not be trusted yet."""

    text: str
    algorithm: str
    kid: str | None
    issuer: str


def read_unverified(token: str) -> UnverifiedToken:
    """Returns the parts of a token that select the keys to try.

    Raises:
        CatalogError: TOKEN_MALFORMED, or TOKEN_INVALID if the algorithm is not accepted or there is no issuer.
    """
    if len(token) > LONGEST_TOKEN:
        raise CatalogError(Reason.TOKEN_MALFORMED, f"the token is longer than {LONGEST_TOKEN} characters")
    try:
        content = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError):
        raise CatalogError(Reason.TOKEN_MALFORMED, _damage(token)) from None
    algorithm, issuer = content["header"].get("alg"), content["payload"].get("iss")
    if algorithm not in ALGORITHMS:
        refuse(f"the token is not signed with one of {', '.join(ALGORITHMS)}")
    if not isinstance(issuer, str):
        refuse("the token has no issuer")
    return UnverifiedToken(token, algorithm, content["header"].get("kid"), issuer)


def verify(token: UnverifiedToken, issuer: TrustedIssuer, keys: KeySet) -> Principal | None:
    """Returns the principal of a token, or None if no key verifies it. Does not check whether the token has expired.

    Raises:
        CatalogError: TOKEN_INVALID if the signature is valid and a claim is not.
    """
    for key in keys.fitting(token.kid, token.algorithm):
        try:
            claims = _decode(token, issuer, key.algorithm, key.public)
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidAudienceError:
            refuse("the token is meant for another audience")
        except jwt.ImmatureSignatureError:
            refuse("the token is not valid yet")
        except jwt.MissingRequiredClaimError as error:
            refuse(f"the token has no claim {error.claim}")
        except (jwt.PyJWTError, ValueError, OverflowError):
            refuse("a header or a claim of the token is invalid")
        return read_principal(claims, issuer.claims, issuer.leeway)
    return None


def refuse(message: str) -> NoReturn:
    """Raises TOKEN_INVALID."""
    raise CatalogError(Reason.TOKEN_INVALID, message)


def _damage(token: str) -> str:
    """Returns what is wrong with a text that cannot be read as a token."""
    parts = token.split(".")
    if len(parts) != 3:
        return f"the token is not a JSON Web Token, which has three parts with dots between them, not {len(parts)}"
    for name, part in zip(("header", "claims"), parts, strict=False):
        try:
            json.loads(base64url_decode(part))
        except (ValueError, RecursionError):
            return f"the {name} of the token cannot be read: the token was changed, or is not complete"
    return "the signature of the token cannot be read: the token was changed, or is not complete"


def _decode(token: UnverifiedToken, issuer: TrustedIssuer, algorithm: str, public: Any) -> dict[str, Any]:
    return jwt.decode(
        token.text,
        public,
        algorithms=[algorithm],
        issuer=issuer.name,
        audience=issuer.audience,
        leeway=issuer.leeway,
        # `exp` is checked at every call, because tokens are cached. The subject may be in another claim than `sub`.
        options={"require": ["exp", "iss", "aud"], "verify_exp": False, "verify_sub": False},
    )
