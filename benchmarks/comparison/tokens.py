"""Issues and verifies common tokens: RS256, which is the fastest to verify."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALGORITHM = "RS256"
ROLE = "ingestion_bot"


def issue_token(public_key: Path) -> str:
    """Returns a token of a caller who may write, and puts the key that verifies it into a new PEM file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public_key.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    claims = {"sub": "loader", "roles": [ROLE], "exp": datetime.now(UTC) + timedelta(days=1)}
    return jwt.encode(claims, key, ALGORITHM)
