"""`token issue` prints only the token, and the catalog accepts it.

These tests use separate processes, since the command sets up the log of its process.
"""

from pathlib import Path

import pytest

from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog.auth.tokens import Authenticator
from tests.cli.conftest import Start


def test_only_the_token_is_printed(process: Start) -> None:
    running = process("token", "issue", "--subject", "ann", "--role", "data_steward")
    stdout, stderr = running.communicate()
    assert running.returncode == 0
    assert stdout.count("\n") == 1
    assert stdout.count(".") == 2
    assert "token_issued" in stderr
    assert stdout.strip() not in stderr


async def test_the_token_has_the_claims_from_the_options(process: Start, tmp_path: Path) -> None:
    roles = ["--role", "ingestion_bot", "--role", "data_consumer"]
    more = ["--team", "a", "--team", "b", "--service", "superset", "--bot", "--expires", "2h"]
    token, _ = process("token", "issue", "--subject", "bot-7", *roles, *more).communicate()
    authenticator = Authenticator(load_or_create_key(tmp_path / "data"))
    principal = await authenticator.authenticate(f"Bearer {token.strip()}")
    assert principal.subject == "bot-7"
    assert principal.roles == {"ingestion_bot", "data_consumer"}
    assert principal.teams == {"a", "b"}
    assert principal.services == frozenset({"superset"})
    assert principal.bot


@pytest.mark.parametrize(
    "arguments",
    [
        ["--role", "admin"],
        ["--subject", "ann"],
        ["--subject", "ann", "--role", "admin", "--expires", "soon"],
        ["--subject", "", "--role", "admin"],
        ["--subject", "ann", "--role", "admin", "--data-dir", "/proc/nothing"],
    ],
)
def test_wrong_usage_exits_with_status_2_and_prints_no_token(process: Start, arguments: list[str]) -> None:
    running = process("token", "issue", *arguments)
    stdout, stderr = running.communicate()
    assert running.returncode == 2
    assert stdout == ""
    assert "Error: " in stderr


def test_the_address_of_clients_does_not_matter(process: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", "catalog.example.com:443")
    assert process("token", "issue", "--subject", "ann", "--role", "admin").wait() == 0
