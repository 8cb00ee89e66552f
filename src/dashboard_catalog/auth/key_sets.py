"""The public keys that verify tokens, and reading them from a JWKS document (RFC 7517).

Accepts RSA keys of at least 2,048 bits for RS256, P-256 for ES256 and Ed25519 for EdDSA. Ignores every other key of a
document, so no token can be verified with it. This module must not know where a document comes from.
"""

import json
from dataclasses import dataclass
from typing import Any

import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ALGORITHMS = ("RS256", "ES256", "EdDSA")
LARGEST_DOCUMENT = 1024 * 1024
MOST_KEYS = 100
SHORTEST_RSA = 2048

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

_log = structlog.get_logger("dashboard_catalog.auth")


class JwksError(Exception):
    """A JWKS cannot be used. The message says why."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key for one algorithm, with the key id that its issuer gives it, if any."""

    kid: str | None
    algorithm: str
    public: PublicKey


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one issuer."""

    keys: tuple[VerificationKey, ...] = ()

    def knows(self, kid: str | None) -> bool:
        """Returns whether a key has this key id."""
        return kid is not None and any(key.kid == kid for key in self.keys)

    def fitting(self, kid: str | None, algorithm: str) -> list[VerificationKey]:
        """Returns the keys to try for a token: those with its key id, or those without one if there are none.

        A token without a key id can be signed by any key of its algorithm.
        """
        named = [key for key in self.keys if key.kid == kid]
        candidates = self.keys if kid is None else named or [key for key in self.keys if key.kid is None]
        return [key for key in candidates if key.algorithm == algorithm]


def parse_jwks(document: bytes) -> KeySet:
    """Returns the usable keys of a JWKS document.

    Raises:
        JwksError: If the document is not a JWKS or is too large, or if it has no usable key or too many.
    """
    if len(document) > LARGEST_DOCUMENT:
        raise JwksError(f"is larger than {LARGEST_DOCUMENT} bytes")
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        raise JwksError("is not JSON") from None
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise JwksError('has no list "keys"')
    keys = [key for entry in entries if (key := _parse_key(entry)) is not None]
    if not keys:
        raise JwksError("has no key for RS256, ES256 or EdDSA")
    if len(keys) > MOST_KEYS:
        raise JwksError(f"has more than {MOST_KEYS} keys")
    return KeySet(tuple(keys))


def _parse_key(entry: Any) -> VerificationKey | None:
    try:
        jwk = jwt.PyJWK(entry)
        public = jwk.key.public_key() if hasattr(jwk.key, "public_key") else jwk.key
        algorithm = _algorithm_for(public)
        if algorithm == jwk.algorithm_name and jwk.public_key_use in {None, "sig"}:
            return VerificationKey(_kid(entry), algorithm, public)
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError):
        pass
    _log.info("jwks_key_left_out", kid=_kid(entry))
    return None


def _kid(entry: Any) -> str | None:
    kid = entry.get("kid") if isinstance(entry, dict) else None
    return kid if isinstance(kid, str) else None


def _algorithm_for(public: Any) -> str | None:
    if isinstance(public, rsa.RSAPublicKey) and public.key_size >= SHORTEST_RSA:
        return "RS256"
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        return "ES256"
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "EdDSA"
    return None
