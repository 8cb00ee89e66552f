"""From an item of a bulk stream to what the catalog is asked for."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from google.protobuf.message import Message

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import (
    AssetName,
    AssetWrite,
    ChunkItem,
    DeferredUpsert,
    EntityWrite,
    Verb,
    Write,
)
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, DASHBOARD_KIND, ENTITY_KINDS, AssetKind
from dashboard_catalog.catalog.model.spec_parsing import asset_key
from dashboard_catalog.contract.asset_specs import asset_write, digest_of, write_of
from dashboard_catalog.contract.bulk_options import BulkOptions
from dashboard_catalog.contract.entity_requests import entity_write
from dashboard_catalog.contract.limits import MAX_ITEM_BYTES, MAX_NAME_CHARACTERS
from dashboard_catalog.contract.preserved import preserved_of
from dashboard_catalog.contract.spec_reading import read_spec
from dashboard_catalog.contract.validation import violations_of
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, Violations, invalid
from dashboardcatalog.v1 import bulk_pb2, entity_pb2

# The kinds of values of `google.protobuf.Struct` that can hold a reference.
_CAN_REFER = ("struct_value", "list_value")


def read_item(offset: int, sent: bulk_pb2.BulkUpsertItem, options: BulkOptions) -> ChunkItem:
    """Returns an item as the catalog takes it. An item that is not valid becomes its own failure."""
    which = sent.WhichOneof("item")
    kind = (sent.entity.WhichOneof("entity") if which == "entity" else which) or ""
    named = _named(sent, kind)
    charts = sent.dashboard.charts if kind == DASHBOARD_KIND.name else ()
    try:
        return ChunkItem(offset, kind, named, _write(sent, kind, named, options), charts)
    except CatalogError as error:
        return ChunkItem(offset, kind, named, error, charts)


def check_item_size(sent: Message) -> None:
    """Returns if an item is not too large.

    Raises:
        CatalogError: MESSAGE_TOO_LARGE.
    """
    if (size := sent.ByteSize()) > MAX_ITEM_BYTES:
        raise CatalogError(
            Reason.MESSAGE_TOO_LARGE,
            f"an item must be at most {MAX_ITEM_BYTES} bytes, has {size}",
            metadata={"limit": str(MAX_ITEM_BYTES), "size": str(size)},
            resource=("item", "bytes"),
        )


def _write(sent: bulk_pb2.BulkUpsertItem, kind: str, named: AssetName | str, options: BulkOptions) -> Write:
    # What a catalog has may be larger than what one item may send. The message limits it then.
    if not options.preserves:
        check_item_size(sent)
    if options.preserves:
        return _preserving(sent, kind, options)
    if sent.HasField("preserved"):
        text = "is allowed only with the option preserve"
        raise invalid([Violation("preserved", ViolationReason.INVALID_VALUE, text)])
    if kind in ASSET_KINDS:
        return _asset_write(sent, ASSET_KINDS[kind], named, options)
    if violations := violations_of(sent):
        raise invalid(violations)
    return entity_write(sent.entity, options.writer, options.masks[kind])


def _preserving(sent: bulk_pb2.BulkUpsertItem, kind: str, options: BulkOptions) -> AssetWrite | EntityWrite:
    """Returns the write of an item as an export has made it."""
    # What people have decided over years may be more than one request may release.
    found = [one for one in violations_of(sent) if not _is_too_many_marks(one)]
    if not sent.HasField("preserved"):
        found.append(Violation("preserved", ViolationReason.REQUIRED, "is required with the option preserve"))
    if found:
        raise invalid(found)
    violations = Violations()
    preserved = violations.gather(lambda: preserved_of(sent.preserved, is_asset=kind in ASSET_KINDS))
    write = violations.gather(lambda: _content(sent, kind, options))
    if write is None or preserved is None or violations:
        raise invalid(violations)
    write.preserved = preserved
    return write


def _content(sent: bulk_pb2.BulkUpsertItem, kind: str, options: BulkOptions) -> AssetWrite | EntityWrite:
    if kind not in ASSET_KINDS:
        return entity_write(sent.entity, options.writer, frozenset())
    write = asset_write(ASSET_KINDS[kind], getattr(sent, kind), Verb.PRESERVE, options.writer)
    write.drops = options.drops
    return write


def _is_too_many_marks(violation: Violation) -> bool:
    return violation.reason is ViolationReason.TOO_MANY and violation.field.startswith("preserved.edited.")


def _asset_write(
    sent: bulk_pb2.BulkUpsertItem, kind: AssetKind, named: AssetName | str, options: BulkOptions
) -> AssetWrite | DeferredUpsert:
    spec, writer = getattr(sent, kind.name), options.writer
    digest = digest_of(spec, options.digest_starts[kind.name])

    def read() -> AssetWrite:
        return _upsert(spec, kind, named, digest, options)

    # The database looks up a deferred item before it is read. So its name must be one that every database takes, and it
    # must not need a separate permission.
    if writer.overrides or not isinstance(named, AssetName) or not (_is_plain(named.name) and _is_plain(named.service)):
        return read()
    return DeferredUpsert(
        kind=kind,
        writer=writer,
        key=named,
        digest=digest,
        reader=read,
        refers_elsewhere=lambda: _refers_elsewhere(spec, named.service),
    )


def _upsert(spec: Any, kind: AssetKind, named: AssetName | str, digest: bytes, options: BulkOptions) -> AssetWrite:
    sent, mask = read_spec(spec), options.masks[kind.name]
    key = named if isinstance(named, AssetName) else None
    read = partial(write_of, kind, sent, Verb.UPSERT, options.writer, mask, key=key, digest=digest)
    write = read() if sent.is_certainly_valid else _checked(read, violations_of(spec, kind.name))
    write.drops = options.drops
    return write


def _checked(read: Callable[[], AssetWrite], found: Sequence[Violation]) -> AssetWrite:
    """Returns what `read` returns, if nothing is wrong with it and there are no other violations."""
    violations = Violations(found)
    write = violations.gather(read)
    if write is None or violations:
        raise invalid(violations)
    return write


def _refers_elsewhere(spec: Any, service: str) -> bool:
    """Says whether a spec may refer to things of other BI services: by its charts, or by its custom properties."""
    own = f"{names.quote(service)}."
    if not all(fqn.startswith(own) for fqn in getattr(spec, "charts", ())):
        return True
    return any(value.WhichOneof("kind") in _CAN_REFER for value in spec.extension.fields.values())


def _is_plain(name: str) -> bool:
    return len(name) <= MAX_NAME_CHARACTERS and name.isprintable()


def _named(sent: bulk_pb2.BulkUpsertItem, kind: str) -> AssetName | str:
    """Returns the key of an asset or the fully qualified name of an entity; an empty text if the item does not say."""
    if kind in ASSET_KINDS:
        return _asset_name(getattr(sent, kind))
    fqn = _entity_fqn(sent.entity, kind) if kind else ""
    return fqn if _fits(fqn) else ""


def _asset_name(spec: Any) -> AssetName | str:
    name = asset_key(spec.service, spec.name, [])
    if name is None:
        return ""
    # Cheaper than to join them: that few characters cannot be too many bytes.
    is_short = len(name.service) + len(name.name) <= MAX_NAME_CHARACTERS
    return name if is_short or _fits(names.join(*name)) else ""


def _fits(fqn: str) -> bool:
    return len(fqn.encode()) <= names.MAX_FQN_BYTES


def _entity_fqn(entity: entity_pb2.Entity, which: str) -> str:
    one, kind = getattr(entity, which), ENTITY_KINDS[which]
    values = {kind.qualifier: getattr(one, kind.qualifier)} if kind.qualifier else {}
    is_complete = one.name and all(above for field, above in values.items() if field in kind.required)
    try:
        return kind.fqn(one.name, values) if is_complete else ""
    except names.NameSyntaxError:
        return ""
