"""The key that signs the catalog's own tokens, and the file that holds it.

The key is generated at the first start. Anyone who can read the file can impersonate any user, so only its owner can
read it.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

OWN_ISSUER = "dashboard-catalog"
OWN_AUDIENCE = "dashboard-catalog"
KEY_FILE = "signing-key.pem"

_log = structlog.get_logger("dashboard_catalog.audit")


class KeyFileError(Exception):
    """The signing key cannot be read or generated. The message names the file and the problem."""


class NoKeyFile(KeyFileError):
    """There is no signing key yet."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key for the catalog's own tokens.

    Attributes:
        private: Ed25519, or P-256 if the operator has provided such a key.
        algorithm: `EdDSA` or `ES256`.
        kid: Key id, a fingerprint of the public key.
    """

    private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    algorithm: str
    kid: str


def load_or_create_key(data_dir: Path) -> SigningKey:
    """Returns the key of the data folder, and creates the folder and the key if they do not exist.

    Processes that start at the same time get the same key.

    Raises:
        KeyFileError: If the file cannot be read or written, or does not contain a usable key.
    """
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
    except FileExistsError as error:
        raise KeyFileError(f"{data_dir}: is not a folder") from error
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    return load_key(data_dir)


def load_key(data_dir: Path) -> SigningKey:
    """Returns the key of the data folder.

    Raises:
        NoKeyFile: If there is none.
        KeyFileError: If the file cannot be read, or does not contain a usable key.
    """
    path = data_dir / KEY_FILE
    try:
        pem = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise NoKeyFile(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    if os.name == "posix" and mode & 0o077:
        _log.warning("signing_key_open_to_others", path=str(path), mode=f"{mode & 0o777:04o}")
    return _parse(pem, path)


def write_private_file(path: Path, content: bytes) -> None:
    """Writes a new file that only its owner can read, and returns once all of it is on disk.

    Raises:
        FileExistsError: If the file exists.
        OSError: If the file cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def temporary_beside(path: Path) -> Path:
    """Returns an unused path in the same folder, for a file that will be renamed or linked to `path`."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def _create(path: Path) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = temporary_beside(path)
    try:
        write_private_file(temporary, pem)
        # A link appears with its full content and never replaces a file: one process wins, and all read its key.
        os.link(temporary, path)
        _log.info("signing_key_created", path=str(path))
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)


def _parse(pem: bytes, path: Path) -> SigningKey:
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path}: is not an unencrypted private key in PEM format") from error
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return SigningKey(private, "EdDSA", _fingerprint(private.public_key()))
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        return SigningKey(private, "ES256", _fingerprint(private.public_key()))
    raise KeyFileError(f"{path}: contains a key that is neither Ed25519 nor P-256")


def _fingerprint(public: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()[:32]
