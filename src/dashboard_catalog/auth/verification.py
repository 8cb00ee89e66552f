"""Verifies a token: its form, its signature, and that its claims are meant for this catalog.

Only RS256, ES256 and EdDSA, each with keys that are made for it; `jku`, `x5u` and keys inside a token are
never looked at. No message and no log line holds a token or a part of one.
"""

from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import jwt

from dashboard_catalog.auth.claims import ClaimNames, read_principal
from dashboard_catalog.auth.key_sets import ALGORITHMS, KeySet
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.errors import CatalogError, Reason

LONGEST_TOKEN = 16_384


class KeySource(Protocol):
    """Where the keys of an issuer come from."""

    def current(self) -> KeySet:
        """Returns the last good keys without waiting; the same object until they change."""

    async def newer(self) -> KeySet:
        """Returns the keys after looking for newer ones, if it is time to look again. Raises nothing."""


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer whose tokens are accepted.

    Attributes:
        name: What `iss` must be.
        audience: What `aud` must be or hold.
        keys: The issuer's public keys.
        claims: Under which names its tokens hold the claims.
        leeway: Seconds by which the clocks may differ.
    """

    name: str
    audience: str
    keys: KeySource
    claims: ClaimNames
    leeway: float


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token that has the form of one; nothing that it says is believed yet."""

    text: str
    algorithm: str
    kid: str | None
    issuer: str


def read_unverified(token: str) -> UnverifiedToken:
    """Returns what says which keys to try.

    Raises:
        CatalogError: TOKEN_MALFORMED, or TOKEN_INVALID for an algorithm that is not accepted or no issuer.
    """
    if len(token) > LONGEST_TOKEN:
        raise CatalogError(Reason.TOKEN_MALFORMED, f"the token is longer than {LONGEST_TOKEN} characters")
    try:
        content = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError):
        raise CatalogError(Reason.TOKEN_MALFORMED, "the token is not a JSON Web Token") from None
    algorithm, issuer = content["header"].get("alg"), content["payload"].get("iss")
    if algorithm not in ALGORITHMS:
        refuse(f"the token is not signed with one of {', '.join(ALGORITHMS)}")
    if not isinstance(issuer, str):
        refuse("the token names no issuer")
    return UnverifiedToken(token, algorithm, content["header"].get("kid"), issuer)


def verify(token: UnverifiedToken, issuer: TrustedIssuer, keys: KeySet) -> Principal | None:
    """Returns the principal of a token, None if no key verifies it; expiry is for the caller to see.

    Raises:
        CatalogError: TOKEN_INVALID if the signature is good and a claim is not.
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
            refuse("a header or claim of the token cannot be used")
        return read_principal(claims, issuer.claims, issuer.leeway)
    return None


def refuse(message: str) -> NoReturn:
    """Raises TOKEN_INVALID."""
    raise CatalogError(Reason.TOKEN_INVALID, message)


def _decode(token: UnverifiedToken, issuer: TrustedIssuer, algorithm: str, public: Any) -> dict[str, Any]:
    return jwt.decode(
        token.text,
        public,
        algorithms=[algorithm],
        issuer=issuer.name,
        audience=issuer.audience,
        leeway=issuer.leeway,
        # `exp` is compared at every call, also for remembered tokens; the subject may be another claim.
        options={"require": ["exp", "iss", "aud"], "verify_exp": False, "verify_sub": False},
    )
