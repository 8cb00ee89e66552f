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
        (["--address", "nonsense"], "ADDRESS: must be HOST:PORT"),
        (["--address", "0.0.0.0:0"], "open to other machines"),
        (["--tls-cert", "x.pem"], "TLS_CERT and TLS_KEY must be given together"),
        (["--workers", "x"], "--workers"),
        (["--log-level", "loud"], "--log-level"),
    ],
)
def test_an_invalid_setting_is_an_error(run: Run, arguments: list[str], text: str) -> None:
    result = run("serve", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr
