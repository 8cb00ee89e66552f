"""From the spec of an asset to the write that it asks for, for unary calls and for bulk streams."""

import hashlib
from typing import Any

from google.protobuf.message import Message

from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Verb, Writer
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.model.spec_parsing import asset_key, parsed_spec
from dashboard_catalog.contract.spec_reading import SentSpec, read_spec
from dashboard_catalog.errors import Violation, invalid


def asset_write(
    kind: AssetKind, spec: Any, verb: Verb, writer: Writer, mask: frozenset[str] = frozenset()
) -> AssetWrite:
    """Returns the write that a spec asks for.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with the shape of the spec.
    """
    is_ingested = writer.ingests and verb is Verb.UPSERT
    digest = digest_of(spec, digest_start(mask, writer)) if is_ingested else None
    return write_of(kind, read_spec(spec), verb, writer, mask, digest=digest)


def write_of(
    kind: AssetKind,
    sent: SentSpec,
    verb: Verb,
    writer: Writer,
    mask: frozenset[str],
    *,
    digest: bytes | None,
    key: AssetName | None = None,
) -> AssetWrite:
    """Returns the write that a spec asks for which has been read already.

    Args:
        digest: Digest of the spec, for an upsert by ingestion.
        key: What the spec names, if that has been read too.

    Raises:
        CatalogError: As `asset_write`.
    """
    violations: list[Violation] = []
    key = key or asset_key(sent.service, sent.name, violations)
    values = parsed_spec(sent.values, violations)
    if violations or key is None:
        raise invalid([violation.under(kind.name) for violation in violations])
    return AssetWrite(kind=kind, verb=verb, writer=writer, key=key, values=values, mask=mask, digest=digest)


def digest_start(mask: frozenset[str], writer: Writer) -> Any:
    """Returns a hash of the options of an ingestion, which `digest_of` continues with each spec."""
    return hashlib.blake2b(f"{','.join(sorted(mask))};{writer.overrides};".encode(), digest_size=16)


def digest_of(spec: Message, start: Any) -> bytes:
    """Returns the digest of an ingested spec together with the options of its ingestion.

    Args:
        start: Result of `digest_start`. It is not changed.
    """
    digest = start.copy()
    digest.update(spec.SerializeToString(deterministic=True))
    return bytes(digest.digest())
