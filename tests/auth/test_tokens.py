"""Accepted tokens, malformed tokens, expiry, the cache, and rotation of keys."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.auth import tokens
from dashboard_catalog.auth.claims import ClaimNames
from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.jwks_file import JwksFile
from dashboard_catalog.auth.jwks_url import JwksUrl
from dashboard_catalog.auth.signing_key import OWN_ISSUER, SigningKey
from dashboard_catalog.auth.tokens import Authenticator
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from tests.auth.authentication import CLAIMS, encoded, publish, reason, refusal, subject, trusting
from tests.auth.issuer import AUDIENCE, ED25519, P256, jwk, jwks, new_ed25519, new_rsa, sign
from tests.auth.jwks_server import JwksServer


async def test_an_own_token_identifies_its_caller(authenticator: Authenticator, key: SigningKey) -> None:
    token = issue_token(
        key,
        "bob",
        ["data_steward"],
        teams=["Finance"],
        services=["Sales BI"],
        bot=True,
        lifetime=timedelta(hours=1),
    )
    principal = await authenticator.authenticate(f"Bearer {token}")
    assert (principal.subject, principal.roles, principal.teams) == (
        "bob",
        frozenset({"data_steward"}),
        frozenset({"Finance"}),
    )
    assert (principal.services, principal.bot) == (frozenset({"Sales BI"}), True)
    assert principal.expires_at is not None
    assert abs(principal.expires_at.timestamp() - time.time() - 3600) < 5


async def test_an_own_token_with_a_p256_key_is_accepted() -> None:
    own = SigningKey(P256, "ES256", "own")
    principal = await Authenticator(own).authenticate(f"Bearer {issue_token(own, 'bob', ['admin'])}")
    assert principal.roles == {"admin"}


@pytest.mark.parametrize(("kid", "algorithm"), [("r", "RS256"), ("p", "ES256"), ("e", "EdDSA")])
async def test_an_external_token_of_each_algorithm_is_accepted(
    authenticator: Authenticator, rsa_key: rsa.RSAPrivateKey, kid: str, algorithm: str
) -> None:
    private = {"r": rsa_key, "p": P256, "e": ED25519}[kid]
    for sent in (kid, None):
        token = sign(private, algorithm, sent, roles=["admin"])
        principal = await authenticator.authenticate(f"Bearer {token}")
        assert (principal.subject, principal.roles) == ("alice", frozenset({"admin"}))


async def test_a_token_may_have_several_audiences(authenticator: Authenticator) -> None:
    token = sign(ED25519, "EdDSA", "e", aud=["other", AUDIENCE])
    assert await subject(authenticator, token) == "alice"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", " Bearer", "Bearer "])
async def test_the_scheme_is_case_insensitive_as_in_http(
    authenticator: Authenticator, key: SigningKey, scheme: str
) -> None:
    principal = await authenticator.authenticate(f"{scheme} {issue_token(key, 'bob', [])} ")
    assert principal.subject == "bob"


async def test_settings_for_names_of_claims_apply_only_to_external_tokens(key: SigningKey, jwks_path: Path) -> None:
    names = ClaimNames(subject="email", roles="realm_access.roles")
    authenticator = trusting(key, JwksFile(jwks_path), names)
    external = sign(ED25519, "EdDSA", "e", sub=7, email="alice@x", realm_access={"roles": ["admin"]}, roles=["no"])
    principal = await authenticator.authenticate(f"Bearer {external}")
    assert (principal.subject, principal.roles) == ("alice@x", frozenset({"admin"}))
    own = await authenticator.authenticate(f"Bearer {issue_token(key, 'bob', ['data_steward'])}")
    assert (own.subject, own.roles) == ("bob", frozenset({"data_steward"}))


async def test_clocks_may_differ_by_a_minute(authenticator: Authenticator) -> None:
    now = int(time.time())
    for claims in ({"exp": now - 50}, {"nbf": now + 50}, {"iat": now + 50}):
        token = sign(ED25519, "EdDSA", "e", **claims)
        assert await subject(authenticator, token) == "alice"


@pytest.mark.parametrize("authorization", [None, ""])
async def test_a_missing_token_is_reported(authenticator: Authenticator, authorization: str | None) -> None:
    assert (await refusal(authenticator, authorization)).reason is Reason.TOKEN_MISSING


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        " ",
        "Basic YWxpY2U6c2VjcmV0",
        "token",
        "Bearer x",
        "Bearer a.b",
        "Bearer a.b.c",
        "Bearer ..",
        "Bearer a.b.c.d.e",
        "Bearer a b",
        "Bearer ünïcödé",
        f"Bearer {encoded([])}.{encoded({})}.AA",
        f"Bearer {encoded({'alg': 'EdDSA'})}.{encoded([])}.AA",
        f"Bearer {encoded({'alg': 'EdDSA'})}.{encoded(b'not json')}.AA",
        f"Bearer {encoded(b'[' * 9000)}.{encoded({})}.AA",
        f"Bearer {encoded({'alg': 'EdDSA'})}.{encoded(b'[' * 9000)}.AA",
        f"Bearer {encoded({'alg': 'EdDSA', 'b64': False, 'crit': ['b64']})}..AA",
        f"Bearer {encoded({'alg': 'EdDSA', 'kid': 7})}.{encoded(CLAIMS)}.AA",
        f"Bearer {encoded({'alg': 'EdDSA'})}.{encoded({**CLAIMS, 'pad': 'x' * 16_384})}.AA",
    ],
)
async def test_a_malformed_token_is_refused(authenticator: Authenticator, authorization: str) -> None:
    assert (await refusal(authenticator, authorization)).reason is Reason.TOKEN_MALFORMED


@given(st.text(st.characters(max_codepoint=0x2FF)))
def test_any_text_is_refused_without_another_error(text: str) -> None:
    error = asyncio.run(refusal(ALONE, text))
    assert error.reason in {Reason.TOKEN_MISSING, Reason.TOKEN_MALFORMED}


@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jku"]), st.text() | st.integers() | st.none()
    ),
    claims=st.dictionaries(st.sampled_from(["iss", "aud", "sub", "exp"]), st.text() | st.integers() | st.none()),
    signature=st.binary(max_size=70),
)
def test_any_unsigned_content_is_refused_without_another_error(
    header: dict[str, Any], claims: dict[str, Any], signature: bytes
) -> None:
    header, claims = {"alg": "EdDSA", **header}, {"iss": OWN_ISSUER, **claims}
    error = asyncio.run(refusal(ALONE, f"Bearer {encoded(header)}.{encoded(claims)}.{encoded(signature)}"))
    assert error.reason in {Reason.TOKEN_MALFORMED, Reason.TOKEN_INVALID}


async def test_without_an_external_issuer_only_own_tokens_are_accepted(key: SigningKey) -> None:
    authenticator = Authenticator(key)
    assert await subject(authenticator, issue_token(key, "bob", []))
    assert await reason(authenticator, sign(ED25519, "EdDSA", "e")) is Reason.TOKEN_INVALID


async def test_an_expired_token_is_reported_as_expired(authenticator: Authenticator) -> None:
    assert await reason(authenticator, sign(ED25519, "EdDSA", "e", exp=int(time.time()) - 61)) is Reason.TOKEN_EXPIRED


async def test_an_expired_token_with_another_key_is_invalid(authenticator: Authenticator) -> None:
    token = sign(new_ed25519(), "EdDSA", "e", exp=int(time.time()) - 600)
    assert await reason(authenticator, token) is Reason.TOKEN_INVALID


async def test_an_own_token_has_no_leeway_and_expires_even_in_the_cache(
    authenticator: Authenticator, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issue_token(key, "bob", [], lifetime=timedelta(hours=1))
    first = await authenticator.authenticate(f"Bearer {token}")
    assert await authenticator.authenticate(f"Bearer {token}") is first
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: time.time() + 3_600))
    assert await reason(authenticator, token) is Reason.TOKEN_EXPIRED
    assert await reason(authenticator, token) is Reason.TOKEN_EXPIRED


async def test_only_a_verified_token_is_recalled(
    authenticator: Authenticator, key: SigningKey, jwks_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = issue_token(key, "bob", [], lifetime=timedelta(minutes=1)), sign(ED25519, "EdDSA", "e")
    for sent in (None, "", "Bearer ", "Bearer \u00e9", f"Bearer {own}"):
        assert authenticator.recall(sent) is None
    both = [await authenticator.authenticate(f"Bearer {token}") for token in (own, other)]
    assert [authenticator.recall(f"Bearer {token}") for token in (own, other)] == both
    for sent in (own, f"Basic {own}", f"Bearer {own}x", f"Bearer {own[:-1]}"):
        assert authenticator.recall(sent) is None
    publish(jwks_path, jwk(P256, kid="p"))
    assert authenticator.recall(f"Bearer {other}") is None
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: time.time() + 60))
    assert authenticator.recall(f"Bearer {own}") is None


async def test_the_cache_of_tokens_is_bounded(key: SigningKey) -> None:
    authenticator = Authenticator(key, tokens_kept=3)
    tokens = [issue_token(key, f"user{number}", []) for number in range(6)]
    for token in [*tokens, tokens[3]]:
        await authenticator.authenticate(f"Bearer {token}")
    await authenticator.authenticate(f"Bearer {tokens[0]}")
    assert {entry.principal.subject for entry in authenticator._verified.values()} == {
        "user5",
        "user3",
        "user0",
    }


async def test_refused_tokens_are_not_cached(authenticator: Authenticator) -> None:
    for number in range(20):
        await reason(authenticator, sign(new_ed25519(), "EdDSA", "e", sub=f"u{number}"))
    await reason(authenticator, sign(ED25519, "EdDSA", "e", exp=int(time.time()) - 600))
    assert not authenticator._verified


async def test_withdrawing_a_key_drops_its_tokens_from_the_cache(authenticator: Authenticator, jwks_path: Path) -> None:
    old, new = sign(ED25519, "EdDSA", "e"), sign(P256, "ES256", "p")
    for token in (old, new):
        await authenticator.authenticate(f"Bearer {token}")
    publish(jwks_path, jwk(P256, kid="p"))
    assert await reason(authenticator, old) is Reason.TOKEN_INVALID
    assert await subject(authenticator, new)


async def test_a_new_key_is_fetched_when_a_token_names_it(key: SigningKey, jwks_server: JwksServer) -> None:
    second = new_ed25519()
    jwks_server.document = jwks(jwk(ED25519, kid="1"))
    authenticator = trusting(key, JwksUrl(jwks_server.url, fetch_at_most_every=0))
    await authenticator.authenticate(f"Bearer {sign(ED25519, 'EdDSA', '1')}")
    jwks_server.document = jwks(jwk(ED25519, kid="1"), jwk(second, kid="2"))
    await authenticator.authenticate(f"Bearer {sign(second, 'EdDSA', '2')}")
    assert len(jwks_server.paths) == 2
    await authenticator.authenticate(f"Bearer {sign(ED25519, 'EdDSA', '1', sub='bob')}")
    assert len(jwks_server.paths) == 2


async def test_new_keys_without_names_are_fetched_too(key: SigningKey, jwks_server: JwksServer) -> None:
    second = new_ed25519()
    jwks_server.document = jwks(jwk(ED25519))
    authenticator = trusting(key, JwksUrl(jwks_server.url, fetch_at_most_every=0))
    await authenticator.authenticate(f"Bearer {sign(ED25519, 'EdDSA')}")
    jwks_server.document = jwks(jwk(second))
    assert await subject(authenticator, sign(second, "EdDSA"))


async def test_an_invalid_signature_with_a_known_key_fetches_nothing(key: SigningKey, jwks_server: JwksServer) -> None:
    jwks_server.document = jwks(jwk(ED25519, kid="1"))
    authenticator = trusting(key, JwksUrl(jwks_server.url, fetch_at_most_every=0))
    await authenticator.authenticate(f"Bearer {sign(ED25519, 'EdDSA', '1')}")
    assert await reason(authenticator, sign(new_ed25519(), "EdDSA", "1")) is Reason.TOKEN_INVALID
    assert len(jwks_server.paths) == 1


async def test_many_unknown_keys_trigger_one_fetch(key: SigningKey, jwks_server: JwksServer) -> None:
    jwks_server.document = jwks(jwk(ED25519, kid="1"))
    authenticator = trusting(key, JwksUrl(jwks_server.url))
    stranger = new_ed25519()
    calls = [
        authenticator.authenticate(f"Bearer {sign(stranger, 'EdDSA', f'unknown{number}')}") for number in range(50)
    ]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, CatalogError) and error.reason is Reason.TOKEN_INVALID for error in errors)
    assert len(jwks_server.paths) == 1


async def test_an_external_token_is_accepted_while_the_issuer_is_away_if_its_keys_are_known(
    key: SigningKey, jwks_server: JwksServer
) -> None:
    jwks_server.document = jwks(jwk(ED25519, kid="1"))
    authenticator = trusting(key, JwksUrl(jwks_server.url, fetch_at_most_every=0, refresh_every=0))
    await authenticator.authenticate(f"Bearer {sign(ED25519, 'EdDSA', '1')}")
    jwks_server.status = 503
    for number in range(3):
        assert await subject(authenticator, sign(ED25519, "EdDSA", "1", sub=f"u{number}"))
        await asyncio.sleep(0.05)
    assert await reason(authenticator, sign(new_rsa(), "RS256", "2")) is Reason.TOKEN_INVALID


async def test_own_tokens_do_not_wait_for_the_external_issuer(key: SigningKey, jwks_server: JwksServer) -> None:
    authenticator = trusting(key, JwksUrl(jwks_server.url))
    assert await subject(authenticator, issue_token(key, "bob", []))
    assert jwks_server.paths == []


ALONE = Authenticator(SigningKey(ED25519, "EdDSA", "own"))


async def test_the_damage_of_a_token_is_named(authenticator: Authenticator, key: SigningKey) -> None:
    header, claims, signature = issue_token(key, "ann", ["admin"]).split(".")
    changed = claims[:40] + ("A" if claims[40] != "A" else "B") + claims[41:]
    for token, text in {
        f"{header}.{claims}": "has three parts with dots between them, not 2",
        f"{header[:-9]}.{claims}.{signature}": "the header of the token cannot be read",
        f"{header}.{claims[:-9]}.{signature}": "the claims of the token cannot be read",
        f"{header}.{claims}.{signature[:-1]}": "the signature of the token",
        f"{header}.{changed}.{signature}": "the token was changed",
    }.items():
        assert text in (await refusal(authenticator, f"Bearer {token}")).message
