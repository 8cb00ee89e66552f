"""Which keys of a JWKS document are accepted, and which are tried for a token."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dashboard_catalog.auth.key_sets import LARGEST_DOCUMENT, MOST_KEYS, JwksError, parse_jwks
from tests.auth.issuer import jwk, jwks, new_ed25519, new_p256, new_rsa

ED = jwk(new_ed25519())


def test_each_kind_of_key_has_its_algorithm(rsa_key: rsa.RSAPrivateKey) -> None:
    keys = parse_jwks(jwks(jwk(rsa_key, kid="r"), jwk(new_p256(), kid="p"), jwk(new_ed25519(), kid="e"))).keys
    assert [(key.kid, key.algorithm) for key in keys] == [("r", "RS256"), ("p", "ES256"), ("e", "EdDSA")]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("no object", id="no object"),
        pytest.param({}, id="empty"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}, id="secret"),
        pytest.param({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, id="tiny RSA"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, id="no point of the curve"),
        pytest.param({"kty": "OKP", "crv": "Ed25519", "x": 7}, id="no text"),
        pytest.param({**ED, "use": "enc"}, id="for encryption"),
        pytest.param({**ED, "alg": "RS256"}, id="Ed25519 for RS256"),
        pytest.param({**ED, "alg": "HS256"}, id="Ed25519 for HS256"),
        pytest.param({**ED, "alg": ["EdDSA"]}, id="list of algorithms"),
        pytest.param(jwk(ec.generate_private_key(ec.SECP384R1())), id="P-384"),
        pytest.param(jwk(ec.generate_private_key(ec.SECP384R1()), alg="ES256"), id="P-384 for ES256"),
        pytest.param(jwk(new_rsa(1024)), id="RSA of 1,024 bits"),
        pytest.param(jwk(new_rsa(), alg="RS512"), id="RS512"),
        pytest.param(jwk(new_rsa(), alg="PS256"), id="PS256"),
    ],
)
def test_any_other_key_is_skipped(entry: Any) -> None:
    assert [key.kid for key in parse_jwks(jwks(entry, {**ED, "kid": "good"})).keys] == ["good"]
    with pytest.raises(JwksError, match="has no key for RS256, ES256 or EdDSA"):
        parse_jwks(jwks(entry))


def test_only_the_public_part_of_a_private_key_is_used() -> None:
    private = new_ed25519()
    entry = {**jwk(private), "d": json.loads(_private_jwk(private))["d"]}
    (key,) = parse_jwks(jwks(entry)).keys
    assert key.public == private.public_key()


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", 'has no list "keys"'),
        (b'{"keys": {}}', 'has no list "keys"'),
        (b'{"keys": []}', "has no key"),
        (jwks(*[ED] * (MOST_KEYS + 1)), "more than 100 keys"),
        (jwks(ED) + b" " * LARGEST_DOCUMENT, "is larger than 1048576 bytes"),
    ],
    ids=["empty", "html", "binary", "deep", "list", "no list", "no keys", "many", "large"],
)
def test_an_unusable_jwks_is_refused(document: bytes, problem: str) -> None:
    with pytest.raises(JwksError, match=problem):
        parse_jwks(document)


def test_the_same_keys_are_equal_in_any_spelling() -> None:
    assert parse_jwks(jwks(ED)) == parse_jwks(json.dumps({"x": 1, "keys": [ED, "junk"]}).encode())
    assert parse_jwks(jwks(ED)) != parse_jwks(jwks({**ED, "kid": "k"}))


def test_the_header_of_a_token_selects_the_keys_to_try(rsa_key: rsa.RSAPrivateKey) -> None:
    keys = parse_jwks(
        jwks(
            jwk(rsa_key, kid="twice"),
            jwk(new_ed25519(), kid="twice"),
            jwk(new_ed25519(), kid="twice"),
            jwk(new_ed25519(), kid="once"),
            jwk(new_ed25519()),
        )
    )

    def tried(kid: str | None, algorithm: str) -> list[int]:
        return [keys.keys.index(key) for key in keys.fitting(kid, algorithm)]

    assert tried("twice", "EdDSA") == [1, 2]
    assert tried("twice", "RS256") == [0]
    assert tried("once", "RS256") == []
    assert tried("unknown", "EdDSA") == [4]
    assert tried(None, "EdDSA") == [1, 2, 3, 4]
    assert keys.knows("once")
    assert not keys.knows("unknown")
    assert not keys.knows(None)


def _private_jwk(private: Any) -> str:
    return str(jwt.algorithms.OKPAlgorithm.to_jwk(private))
