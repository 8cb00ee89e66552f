"""Keys behind a URL, fetched from a real server on loopback that misbehaves when asked to."""

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from dashboard_catalog.auth.claims import ClaimNames
from dashboard_catalog.auth.external_issuer import external_issuer
from dashboard_catalog.auth.jwks_url import JwksUrl
from dashboard_catalog.auth.key_sets import LARGEST_DOCUMENT
from dashboard_catalog.metrics.declared import Metrics
from tests.auth.issuer import AUDIENCE, ISSUER, jwk, jwks, new_ed25519, new_p256
from tests.auth.jwks_server import JwksServer
from tests.metrics_reading import of_process

FIRST, SECOND = jwks(jwk(new_ed25519(), kid="first")), jwks(jwk(new_ed25519(), kid="second"))


async def settle(source: JwksUrl) -> None:
    """Waits for the fetch in the background, if there is one."""
    if source._fetching is not None:
        await source._fetching


async def test_nothing_is_fetched_before_it_is_needed(jwks_server: JwksServer) -> None:
    jwks_server.document = FIRST
    source = JwksUrl(jwks_server.url)
    assert jwks_server.paths == []
    assert not source.current().keys
    assert (await source.newer()).knows("first")
    assert jwks_server.paths == ["/keys"]


async def test_concurrent_calls_share_one_fetch(jwks_server: JwksServer) -> None:
    jwks_server.document, jwks_server.seconds_a_byte = FIRST, 0.001
    source = JwksUrl(jwks_server.url)
    key_sets = await asyncio.gather(*[source.newer() for _ in range(20)])
    assert all(keys.knows("first") for keys in key_sets)
    assert len(jwks_server.paths) == 1


async def test_a_cancelled_call_does_not_cancel_the_fetch(jwks_server: JwksServer) -> None:
    jwks_server.document, jwks_server.seconds_a_byte = FIRST, 0.001
    source = JwksUrl(jwks_server.url)
    cancelled, waiting = asyncio.create_task(source.newer()), asyncio.create_task(source.newer())
    await asyncio.sleep(0.02)
    cancelled.cancel()
    assert (await waiting).knows("first")


def _pass(source: JwksUrl, seconds: float) -> None:
    """Lets time pass since the last fetch."""
    assert source._asked_at is not None
    source._asked_at -= seconds


async def test_unknown_keys_trigger_a_fetch_only_from_time_to_time(jwks_server: JwksServer) -> None:
    jwks_server.document = FIRST
    source = JwksUrl(jwks_server.url, fetch_at_most_every=300)
    await source.newer()
    jwks_server.document = SECOND
    for _ in range(5):
        assert (await source.newer()).knows("first")
    assert len(jwks_server.paths) == 1
    _pass(source, 301)
    assert (await source.newer()).knows("second")
    assert len(jwks_server.paths) == 2


async def test_a_failed_fetch_counts_as_a_fetch(jwks_server: JwksServer) -> None:
    jwks_server.status = 500
    source = JwksUrl(jwks_server.url)
    for _ in range(5):
        assert not (await source.newer()).keys
    assert len(jwks_server.paths) == 1


async def test_fetches_are_counted(jwks_server: JwksServer) -> None:
    metrics = Metrics()
    source = external_issuer(jwks_server.url, ISSUER, AUDIENCE, ClaimNames(), metrics).keys
    assert isinstance(source, JwksUrl)
    jwks_server.status = 500
    await source.newer()
    assert of_process(metrics).of("key_loads_total", outcome="failed") == 1
    assert of_process(metrics).of("key_loaded_timestamp_seconds") == 0
    jwks_server.status, jwks_server.document = 200, FIRST
    _pass(source, 301)
    await source.newer()
    scraped = of_process(metrics)
    assert scraped.of("key_loads_total", outcome="loaded") == scraped.of("key_loads_total", outcome="failed") == 1
    assert scraped.of("key_loaded_timestamp_seconds") > 0


async def test_old_keys_are_refreshed_in_the_background(jwks_server: JwksServer) -> None:
    jwks_server.document = FIRST
    source = JwksUrl(jwks_server.url, refresh_every=300)
    await source.newer()
    jwks_server.document = SECOND
    _pass(source, 301)
    assert source.current().knows("first")
    await settle(source)
    assert source.current().knows("second")


async def test_the_keys_stay_the_same_object_until_they_change(jwks_server: JwksServer) -> None:
    jwks_server.document = FIRST
    source = JwksUrl(jwks_server.url, fetch_at_most_every=0)
    before = await source.newer()
    assert await source.newer() is before
    assert len(jwks_server.paths) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(jwks_server: JwksServer, status: int) -> None:
    jwks_server.document, jwks_server.status = FIRST, status
    jwks_server.location = f"{jwks_server.url}/elsewhere"
    with capture_logs() as logs:
        assert not (await JwksUrl(jwks_server.url).newer()).keys
    assert jwks_server.paths == ["/keys"]
    assert (logs[0]["event"], logs[0]["problem"]) == ("jwks_not_fetched", f"returned status {status}")


@pytest.mark.parametrize(
    ("document", "status"),
    [(b"<html>", 200), (b'{"keys": []}', 200), (FIRST, 204), (FIRST, 404), (FIRST, 500)],
    ids=["html", "no keys", "204", "404", "500"],
)
async def test_the_last_valid_keys_stay_after_a_bad_response(
    jwks_server: JwksServer, document: bytes, status: int
) -> None:
    jwks_server.document = SECOND
    source = JwksUrl(jwks_server.url, fetch_at_most_every=0)
    await source.newer()
    jwks_server.document, jwks_server.status = document, status
    with capture_logs() as logs:
        assert (await source.newer()).knows("second")
    assert [(line["event"], line["log_level"]) for line in logs] == [("jwks_not_fetched", "error")]


async def test_a_document_that_is_too_large_is_not_read_to_its_end(jwks_server: JwksServer) -> None:
    jwks_server.document = FIRST + b" " * (8 * LARGEST_DOCUMENT)
    with capture_logs() as logs:
        assert not (await JwksUrl(jwks_server.url).newer()).keys
    assert logs[0]["problem"] == "is larger than 1048576 bytes"


async def test_a_document_of_the_maximum_size_is_read(jwks_server: JwksServer) -> None:
    jwks_server.document = FIRST.ljust(LARGEST_DOCUMENT)
    assert (await JwksUrl(jwks_server.url).newer()).knows("first")


async def test_a_server_that_sends_too_slowly_is_abandoned_in_time(jwks_server: JwksServer) -> None:
    jwks_server.document, jwks_server.seconds_a_byte = FIRST, 0.05
    with capture_logs() as logs:
        assert not (await JwksUrl(jwks_server.url, fetch_seconds=0.3).newer()).keys
    assert logs[0]["problem"] == "did not respond within 0.3 s"


async def test_an_unreachable_server_leaves_the_last_valid_keys(jwks_server: JwksServer) -> None:
    jwks_server.document = FIRST
    source = JwksUrl(jwks_server.url, fetch_at_most_every=0)
    await source.newer()
    jwks_server.shutdown()
    jwks_server.server_close()
    with capture_logs() as logs:
        assert (await source.newer()).knows("first")
    assert logs[0]["problem"] == "cannot be reached: ConnectError"


async def test_a_query_is_sent_but_not_logged(jwks_server: JwksServer) -> None:
    jwks_server.document = FIRST
    with capture_logs() as logs:
        await JwksUrl(f"{jwks_server.url}?appid=secret").newer()
    assert jwks_server.paths == ["/keys?appid=secret"]
    assert [line["source"] for line in logs] == [jwks_server.url]


async def test_plain_http_ignores_proxies(jwks_server: JwksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    jwks_server.document = FIRST
    assert (await JwksUrl(jwks_server.url).newer()).knows("first")


async def test_https_needs_a_certificate_from_a_known_authority(
    jwks_server: JwksServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    certificate, key = _write_certificate(tmp_path)
    jwks_server.document = FIRST
    jwks_server.use_tls(str(certificate), str(key))
    assert not (await JwksUrl(jwks_server.url).newer()).keys
    assert jwks_server.paths == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert ssl.get_default_verify_paths().cafile == str(certificate)
    assert (await JwksUrl(jwks_server.url).newer()).knows("first")


def _write_certificate(folder: Path) -> tuple[Path, Path]:
    key, name = new_p256(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "server.pem", folder / "server.key"
