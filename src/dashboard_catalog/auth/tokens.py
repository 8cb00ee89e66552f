"""Turns the `authorization` metadata of a call into a principal.

Verified tokens are cached by their hash, so authenticating a repeated call takes microseconds. Expiry and changes of
keys also apply to cached tokens. `issuing` issues tokens, and `external_issuer` knows another issuer.
"""

import hashlib
import math
import time
from collections import OrderedDict
from typing import NamedTuple

from dashboard_catalog.auth.claims import ClaimNames
from dashboard_catalog.auth.key_sets import KeySet, VerificationKey
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.auth.signing_key import OWN_AUDIENCE, OWN_ISSUER, SigningKey
from dashboard_catalog.auth.verification import TrustedIssuer, read_unverified, refuse, verify
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

TOKENS_KEPT = 10_000

_USUAL_SCHEME = "Bearer "


class OwnKeys:
    """The catalog's own key, which does not change while the process runs."""

    def __init__(self, key: SigningKey) -> None:
        self._keys = KeySet((VerificationKey(key.kid, key.algorithm, key.private.public_key()),))

    def current(self) -> KeySet:
        """Returns the key."""
        return self._keys

    async def newer(self) -> KeySet:
        """Returns the key."""
        return self._keys


class _Verified(NamedTuple):
    principal: Principal
    issuer: TrustedIssuer
    keys: KeySet
    # As POSIX time, which is compared with the clock at each call.
    expires_at: float


class Authenticator:
    """Accepts the catalog's own tokens and those of one external issuer.

    Args:
        key: The key that signs the catalog's own tokens.
        external: The external issuer, if there is one.
        tokens_kept: Maximum number of cached tokens.
    """

    def __init__(self, key: SigningKey, external: TrustedIssuer | None = None, tokens_kept: int = TOKENS_KEPT) -> None:
        own = own_issuer(key)
        self._issuers = {own.name: own}
        if external is not None:
            self._issuers[external.name] = external
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._tokens_kept = tokens_kept

    async def authenticate(self, authorization: str | None) -> Principal:
        """Returns the principal of a call.

        Args:
            authorization: The value of the `authorization` metadata, `Bearer TOKEN`, or None if it is absent.

        Raises:
            CatalogError: TOKEN_MISSING, TOKEN_MALFORMED, TOKEN_EXPIRED or TOKEN_INVALID.
        """
        token = _bearer_token(authorization)
        return self._recall(token) or await self._verify(token)

    def recall(self, authorization: str | None) -> Principal | None:
        """Returns the principal of a call whose token has been verified before; None if it must be authenticated.

        Costs less than `authenticate`, and never raises. It knows only the usual way to write the metadata.
        """
        if authorization is None or not authorization.startswith(_USUAL_SCHEME):
            return None
        return self._recall(authorization[len(_USUAL_SCHEME) :])

    def _recall(self, token: str) -> Principal | None:
        digest = _digest(token)
        verified = self._verified.get(digest)
        if verified is None:
            return None
        principal, issuer, keys, expires_at = verified
        if issuer.keys.current() is not keys or expires_at <= time.time():
            del self._verified[digest]
            return None
        self._verified.move_to_end(digest)
        return principal

    async def _verify(self, token: str) -> Principal:
        unverified = read_unverified(token)
        issuer = self._issuers.get(unverified.issuer)
        if issuer is None:
            refuse("the issuer of the token is not trusted by this server")
        keys = issuer.keys.current()
        principal = verify(unverified, issuer, keys)
        if principal is None and not keys.knows(unverified.kid):
            keys = await issuer.keys.newer()
            principal = verify(unverified, issuer, keys)
        if principal is None:
            refuse("the signature of the token is wrong: the token was changed, or another server issued it")
        expires_at = math.inf if principal.expires_at is None else principal.expires_at.timestamp()
        if expires_at <= time.time():
            raise CatalogError(Reason.TOKEN_EXPIRED, "the token has expired")
        self._remember(_digest(token), _Verified(principal, issuer, keys, expires_at))
        return principal

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        self._verified[digest] = verified
        if len(self._verified) > self._tokens_kept:
            self._verified.popitem(last=False)


def own_issuer(key: SigningKey) -> TrustedIssuer:
    """Returns the catalog itself as an issuer. It has no leeway, because it issues and verifies by the same clock."""
    return TrustedIssuer(OWN_ISSUER, OWN_AUDIENCE, OwnKeys(key), ClaimNames(), leeway=0)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _bearer_token(authorization: str | None) -> str:
    if not authorization:
        raise CatalogError(Reason.TOKEN_MISSING, "the call has no token: send `authorization: Bearer TOKEN`")
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or not token.isascii():
        raise CatalogError(Reason.TOKEN_MALFORMED, "the call has no token: `authorization` is not `Bearer TOKEN`")
    return token
