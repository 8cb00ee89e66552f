"""One item of a bulk stream: how it is read, and how it is answered."""

from dashboard_catalog.catalog.bulk.opening import SESSION_LIFETIME
from dashboard_catalog.catalog.model import names, version
from dashboard_catalog.catalog.model.commands import (
    AssetName,
    AssetWrite,
    ChunkItem,
    DeferredUpsert,
    Verb,
    WrittenEntity,
)
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, DASHBOARD_KIND, ENTITY_KINDS, AssetKind
from dashboard_catalog.catalog.model.spec_parsing import asset_key
from dashboard_catalog.catalog.writing.pipeline import Result, Write
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.asset_requests import asset_write, digest_of
from dashboard_catalog.contract.bulk_options import BulkOptions
from dashboard_catalog.contract.status import status_of
from dashboard_catalog.contract.validation import violations_of
from dashboard_catalog.errors import CatalogError, Reason, Violations, invalid
from dashboard_catalog.rpc.catalog_servicer import entity_write
from dashboard_catalog.rpc.edge.call import current_call
from dashboard_catalog.rpc.edge.requests import MAX_MESSAGE_BYTES
from dashboardcatalog.v1 import asset_pb2, bulk_pb2, entity_pb2

LIMITS = bulk_pb2.BulkUpsertLimits(
    max_message_bytes=MAX_MESSAGE_BYTES,
    max_message_items=1000,
    max_item_bytes=512 * 1024,
    session_seconds=int(SESSION_LIFETIME.total_seconds()),
)

_LONGEST_NAME = 256


def read_item(offset: int, sent: bulk_pb2.BulkUpsertItem, options: BulkOptions) -> ChunkItem:
    """Returns an item as the catalog takes it; what is wrong with it is its own failure."""
    which = sent.WhichOneof("item")
    kind = (sent.entity.WhichOneof("entity") if which == "entity" else which) or ""
    named = _named(sent, kind)
    charts = sent.dashboard.charts if kind == DASHBOARD_KIND.name else ()
    try:
        return ChunkItem(offset, kind, named, _write(sent, kind, named, options), charts)
    except CatalogError as error:
        return ChunkItem(offset, kind, named, error, charts)


def result_of(item: ChunkItem, result: Result) -> bulk_pb2.BulkUpsertResult:
    """Returns what the client is told of an item."""
    if isinstance(result, CatalogError):
        return failure_result(item.offset, item.kind, item.fqn, result)
    told = _result(item.offset, item.kind, item.fqn)
    told.outcome = wire.outcome_message(result.outcome)
    told.id = str(result.record.id)
    told.kept_fields.extend(result.kept_fields)
    if not isinstance(result, WrittenEntity):
        told.version = version.as_number(result.record.version)
    return told


def failure_result(offset: int, kind: str, fqn: str, error: CatalogError) -> bulk_pb2.BulkUpsertResult:
    """Returns what the client is told of an item that was refused."""
    told = _result(offset, kind, fqn)
    told.outcome = asset_pb2.OUTCOME_FAILED
    told.status.CopyFrom(status_of(error, current_call().id))
    return told


def _result(offset: int, kind: str, fqn: str) -> bulk_pb2.BulkUpsertResult:
    number = entity_pb2.Kind.Value(f"KIND_{kind.upper()}") if kind else entity_pb2.KIND_UNSPECIFIED
    return bulk_pb2.BulkUpsertResult(offset=offset, kind=number, fully_qualified_name=fqn)


def _write(sent: bulk_pb2.BulkUpsertItem, kind: str, named: AssetName | str, options: BulkOptions) -> Write:
    size = sent.ByteSize()
    if size > LIMITS.max_item_bytes:
        raise CatalogError(
            Reason.MESSAGE_TOO_LARGE,
            f"an item must be at most {LIMITS.max_item_bytes} bytes, has {size}",
            metadata={"limit": str(LIMITS.max_item_bytes), "size": str(size)},
            resource=("item", "bytes"),
        )
    if kind in ASSET_KINDS:
        return _asset_write(sent, ASSET_KINDS[kind], named, options)
    if violations := violations_of(sent):
        raise invalid(violations)
    return entity_write(sent.entity, options.writer, options.masks[kind])


def _asset_write(
    sent: bulk_pb2.BulkUpsertItem, kind: AssetKind, named: AssetName | str, options: BulkOptions
) -> AssetWrite | DeferredUpsert:
    spec, mask, by = getattr(sent, kind.name), options.masks[kind.name], options.writer
    digest = digest_of(spec, options.digest_starts[kind.name])

    def read() -> AssetWrite:
        violations = Violations(violations_of(sent))
        write = violations.gather(lambda: asset_write(kind, spec, Verb.UPSERT, by, mask, digest=digest))
        if write is None or violations:
            raise invalid(violations)
        return write

    # The database is asked for it before it is read: so it has a name that any takes, and asks for no right of its own.
    if by.overrides or not isinstance(named, AssetName) or not (_is_plain(named.name) and _is_plain(named.service)):
        return read()
    return DeferredUpsert(kind=kind, writer=by, key=named, digest=digest, reader=read)


def _is_plain(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and name.isprintable()


def _named(sent: bulk_pb2.BulkUpsertItem, kind: str) -> AssetName | str:
    """Returns the key of an asset or the fully qualified name of an entity, or an empty text if it cannot be told."""
    if kind in ASSET_KINDS:
        spec = getattr(sent, kind)
        key = asset_key(spec.service, spec.name, [])
        # So few characters cannot be too many bytes.
        return key if key and (len(key.service) + len(key.name) <= _LONGEST_NAME or _fits(names.join(*key))) else ""
    fqn = _entity_fqn(sent.entity, kind) if kind else ""
    return fqn if _fits(fqn) else ""


def _fits(fqn: str) -> bool:
    return len(fqn.encode()) <= names.MAX_FQN_BYTES


def _entity_fqn(entity: entity_pb2.Entity, which: str) -> str:
    one, kind = getattr(entity, which), ENTITY_KINDS[which]
    values = {kind.qualifier: getattr(one, kind.qualifier)} if kind.qualifier else {}
    told = one.name and all(above for field, above in values.items() if field in kind.required)
    try:
        return kind.fqn(one.name, values) if told else ""
    except names.NameSyntaxError:
        return ""
