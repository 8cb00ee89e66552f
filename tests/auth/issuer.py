"""An identity provider for tests: real keys, the JWKS that publishes them, and tokens signed with them."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://login.example.com"
AUDIENCE = "catalog"

_ALGORITHMS: dict[type, Any] = {
    rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
    ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
    ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
}


def new_rsa(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def new_p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def new_ed25519() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def jwk(private: Any, **fields: Any) -> dict[str, Any]:
    """Returns the public part of a key as an entry of a JWKS, with `kid=...` and other fields added."""
    algorithm = next(cls for kind, cls in _ALGORITHMS.items() if isinstance(private, kind))
    return {**json.loads(algorithm.to_jwk(private.public_key())), **fields}


def jwks(*entries: Any) -> bytes:
    return json.dumps({"keys": entries}).encode()


def sign(private: Any, algorithm: str, kid: str | None = None, /, **claims: Any) -> str:
    """Returns a token that is valid unless `claims` say otherwise; a claim of None is left out."""
    defaults = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 600}
    payload = {name: value for name, value in {**defaults, **claims}.items() if value is not None}
    return jwt.encode(payload, private, algorithm, headers={"kid": kid} if kid is not None else None)


P256, ED25519 = new_p256(), new_ed25519()
"""Keys that most tests can share."""
