"""Where the commands connect to, and which token they send there."""

import json
from pathlib import Path

import pytest

from dashboard_catalog.cli.connection import is_loopback
from tests.cli.conftest import Run
from tests.cli.small_catalog import TOKEN


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:50051",
        "127.8.8.8:1",
        "[::1]:50051",
        "localhost:1",
        "unix:/run/x.sock",
        "0.0.0.0:1",
        "dns:///localhost:1",
    ],
)
def test_addresses_of_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1:50051",
        "example.com:443",
        "localhost.example.com:1",
        "[2001:db8::1]:50051",
        "dns:///example.com:1",
    ],
)
def test_addresses_of_other_machines(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.usefixtures("server")
def test_the_token_of_the_data_folder_is_the_default(run: Run, tmp_path: Path) -> None:
    assert run("list").exit_code == 0
    (tmp_path / "data" / "admin.token").unlink()
    result = run("list")
    assert result.exit_code == 2
    assert "No token was sent: give one with --token" in result.stderr


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("way", ["flag", "file", "environment", "environment file"])
def test_a_token_can_be_given(run: Run, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "admin.token").write_text("wrong")
    (tmp_path / "token").write_text(f"\n{TOKEN}\n")
    given: dict[str, list[object]] = {
        "flag": ["--token", TOKEN],
        "file": ["--token-file", tmp_path / "token"],
    }
    if way == "environment":
        monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN", TOKEN)
    if way == "environment file":
        monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN_FILE", str(tmp_path / "token"))
    assert run("list", *given.get(way, [])).exit_code == 0


@pytest.mark.usefixtures("server")
def test_a_flag_wins_over_the_environment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN", "wrong")
    assert run("list", "--token-file", tmp_path / "token").exit_code == 0
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN_FILE", "/nothing")
    assert run("list", "--token", TOKEN).exit_code == 0
    assert run("list", "--token", TOKEN, "--token-file", tmp_path / "token").exit_code == 2


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "zwölf"])
def test_a_file_that_holds_no_token_is_told(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    result = run("list", "--token-file", tmp_path / "token")
    assert result.exit_code == 2
    assert result.stderr == f"Error: {tmp_path / 'token'} holds no token\n"


def test_a_token_does_not_leave_the_machine_unencrypted(run: Run) -> None:
    result = run("list", "--address", "192.0.2.1:50051", "--token", TOKEN)
    assert result.exit_code == 2
    assert "would travel unencrypted to 192.0.2.1:50051" in result.stderr
    assert TOKEN not in result.output


@pytest.mark.parametrize(
    ("content", "text"), [(None, "cannot read"), ("no certificate", "holds no certificate in PEM form")]
)
def test_a_file_of_certificates_must_hold_some(run: Run, tmp_path: Path, content: str | None, text: str) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    result = run("list", "--tls-ca", tmp_path / "ca.pem")
    assert result.exit_code == 2
    assert text in result.stderr


@pytest.mark.usefixtures("server")
def test_settings_of_a_server_do_not_trouble_a_client(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_WORKERS", "none")
    monkeypatch.setenv("DASHBOARD_CATALOG_ISSUER", "x")
    assert run("list").exit_code == 0


def test_only_unavailable_is_retried() -> None:
    from dashboard_catalog.cli import connection  # noqa: PLC0415

    [method] = json.loads(connection._RETRY_ONLY_UNAVAILABLE)["methodConfig"]
    assert method["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
