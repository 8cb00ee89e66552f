"""Which server the commands call, and which token they send to it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard_catalog.cli import connection
from dashboard_catalog.cli.credentials import Token
from dashboard_catalog.cli.failures import Failure
from dashboard_catalog.running import announced
from dashboard_catalog.sources.problems import Problem
from tests.cli.conftest import Run
from tests.cli.small_catalog import SmallCatalog


@pytest.fixture
def sent(run: Run, small: SmallCatalog, data_dir: Path) -> Callable[..., object]:
    """Makes a call and returns the authorization that it sent."""
    data_dir.mkdir()
    (data_dir / "admin.token").write_text("of.data.folder\n")

    def call(*flags: object) -> object:
        result = run("ingest", "-", *flags, stdin='{"entity": {"biService": {"name": "s", "serviceType": "Looker"}}}')
        assert result.exit_code == 0, result.output
        return small.authorizations[-1]

    return call


def test_the_token_of_the_data_folder_is_the_default(sent: Callable[..., object], data_dir: Path) -> None:
    assert sent() == "Bearer of.data.folder"
    (data_dir / "admin.token").unlink()
    assert sent() is None


def test_the_token_of_a_running_server_is_found(
    sent: Callable[..., object], data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = os.environ["DASHBOARD_CATALOG_ADDRESS"]
    (tmp_path / "admin.token").write_text("of.running.server")
    with announced(address, tmp_path):
        assert sent() == "Bearer of.data.folder"
        monkeypatch.delenv("DASHBOARD_CATALOG_DATA_DIR")
        assert sent() == "Bearer of.running.server"
        assert sent("--address", address.replace("127.0.0.1", "localhost")) == "Bearer of.running.server"
    monkeypatch.setenv("XDG_DATA_HOME", str(data_dir.parent / "nothing"))
    assert sent() is None


def test_a_token_can_be_given(sent: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("\nfrom.file\n")
    assert sent("--token", "from.flag") == "Bearer from.flag"
    assert sent("--token-file", tmp_path / "token") == "Bearer from.file"
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN_FILE", str(tmp_path / "token"))
    assert sent() == "Bearer from.file"
    monkeypatch.delenv("DASHBOARD_CATALOG_TOKEN_FILE")
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN", "from.environment")
    assert sent() == "Bearer from.environment"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbffrom.file\r\n",
        "\ufefffrom.file\r\n".encode("utf-16-le"),
        b"Bearer from.file\n",
        b"\xef\xbb\xbf bearer  from.file",
    ],
)
def test_what_editors_and_headers_put_around_a_token_is_left_out(
    sent: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "token").write_bytes(content)
    assert sent("--token-file", tmp_path / "token") == "Bearer from.file"
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN", " Bearer from.environment\r\n")
    assert sent() == "Bearer from.environment"
    assert sent("--token", "Bearer from.flag") == "Bearer from.flag"


def test_a_flag_overrides_the_environment(
    sent: Callable[..., object], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("from.file")
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN", "from.environment")
    assert sent("--token-file", tmp_path / "token") == "Bearer from.file"
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN_FILE", "/nothing")
    assert sent("--token", "from.flag") == "Bearer from.flag"
    assert run("list", "--token", "a.b", "--token-file", tmp_path / "token").exit_code == 2


@pytest.mark.usefixtures("server")
def test_the_error_for_a_missing_token_says_how_to_give_one(run: Run, data_dir: Path) -> None:
    (data_dir / "admin.token").unlink()
    result = run("list")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: UNAUTHENTICATED: ")
    assert "No token was sent: give one with --token" in result.stderr
    assert "DASHBOARD_CATALOG_DATA_DIR" in result.stderr


@pytest.mark.usefixtures("server")
def test_the_error_for_a_refused_token_names_its_data_folder(run: Run, data_dir: Path) -> None:
    (data_dir / "admin.token").write_text("of.another.server")
    result = run("list")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[1:3] == [
        f"The token is from {data_dir / 'admin.token'}.",
        "If the server has another data folder, name it in DASHBOARD_CATALOG_DATA_DIR.",
    ]
    assert "The token is from" not in run("list", "--token", "a.b.c").stderr


def test_running_servers_are_named_if_none_answers(run: Run, tmp_path: Path) -> None:
    with announced("127.0.0.1:50052", tmp_path):
        result = run("list", "--address", "127.0.0.1:1")
    assert result.exit_code == 2
    assert result.stderr.endswith("Running on this machine: 127.0.0.1:50052; choose one with --address.\n")


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "zwölf"])
def test_a_file_without_a_token_is_an_error(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    result = run("list", "--token-file", tmp_path / "token")
    assert result.exit_code == 2
    assert result.stderr == f"Error: --token-file: {tmp_path / 'token'} holds no token\n"


def test_the_error_for_a_wrong_token_names_what_was_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("list", "--token", "two words").stderr == "Error: --token holds no token\n"
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN", "two words")
    assert run("list").stderr == "Error: DASHBOARD_CATALOG_TOKEN holds no token\n"
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN_FILE", "nowhere")
    assert "DASHBOARD_CATALOG_TOKEN or DASHBOARD_CATALOG_TOKEN_FILE, not both" in run("list").stderr


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("https://127.0.0.1:50051", "--address: 'https://127.0.0.1:50051' is not an address: expected HOST:PORT"),
        ("", "--address: '' is not an address"),
        ("127.0.0.1:http", "is not an address"),
        ("catalog.example.com", "unencrypted to catalog.example.com:50051"),
        ("nowhere.invalid:1", "would travel unencrypted"),
    ],
)
def test_a_wrong_address_is_an_error(run: Run, address: str, text: str) -> None:
    result = run("list", "--address", address, "--token", "a.b.c")
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_token_is_not_sent_unencrypted_to_another_machine(run: Run) -> None:
    result = run("list", "--address", "192.0.2.1:50051", "--token", "secret.token")
    assert result.exit_code == 2
    assert "would travel unencrypted to 192.0.2.1:50051" in result.stderr
    assert "secret.token" not in result.output


@pytest.mark.parametrize(
    ("content", "text"), [(None, "cannot read"), ("no certificate", "holds no certificate in PEM form")]
)
def test_a_file_without_certificates_is_an_error(run: Run, tmp_path: Path, content: str | None, text: str) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    result = run("list", "--tls-ca", tmp_path / "ca.pem")
    assert result.exit_code == 2
    assert text in result.stderr


@pytest.mark.usefixtures("server")
def test_a_client_ignores_the_settings_of_a_server(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_WORKERS", "none")
    monkeypatch.setenv("DASHBOARD_CATALOG_ISSUER", "x")
    assert run("list").exit_code == 0


def test_every_violation_is_printed_on_its_own_line() -> None:
    problems = (Problem("order_by", "is no order"), Problem("owner", "is no owner"))
    failure = Failure("INVALID_ARGUMENT", "order_by: is no order (and 1 more)", problems=problems, call_id="abc")
    assert list(connection._explanation(failure, Token("a.b.c"))) == [
        "INVALID_ARGUMENT:",
        "  order_by: is no order",
        "  owner: is no owner",
        "(call abc)",
    ]


def test_a_data_folder_that_cannot_be_named_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_DATA_DIR", "~nobody-of-this-name/data")
    assert run("list").stderr.startswith("Error: DASHBOARD_CATALOG_DATA_DIR: ~nobody-of-this-name/data: the home")
