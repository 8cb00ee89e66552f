"""Tokens that the catalog issues, including the administrator's."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dashboard_catalog.auth.issuing import ensure_admin_token, issue_token, parse_duration
from dashboard_catalog.auth.signing_key import SigningKey, load_or_create_key
from dashboard_catalog.auth.tokens import Authenticator
from dashboard_catalog.environment import ADMIN_TOKEN_FILE
from tests.auth.issuer import sign


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_a_token_has_the_requested_claims(key: SigningKey) -> None:
    token = issue_token(
        key, "bob", ["b", "a", "a"], teams=["T"], services=["s 1"], bot=True, lifetime=timedelta(seconds=90)
    )
    claims = claims_of(token)
    assert (claims["sub"], claims["roles"], claims["teams"]) == ("bob", ["a", "b"], ["T"])
    assert (claims["services"], claims["bot"]) == (["s 1"], True)
    assert abs(claims["exp"] - time.time() - 90) < 5
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": key.kid, "typ": "JWT"}


@pytest.mark.parametrize("services", [None, [], ()])
async def test_a_token_without_services_is_not_limited(key: SigningKey, services: Any) -> None:
    token = issue_token(key, "bob", ["admin"], services=services)
    assert (await Authenticator(key).authenticate(f"Bearer {token}")).services is None


def test_issuing_leaves_an_audit_line_without_the_token(key: SigningKey) -> None:
    with capture_logs() as logs:
        token = issue_token(key, "bob", ["admin"], services=["looker"])
    (line,) = logs
    assert (line["event"], line["subject"], line["roles"]) == ("token_issued", "bob", ["admin"])
    assert (line["teams"], line["services"], line["bot"]) == ([], ["looker"], False)
    assert line["token_id"] == claims_of(token)["jti"]
    assert token not in str(line)
    assert token.rsplit(".", maxsplit=1)[-1] not in str(line)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"subject": ""}, "'' is not a valid subject name"),
        ({"subject": "a\nb"}, "is not a valid subject name"),
        ({"subject": "a" * 257}, "is not a valid subject name"),
        ({"roles": [""]}, "is not a valid role name"),
        ({"teams": ["\x00"]}, "is not a valid team name"),
        ({"services": [""]}, "is not a valid service name"),
        ({"lifetime": timedelta(0)}, "must be positive"),
        ({"lifetime": timedelta(days=-1)}, "must be positive"),
        ({"lifetime": timedelta.max}, "at most 100 years"),
    ],
)
def test_a_token_that_would_not_be_accepted_is_not_issued(
    key: SigningKey, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        issue_token(key, **{"subject": "bob", "roles": ["admin"], **arguments})


async def test_only_its_owner_can_read_the_administrator_s_token(tmp_path: Path, key: SigningKey) -> None:
    path = ensure_admin_token(tmp_path, key)
    assert path == tmp_path / "admin.token"
    assert path.stat().st_mode & 0o777 == 0o600
    principal = await Authenticator(key).authenticate(f"Bearer {path.read_text().strip()}")
    assert (principal.subject, principal.roles, principal.services) == ("admin", frozenset({"admin"}), None)
    assert not principal.bot
    assert principal.expires_at is not None
    assert principal.expires_at - datetime.now(UTC) > timedelta(days=364)


def test_a_valid_token_is_kept(tmp_path: Path, key: SigningKey) -> None:
    before = ensure_admin_token(tmp_path, key).read_text()
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [ADMIN_TOKEN_FILE]
    (tmp_path / ADMIN_TOKEN_FILE).chmod(0o644)
    assert ensure_admin_token(tmp_path, key).read_text() == before
    assert (tmp_path / ADMIN_TOKEN_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("which", ["another key", "ends soon", "ended", "no admin", "external", "no token", "binary"])
def test_an_invalid_token_is_renewed(tmp_path: Path, key: SigningKey, which: str) -> None:
    long = timedelta(days=300)
    other = load_or_create_key(tmp_path / "other")
    contents: dict[str, Callable[[], bytes]] = {
        "another key": lambda: issue_token(other, "admin", ["admin"], lifetime=long).encode(),
        "ends soon": lambda: issue_token(key, "admin", ["admin"], lifetime=timedelta(days=29)).encode(),
        "ended": lambda: issue_token(key, "admin", ["admin"], lifetime=timedelta(microseconds=1)).encode(),
        "no admin": lambda: issue_token(key, "admin", ["data_steward"], lifetime=long).encode(),
        "external": lambda: sign(key.private, "EdDSA", key.kid, roles=["admin"]).encode(),
        "no token": lambda: b"\n",
        "binary": lambda: b"\xff\x00",
    }
    content = contents[which]()
    (tmp_path / ADMIN_TOKEN_FILE).write_bytes(content)
    renewed = ensure_admin_token(tmp_path, key).read_bytes()
    assert renewed != content
    assert claims_of(renewed.decode().strip())["roles"] == ["admin"]
    assert (tmp_path / ADMIN_TOKEN_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("1s", timedelta(seconds=1)),
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("90d", timedelta(days=90)),
        (" 7d\n", timedelta(days=7)),
        ("36500d", timedelta(days=36_500)),
    ],
)
def test_durations_are_parsed(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "90", "d", "0d", "-1d", "1.5h", "1w", "1D", "1 d", "1d12h", "٣d", "36501d", "9" * 500 + "s"]
)
def test_text_that_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: expected a number and s, m, h or d"):
        parse_duration(text)


@given(st.text())
def test_any_text_is_a_positive_duration_or_refused(text: str) -> None:
    duration = timedelta(seconds=1)
    with suppress(ValueError):
        duration = parse_duration(text)
    assert timedelta(0) < duration <= timedelta(days=36_500)
