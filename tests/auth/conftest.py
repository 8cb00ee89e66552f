"""The key of a data folder, the keys of an identity provider, and a server that publishes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dashboard_catalog.auth.jwks_file import JwksFile
from dashboard_catalog.auth.signing_key import SigningKey, load_or_create_key
from dashboard_catalog.auth.tokens import Authenticator
from tests.auth.authentication import publish, trusting
from tests.auth.issuer import ED25519, P256, jwk, new_rsa
from tests.auth.jwks_server import JwksServer, running


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return load_or_create_key(tmp_path / "data")


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return new_rsa()


@pytest.fixture
def jwks_server() -> Iterator[JwksServer]:
    with running(JwksServer()) as server:
        yield server


@pytest.fixture
def jwks_path(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> Path:
    path = tmp_path / "jwks.json"
    publish(path, jwk(rsa_key, kid="r"), jwk(P256, kid="p"), jwk(ED25519, kid="e"))
    return path


@pytest.fixture
def authenticator(key: SigningKey, jwks_path: Path) -> Authenticator:
    return trusting(key, JwksFile(jwks_path, check_every=0))
