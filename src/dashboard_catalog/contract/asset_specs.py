"""From the spec of an asset to the write that it asks for, for unary calls and for bulk streams."""

import hashlib
from typing import Any

from google.protobuf.message import Message

from dashboard_catalog.catalog.model.commands import AssetWrite, Verb, Writer
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.model.spec_parsing import asset_key, parsed_spec
from dashboard_catalog.contract import wire
from dashboard_catalog.errors import Violation, invalid


def asset_write(
    kind: AssetKind,
    spec: Any,
    verb: Verb,
    writer: Writer,
    mask: frozenset[str] = frozenset(),
    *,
    digest: bytes | None = None,
) -> AssetWrite:
    """Returns the write that a spec asks for.

    Args:
        digest: Digest of the spec, if it is known already. Only an upsert by ingestion has one.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with the shape of the spec.
    """
    violations: list[Violation] = []
    key = asset_key(spec.service, spec.name, violations)
    values = parsed_spec(wire.spec_values(spec), violations)
    if violations or key is None:
        raise invalid([violation.under(kind.name) for violation in violations])
    if digest is None and writer.ingests and verb is Verb.UPSERT:
        digest = digest_of(spec, digest_start(mask, writer))
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
