"""Certificates that cannot be used: when the server starts, and when they take the place of a good one."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.calls.certificates import Certificate, CertificateError
from tests.certificates import write_certificate


def certificate(folder: Path) -> Certificate:
    return Certificate(folder / "cert.pem", folder / "key.pem")


def test_a_good_certificate_has_no_problem(tmp_path: Path) -> None:
    write_certificate(tmp_path, "good")
    certificate(tmp_path).check_dates()


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("cert.pem", None, "cert.pem: No such file or directory"),
        ("key.pem", None, "key.pem: No such file or directory"),
        ("cert.pem", "nothing", "cert.pem: contains no certificate in PEM format"),
        ("key.pem", "nothing", "key.pem: contains no private key in PEM format"),
    ],
)
def test_the_file_with_the_problem_is_named(tmp_path: Path, file: str, content: str | None, problem: str) -> None:
    write_certificate(tmp_path, "good")
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(content)
    with pytest.raises(CertificateError) as refused:
        certificate(tmp_path)
    assert str(refused.value) == f"{tmp_path}/{problem}"


def test_an_encrypted_key_is_refused_without_a_question(tmp_path: Path) -> None:
    write_certificate(tmp_path, "encrypted", passphrase=b"secret")
    with pytest.raises(CertificateError, match=r"key\.pem: the key is encrypted; give one without a passphrase"):
        certificate(tmp_path)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    write_certificate(tmp_path, "first")
    key = (tmp_path / "key.pem").read_bytes()
    write_certificate(tmp_path, "second")
    (tmp_path / "key.pem").write_bytes(key)
    with pytest.raises(CertificateError, match=r"key\.pem: the key does not belong to the certificate in .*cert\.pem"):
        certificate(tmp_path)


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        ((-2, -1), r"cert\.pem: the certificate expired on 2"),
        ((1, 2), r"cert\.pem: the certificate is not valid before 2"),
    ],
)
def test_a_certificate_of_another_time_is_refused_and_replaces_none(
    tmp_path: Path, days: tuple[int, int], problem: str
) -> None:
    write_certificate(tmp_path, "good")
    served = certificate(tmp_path)
    expires_at = served.expires_at
    write_certificate(tmp_path, "bad", days=days)
    with pytest.raises(CertificateError, match=problem):
        certificate(tmp_path).check_dates()
    with capture_logs() as lines:
        assert served.newer() is None
        assert served.newer() is None
    # One warning per change of the files, not one per handshake.
    assert [line["event"] for line in lines] == ["certificate_refused"]
    assert served.expires_at == expires_at
    write_certificate(tmp_path, "renewed", days=(-1, 90))
    assert served.newer() is not None
    assert served.expires_at > expires_at
