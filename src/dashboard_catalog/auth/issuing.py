"""Issues the catalog's own tokens, including the first one of the administrator.

Access to the signing key is the only protection: anyone who can read it can issue tokens.
"""

import re
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import structlog

from dashboard_catalog.auth.claims import is_name
from dashboard_catalog.auth.signing_key import (
    OWN_AUDIENCE,
    OWN_ISSUER,
    SigningKey,
    temporary_beside,
    write_private_file,
)
from dashboard_catalog.auth.tokens import own_issuer
from dashboard_catalog.auth.verification import read_unverified, verify
from dashboard_catalog.environment import ADMIN_TOKEN_FILE
from dashboard_catalog.errors import CatalogError

ADMIN_TOKEN_LIFETIME = timedelta(days=365)
ADMIN_TOKEN_RENEWED_BEFORE = timedelta(days=30)
LONGEST_LIFETIME = timedelta(days=36_500)

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_log = structlog.get_logger("dashboard_catalog.audit")


def issue_token(
    key: SigningKey,
    subject: str,
    roles: Iterable[str],
    *,
    teams: Iterable[str] = (),
    services: Iterable[str] | None = None,
    bot: bool = False,
    lifetime: timedelta = timedelta(days=90),
) -> str:
    """Returns a new token that is signed with `key`, and writes an audit line.

    Args:
        key: The signing key of the data folder.
        subject: Name of the user or bot.
        roles: Names of roles.
        teams: Unquoted names of teams.
        services: Unquoted names of the BI services that the token is limited to. None or empty for no limit.
        bot: Whether writes with the token are ingestion.
        lifetime: Time from now until the token expires; at most 100 years.

    Raises:
        ValueError: If a name or the lifetime is invalid.
    """
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise ValueError("a token's lifetime must be positive and at most 100 years")
    now = time.time()
    claims: dict[str, object] = {
        "iss": OWN_ISSUER,
        "aud": OWN_AUDIENCE,
        "sub": _named([subject], "subject")[0],
        "roles": _named(roles, "role"),
        "teams": _named(teams, "team"),
        "jti": str(uuid.uuid4()),
        "iat": int(now),
        # Keeps the fraction: there is no leeway, and a token for one second must live for a whole second.
        "exp": round(now + lifetime.total_seconds(), 3),
    }
    if limits := _named(services or (), "service"):
        claims["services"] = limits
    if bot:
        claims["bot"] = True
    _log_issue(claims)
    return jwt.encode(claims, key.private, key.algorithm, headers={"kid": key.kid})


def ensure_admin_token(data_dir: Path, key: SigningKey) -> Path:
    """Returns the path of the administrator's token, and renews the token if it is invalid or expires soon.

    Raises:
        OSError: If the file cannot be read or written.
    """
    path = data_dir / ADMIN_TOKEN_FILE
    if not _is_good_admin_token(path, key):
        token = issue_token(key, "admin", ["admin"], lifetime=ADMIN_TOKEN_LIFETIME)
        temporary = temporary_beside(path)
        write_private_file(temporary, f"{token}\n".encode())
        temporary.replace(path)
    path.chmod(0o600)
    return path


def parse_duration(text: str) -> timedelta:
    """Returns the duration in `text`: a whole number followed by `s`, `m`, `h` or `d`, such as `90d`.

    Raises:
        ValueError: If `text` is not a duration, or the duration is zero or more than 100 years.
    """
    match = re.fullmatch(r"([0-9]{1,12})([smhd])", text.strip())
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST_LIFETIME.total_seconds():
        raise ValueError(f"{text!r} is not a duration: expected a number and s, m, h or d, such as 90d, up to 36500d")
    return timedelta(seconds=seconds)


def _is_good_admin_token(path: Path, key: SigningKey) -> bool:
    issuer = own_issuer(key)
    try:
        token = read_unverified(path.read_text("ascii").strip())
        principal = verify(token, issuer, issuer.keys.current()) if token.issuer == issuer.name else None
    except (FileNotFoundError, UnicodeDecodeError, CatalogError):
        return False
    if principal is None or principal.expires_at is None or "admin" not in principal.roles:
        return False
    return principal.expires_at - datetime.now(UTC) > ADMIN_TOKEN_RENEWED_BEFORE


def _named(names: Iterable[str], what: str) -> list[str]:
    result = sorted(set(names))
    for name in result:
        if not is_name(name):
            raise ValueError(
                f"{name!r} is not a valid {what} name: expected 1 to 256 characters without control characters"
            )
    return result


def _log_issue(claims: dict[str, object]) -> None:
    """Writes the audit line of a token. It contains the id of the token, never the token itself."""
    _log.info(
        "token_issued",
        subject=claims["sub"],
        roles=claims["roles"],
        teams=claims["teams"],
        services=claims.get("services"),
        bot=claims.get("bot", False),
        token_id=claims["jti"],
        expires_at=claims["exp"],
    )
