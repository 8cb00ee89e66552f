"""`token issue` prints only the token, and the catalog accepts it.

Some of these tests use separate processes, since the command sets up the log of its process.
"""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import Result

from dashboard_catalog import logs
from dashboard_catalog.auth.signing_key import SigningKey, load_or_create_key
from dashboard_catalog.auth.tokens import Authenticator
from dashboard_catalog.running import announced
from tests.cli.conftest import COMMAND, Run, Start


@pytest.fixture(autouse=True)
def log_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets commands in this process leave its log as it is."""
    monkeypatch.setattr(logs, "configure", lambda *_: None)


@pytest.fixture
def key(data_dir: Path) -> SigningKey:
    """The key in the data folder, as a server has created it."""
    return load_or_create_key(data_dir)


@pytest.mark.usefixtures("key")
def test_only_the_token_is_printed(process: Start) -> None:
    running = process("token", "issue", "--subject", "ann", "--role", "data_steward")
    stdout, stderr = running.communicate()
    assert running.returncode == 0
    assert stdout.count("\n") == 1
    assert stdout.count(".") == 2
    assert "token_issued" in stderr
    assert stdout.strip() not in stderr


@pytest.mark.usefixtures("key")
def test_a_terminal_shows_the_token_alone() -> None:
    seen, terminal = pty.openpty()
    command = [*COMMAND, "token", "issue", "--subject", "ann", "--role", "admin"]
    assert subprocess.run(command, stdin=terminal, stdout=terminal, stderr=terminal, check=False).returncode == 0
    os.close(terminal)
    shown = os.read(seen, 100_000).decode()
    os.close(seen)
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\r\n", shown)


async def test_the_token_has_the_claims_from_the_options(process: Start, key: SigningKey) -> None:
    roles = ["--role", "ingestion_bot", "--role", "data_consumer"]
    more = ["--team", "a", "--team", "b", "--service", "superset", "--bot", "--expires", "2h"]
    token, _ = process("token", "issue", "--subject", "bot-7", *roles, *more).communicate()
    authenticator = Authenticator(key)
    principal = await authenticator.authenticate(f"Bearer {token.strip()}")
    assert principal.subject == "bot-7"
    assert principal.roles == {"ingestion_bot", "data_consumer"}
    assert principal.teams == {"a", "b"}
    assert principal.services == frozenset({"superset"})
    assert principal.bot


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--role", "admin"], "Missing option '--subject'"),
        (["--subject", "ann"], "Missing option '--role'"),
        (["--subject", "ann", "--role", "admin", "--expires", "soon"], "--expires: 'soon' is not a duration"),
        (["--subject", "", "--role", "admin"], "'' is not a valid subject name"),
        (["--subject", "ann", "--role", "admin", "--data-dir", "/proc/nothing"], "/proc/nothing has no signing key"),
        (
            ["--subject", "ann", "--role", "data_stewart"],
            "no role data_stewart; known roles: admin, data_consumer, data_",
        ),
        (["--subject", "ann", "--role", "admin", "--policy-dir", "/nowhere"], "/nowhere: is not a folder"),
        (["--subject", "ann\udcff", "--role", "admin"], "--subject is not valid UTF-8"),
    ],
)
@pytest.mark.usefixtures("key")
def test_wrong_use_is_an_error_without_a_token(run: Run, arguments: list[str], text: str) -> None:
    result = run("token", "issue", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert text in result.stderr


def test_a_folder_without_a_key_gets_none(run: Run, data_dir: Path, tmp_path: Path) -> None:
    with announced("127.0.0.1:50052", tmp_path / "elsewhere"):
        result = run("token", "issue", "--subject", "ann", "--role", "admin")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"Error: {data_dir} has no signing key.",
        "`dashboard-catalog serve` creates it: start the server first, or name its data folder with --data-dir.",
        f"The server at 127.0.0.1:50052 has --data-dir {tmp_path / 'elsewhere'}",
    ]
    assert not data_dir.exists()


async def test_the_key_of_a_running_server_is_found(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHBOARD_CATALOG_DATA_DIR")
    monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", "127.0.0.1:50052")
    key = load_or_create_key(tmp_path / "elsewhere")
    with announced("127.0.0.1:50052", tmp_path / "elsewhere"):
        token = run("token", "issue", "--subject", "ann", "--role", "admin").stdout.splitlines()[-1]
    assert (await Authenticator(key).authenticate(f"Bearer {token}")).subject == "ann"


@pytest.mark.usefixtures("key")
def test_roles_are_those_of_the_policies(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_POLICY_DIR", str(tmp_path / "policies"))
    (tmp_path / "policies").mkdir()
    policies = tmp_path / "policies" / "own.cedar"
    # With the byte order mark of some editors.
    policies.write_text('\ufeffpermit (principal in Role::"auditor", action == Action::"view", resource);')

    def issue(role: str) -> Result:
        return run("token", "issue", "--subject", "ann", "--role", role)

    assert issue("auditor").exit_code == 0
    assert issue("ingestion_bot").exit_code == 0
    assert "has no role admin; known roles: auditor, ingestion_bot." in issue("admin").stderr
    policies.write_text('permit (principal, action == Action::"view", resource);')
    result = issue("anything")
    assert (result.exit_code, result.stderr) == (0, "The policies name no role, so a role permits nothing.\n")


@pytest.mark.usefixtures("key")
def test_the_address_of_clients_does_not_matter(process: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", "catalog.example.com:443")
    assert process("token", "issue", "--subject", "ann", "--role", "admin").wait() == 0
