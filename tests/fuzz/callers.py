"""Who calls: callers with different rights, and callers without a valid token."""

from datetime import timedelta
from typing import Any

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.signing_key import SigningKey


def metadata_of_callers(key: SigningKey) -> dict[str, Any]:
    """Returns the metadata of each caller, for a server with this signing key."""
    tokens = {
        "admin": issue_token(key, "admin", ["admin"]),
        "bot": issue_token(key, "loader", ["ingestion_bot"], bot=True),
        "consumer": issue_token(key, "ann", ["data_consumer"], teams=["sales"]),
        "limited": issue_token(key, "stella", ["data_steward"], services=["looker"]),
        "limited_admin": issue_token(key, "root", ["admin"], services=["superset"]),
        "unknown_role": issue_token(key, "eve", ["no such role"]),
        "expired": issue_token(key, "admin", ["admin"], lifetime=timedelta(microseconds=1)),
        "broken": "a.b.c",
    }
    metadata: dict[str, Any] = {name: [("authorization", f"Bearer {token}")] for name, token in tokens.items()}
    metadata["stranger"] = []
    metadata["basic"] = [("authorization", "Basic YTpi"), ("x-request-id", "x" * 300)]
    return metadata
