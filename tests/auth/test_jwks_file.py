"""Keys in a file, and the settings of an external issuer."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.auth.claims import ClaimNames
from dashboard_catalog.auth.external_issuer import external_issuer
from dashboard_catalog.auth.jwks_file import JwksFile
from dashboard_catalog.auth.jwks_url import JwksUrl
from dashboard_catalog.auth.key_sets import JwksError
from dashboard_catalog.auth.signing_key import OWN_ISSUER
from dashboard_catalog.metrics.declared import Metrics
from tests.auth.issuer import AUDIENCE, ISSUER, jwk, jwks, new_ed25519
from tests.metrics_reading import of_process

FIRST, SECOND = jwks(jwk(new_ed25519(), kid="first")), jwks(jwk(new_ed25519(), kid="second"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "jwks.json").write_bytes(FIRST)
    return tmp_path / "jwks.json"


def test_a_file_is_read_again_when_it_changes(path: Path) -> None:
    source = JwksFile(path, check_every=0)
    before = source.current()
    assert before.knows("first")
    path.write_bytes(SECOND)
    assert source.current().knows("second")
    assert not source.current().knows("first")


def test_the_keys_stay_the_same_object_until_they_change(path: Path) -> None:
    source = JwksFile(path, check_every=0)
    before = source.current()
    path.write_bytes(FIRST + b"\n")
    assert source.current() is before


def test_a_file_is_checked_only_from_time_to_time_unless_a_key_is_missing(path: Path) -> None:
    source = JwksFile(path, check_every=3600)
    path.write_bytes(SECOND)
    assert source.current().knows("first")
    assert asyncio.run(source.newer()).knows("second")


@pytest.mark.parametrize("bad", [b"", b'{"keys": []}', None])
def test_a_file_that_becomes_invalid_leaves_the_last_valid_keys(path: Path, bad: bytes | None) -> None:
    metrics = Metrics()
    source = JwksFile(path, check_every=0, metrics=metrics)
    if bad is None:
        path.unlink()
    else:
        path.write_bytes(bad)
    with capture_logs() as logs:
        assert source.current().knows("first")
        assert source.current().knows("first")
    assert [line["event"] for line in logs] == ["jwks_not_read"]
    assert of_process(metrics).of("key_loads_total", outcome="failed") == 1
    path.write_bytes(SECOND)
    assert source.current().knows("second")
    assert of_process(metrics).of("key_loads_total", outcome="loaded") == 2
    assert of_process(metrics).of("key_loaded_timestamp_seconds") > 0


def test_a_file_that_is_invalid_at_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JwksError, match=r"missing\.json: cannot be read"):
        JwksFile(tmp_path / "missing.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(JwksError, match=r"bad\.json: has no list"):
        JwksFile(tmp_path / "bad.json")


def test_the_settings_can_name_a_file_or_a_url(path: Path) -> None:
    by_file = external_issuer(str(path), ISSUER, AUDIENCE, ClaimNames(subject="email"))
    assert isinstance(by_file.keys, JwksFile)
    assert (by_file.name, by_file.audience, by_file.leeway) == (ISSUER, AUDIENCE, 60)
    assert by_file.claims.subject == "email"
    by_url = external_issuer("https://login.example.com/keys", ISSUER, AUDIENCE, ClaimNames())
    assert isinstance(by_url.keys, JwksUrl)


@pytest.mark.parametrize(
    ("issuer", "audience", "problem"),
    [
        ("", AUDIENCE, "needs the issuer and the audience"),
        (ISSUER, "", "needs the issuer and the audience"),
        (OWN_ISSUER, AUDIENCE, "is the catalog itself"),
    ],
)
def test_settings_that_trust_too_much_are_refused(path: Path, issuer: str, audience: str, problem: str) -> None:
    with pytest.raises(JwksError, match=problem):
        external_issuer(str(path), issuer, audience, ClaimNames())


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://login.example.com/keys", "must be https, or http on loopback"),
        ("http://127.0.0.1.example.com/keys", "must be https, or http on loopback"),
        ("http://localhost.example.com/keys", "must be https, or http on loopback"),
        ("http://192.168.0.1/keys", "must be https, or http on loopback"),
        ("ftp://127.0.0.1/keys", "must be https, or http on loopback"),
        ("file:///etc/jwks.json", "has no host"),
        ("https:///keys", "has no host"),
        ("https://user:secret@login.example.com/keys", "must not contain a user name"),
        ("https://login.example.com:port/keys", "is not a URL"),
        ("https://[::1/keys", "is not a URL"),
    ],
)
def test_an_unsafe_url_is_refused(url: str, problem: str) -> None:
    with pytest.raises(JwksError, match=problem) as caught:
        JwksUrl(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/k",
        "http://127.8.9.1/k",
        "http://[::1]:80/k",
        "http://localhost/k",
        "HTTPS://example.com",
    ],
)
def test_https_and_loopback_are_allowed(url: str) -> None:
    JwksUrl(url)
