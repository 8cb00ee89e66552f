"""The key of the data folder is created once, is private, and is the same for all processes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from structlog.testing import capture_logs

from dashboard_catalog.auth.signing_key import KEY_FILE, KeyFileError, SigningKey, load_or_create_key
from tests.auth.issuer import new_ed25519, new_p256, new_rsa


def pem(private: PrivateKeyTypes, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def test_a_key_is_created_once_and_kept(tmp_path: Path) -> None:
    first = load_or_create_key(tmp_path / "a" / "data")
    assert first.algorithm == "EdDSA"
    assert load_or_create_key(tmp_path / "a" / "data").kid == first.kid


def test_nobody_else_can_read_the_key(tmp_path: Path) -> None:
    load_or_create_key(tmp_path / "data")
    assert (tmp_path / "data" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "data").iterdir()] == [KEY_FILE]


def test_threads_that_start_together_get_one_key(tmp_path: Path) -> None:
    barrier = Barrier(16)

    def load() -> str:
        barrier.wait()
        return load_or_create_key(tmp_path).kid

    with ThreadPoolExecutor(16) as pool:
        kids = {future.result() for future in [pool.submit(load) for _ in range(16)]}
    assert len(kids) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from dashboard_catalog.auth.signing_key import load_or_create_key\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "sys.stderr.write(load_or_create_key(Path(sys.argv[1])).kid)"
    )
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", code, str(tmp_path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        kids = {process.communicate()[1] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert kids == {load_or_create_key(tmp_path).kid}


def test_a_p256_key_from_somebody_else_is_used(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(pem(new_p256()))
    assert load_or_create_key(tmp_path).algorithm == "ES256"


def test_a_key_that_others_can_read_is_used_with_a_warning(tmp_path: Path) -> None:
    load_or_create_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o640)
    with capture_logs() as logs:
        load_or_create_key(tmp_path)
    assert [(line["event"], line["mode"]) for line in logs] == [("signing_key_open_to_others", "0640")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "private key in PEM format"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "private key in PEM format"),
        (pem(new_ed25519(), b"secret"), "is not an unencrypted private key"),
        (pem(new_rsa()), "contains a key that is neither Ed25519 nor P-256"),
    ],
    ids=["empty", "broken", "with password", "RSA"],
)
def test_a_file_without_a_usable_key_is_refused_and_not_changed(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(KeyFileError, match=problem) as caught:
        load_or_create_key(tmp_path)
    assert str(tmp_path / KEY_FILE) in str(caught.value)
    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(KeyFileError, match="data"):
        load_or_create_key(tmp_path / "data")


def test_the_text_of_a_key_does_not_reveal_it(key: SigningKey) -> None:
    assert "PRIVATE" not in repr(key)
