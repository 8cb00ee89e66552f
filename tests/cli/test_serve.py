"""`serve`: every setting is a flag with help, and an invalid value is an error."""

import pytest

from dashboard_catalog.cli.settings_options import flag_name
from dashboard_catalog.environment import environment_name
from dashboard_catalog.settings import Settings
from tests.cli.conftest import Run


def test_every_setting_has_help(run: Run) -> None:
    text = " ".join(run("serve", "--help").stdout.split())
    for name, field in Settings.model_fields.items():
        assert flag_name(name) in text
        assert environment_name(name) in text
        assert field.description
        assert field.description in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--address", "50051"], "--address: must be HOST:PORT"),
        (["--address", "0.0.0.0:0"], "open to other machines"),
        (["--tls-cert", "x.pem"], "--tls-cert and --tls-key must be given together"),
        (["--workers", "x"], "--workers"),
        (["--log-level", "loud"], "--log-level"),
    ],
)
def test_an_invalid_setting_is_an_error(run: Run, arguments: list[str], text: str) -> None:
    result = run("serve", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr


def test_an_invalid_setting_has_the_name_by_which_it_was_given(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_ISSUER", "https://id.example.com")
    monkeypatch.setenv("DASHBOARD_CATALOG_WORKERS", "many")
    assert "'DASHBOARD_CATALOG_WORKERS': Input should be" in run("serve").stderr
    result = run("serve", "--workers", "0", "--audience", "x")
    assert result.stderr == "Error: --workers: Input should be greater than or equal to 1\n"
    result = run("serve", "--workers", "1", "--audience", "x")
    assert result.stderr == "Error: DASHBOARD_CATALOG_ISSUER and --audience need --jwks\n"
