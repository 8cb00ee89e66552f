"""Every token that must be refused for its signature or its claims, made with real keys."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.jwks_file import JwksFile
from dashboard_catalog.auth.signing_key import OWN_AUDIENCE, OWN_ISSUER, SigningKey, load_or_create_key
from dashboard_catalog.auth.tokens import Authenticator
from dashboard_catalog.error_codes import Reason
from tests.auth.authentication import CLAIMS, encoded, reason, refusal, subject, trusting
from tests.auth.issuer import ED25519, ISSUER, P256, jwk, jwks, new_ed25519, sign
from tests.auth.jwks_server import JwksServer


async def test_a_token_without_a_signature_is_refused(authenticator: Authenticator) -> None:
    for algorithm in ("none", "None", "NONE", "", None):
        token = f"{encoded({'alg': algorithm, 'kid': 'e'})}.{encoded(CLAIMS)}."
        assert await reason(authenticator, token) is Reason.TOKEN_INVALID
    assert await reason(authenticator, f"{encoded({'kid': 'e'})}.{encoded(CLAIMS)}.") is Reason.TOKEN_INVALID
    signed = sign(ED25519, "EdDSA", "e")
    assert await reason(authenticator, signed.rsplit(".", 1)[0] + ".") is Reason.TOKEN_INVALID


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
async def test_a_public_key_as_a_secret_is_refused(
    authenticator: Authenticator, rsa_key: rsa.RSAPrivateKey, algorithm: str
) -> None:
    public = rsa_key.public_key()
    for secret in (
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk(rsa_key)).encode(),
    ):
        signed = f"{encoded({'alg': algorithm, 'kid': 'r'})}.{encoded(CLAIMS)}"
        digest = hmac.new(secret, signed.encode(), hashlib.new(algorithm.replace("HS", "sha")).name)
        assert await reason(authenticator, f"{signed}.{encoded(digest.digest())}") is Reason.TOKEN_INVALID


async def test_other_algorithms_of_the_same_keys_are_refused(
    authenticator: Authenticator, rsa_key: rsa.RSAPrivateKey
) -> None:
    for algorithm in ("RS384", "RS512", "PS256"):
        assert await reason(authenticator, sign(rsa_key, algorithm, "r")) is Reason.TOKEN_INVALID
    p384 = ec.generate_private_key(ec.SECP384R1())
    assert await reason(authenticator, sign(p384, "ES384", "p")) is Reason.TOKEN_INVALID


async def test_an_algorithm_that_does_not_fit_the_key_is_refused(
    authenticator: Authenticator, rsa_key: rsa.RSAPrivateKey
) -> None:
    assert await reason(authenticator, sign(rsa_key, "RS256", "e")) is Reason.TOKEN_INVALID
    assert await reason(authenticator, sign(P256, "ES256", "r")) is Reason.TOKEN_INVALID
    header, rest = sign(ED25519, "EdDSA", "e").split(".", 1)
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["alg"] == "EdDSA"
    claimed = encoded({"alg": "RS256", "kid": "e", "typ": "JWT"})
    assert await reason(authenticator, f"{claimed}.{rest}") is Reason.TOKEN_INVALID


async def test_a_signature_with_another_key_is_refused(authenticator: Authenticator) -> None:
    stranger = new_ed25519()
    for kid in ("e", "unknown", None):
        assert await reason(authenticator, sign(stranger, "EdDSA", kid)) is Reason.TOKEN_INVALID


async def test_changed_claims_are_refused(authenticator: Authenticator) -> None:
    header, _, signature = sign(ED25519, "EdDSA", "e").split(".")
    changed = encoded({**CLAIMS, "roles": ["admin"]})
    assert await reason(authenticator, f"{header}.{changed}.{signature}") is Reason.TOKEN_INVALID


async def test_keys_inside_a_token_or_behind_its_urls_are_never_used(
    authenticator: Authenticator, jwks_server: JwksServer
) -> None:
    stranger = new_ed25519()
    jwks_server.document = jwks(jwk(stranger, kid="mine"))
    for header in ({"jku": jwks_server.url}, {"x5u": jwks_server.url}, {"jwk": jwk(stranger)}):
        token = jwt.encode(dict(CLAIMS), stranger, "EdDSA", headers={"kid": "mine", **header})
        assert await reason(authenticator, token) is Reason.TOKEN_INVALID
    assert jwks_server.paths == []


async def test_a_header_with_an_unknown_critical_extension_is_refused(authenticator: Authenticator) -> None:
    header = encoded({"alg": "EdDSA", "kid": "e", "crit": ["exp"], "exp": 1})
    signed = f"{header}.{encoded(CLAIMS)}"
    token = f"{signed}.{encoded(ED25519.sign(signed.encode()))}"
    assert await reason(authenticator, token) in {Reason.TOKEN_MALFORMED, Reason.TOKEN_INVALID}


async def test_an_own_token_of_another_catalog_is_refused(authenticator: Authenticator, tmp_path: Path) -> None:
    other = load_or_create_key(tmp_path / "other")
    assert await reason(authenticator, issue_token(other, "bob", ["admin"])) is Reason.TOKEN_INVALID


async def test_the_external_key_cannot_sign_own_tokens(authenticator: Authenticator) -> None:
    token = sign(ED25519, "EdDSA", "e", iss=OWN_ISSUER, aud=OWN_AUDIENCE, roles=["admin"])
    assert await reason(authenticator, token) is Reason.TOKEN_INVALID


async def test_the_own_key_cannot_sign_external_tokens(authenticator: Authenticator, key: SigningKey) -> None:
    assert await reason(authenticator, sign(key.private, "EdDSA", key.kid)) is Reason.TOKEN_INVALID


async def test_all_keys_with_the_same_name_are_tried(key: SigningKey, tmp_path: Path) -> None:
    second = new_ed25519()
    (tmp_path / "twice.json").write_bytes(jwks(jwk(ED25519, kid="e"), jwk(P256, kid="e"), jwk(second, kid="e")))
    authenticator = trusting(key, JwksFile(tmp_path / "twice.json"))
    for private, algorithm in ((ED25519, "EdDSA"), (P256, "ES256"), (second, "EdDSA")):
        assert await subject(authenticator, sign(private, algorithm, "e"))
    assert await reason(authenticator, sign(new_ed25519(), "EdDSA", "e")) is Reason.TOKEN_INVALID


async def test_keys_without_a_name_are_tried_for_any_token(key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / "unnamed.json").write_bytes(jwks(jwk(P256, kid="p"), jwk(ED25519)))
    authenticator = trusting(key, JwksFile(tmp_path / "unnamed.json"))
    for kid in ("whatever", None):
        assert await subject(authenticator, sign(ED25519, "EdDSA", kid))


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"iss": "https://evil.example.com"}, "issuer of the token is not trusted"),
        ({"iss": ISSUER + "/"}, "issuer of the token is not trusted"),
        ({"iss": None}, "has no issuer"),
        ({"aud": "other"}, "another audience"),
        ({"aud": ["other", "more"]}, "another audience"),
        ({"aud": None}, "no claim aud"),
        ({"aud": 7}, "another audience"),
        ({"exp": None}, "no claim exp"),
        ({"exp": "soon"}, "claim exp"),
        ({"nbf": int(time.time()) + 600}, "not valid yet"),
        ({"iat": int(time.time()) + 600}, "not valid yet"),
        ({"nbf": "soon"}, "is invalid"),
        ({"sub": None}, "claim sub"),
        ({"sub": ""}, "claim sub"),
        ({"roles": {"admin": True}}, "claim roles"),
    ],
)
async def test_a_claim_that_is_not_meant_for_this_catalog_is_refused(
    authenticator: Authenticator, claims: dict[str, Any], says: str
) -> None:
    error = await refusal(authenticator, f"Bearer {sign(ED25519, 'EdDSA', 'e', **claims)}")
    assert error.reason is Reason.TOKEN_INVALID
    assert says in error.message


@pytest.mark.parametrize("claim", ["nbf", "iat", "exp"])
async def test_an_infinite_time_is_refused(authenticator: Authenticator, claim: str) -> None:
    signed = f"{encoded({'alg': 'EdDSA'})}.{encoded({**CLAIMS, claim: float('inf')})}"
    token = f"{signed}.{encoded(ED25519.sign(signed.encode()))}"
    assert await reason(authenticator, token) is Reason.TOKEN_INVALID
