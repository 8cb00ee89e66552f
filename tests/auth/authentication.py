"""Authenticates as a call would, and checks that a refusal repeats nothing of what it refuses."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.auth.claims import ClaimNames
from dashboard_catalog.auth.signing_key import SigningKey
from dashboard_catalog.auth.tokens import Authenticator
from dashboard_catalog.auth.verification import KeySource, TrustedIssuer
from dashboard_catalog.error_codes import Code, Reason
from dashboard_catalog.errors import CatalogError
from tests.auth.issuer import AUDIENCE, ISSUER, jwks


def trusting(key: SigningKey, keys: KeySource, claims: ClaimNames | None = None) -> Authenticator:
    return Authenticator(key, TrustedIssuer(ISSUER, AUDIENCE, keys, claims or ClaimNames(), leeway=60))


def publish(path: Path, *entries: dict[str, Any]) -> None:
    path.write_bytes(jwks(*entries))


async def refusal(authenticator: Authenticator, authorization: str | None) -> CatalogError:
    with capture_logs() as logs, pytest.raises(CatalogError) as caught:
        await authenticator.authenticate(authorization)
    assert caught.value.code is Code.UNAUTHENTICATED
    visible = f"{caught.value.message} {caught.value.metadata} {logs}"
    parts = [part for part in (authorization or "").replace(".", " ").split() if len(part) > 20]
    assert not any(part in visible for part in parts)
    return caught.value


async def subject(authenticator: Authenticator, token: str) -> str:
    return (await authenticator.authenticate(f"Bearer {token}")).subject


async def reason(authenticator: Authenticator, token: str) -> Reason:
    return (await refusal(authenticator, f"Bearer {token}")).reason


def encoded(value: Any) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 600}
