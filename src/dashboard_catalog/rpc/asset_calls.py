"""The RPCs that every kind of asset has, written once.

Each is check, call, convert. A servicer passes its requests on and names the answer's message.
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from dashboard_catalog.catalog import names
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.commands import AssetWrite, ByName, Marks, Outcome, Verb, Writer
from dashboard_catalog.catalog.kinds import AssetKind
from dashboard_catalog.catalog.listing import AssetFilters, AssetListing, order_of, page_size_of
from dashboard_catalog.catalog.merge import STEWARDED_FIELDS
from dashboard_catalog.catalog.reading import AssetRead
from dashboard_catalog.catalog.shape import asset_key, requoted, shaped
from dashboard_catalog.catalog.views import AssetView
from dashboard_catalog.errors import CatalogError, Reason, Violation, ViolationReason, invalid
from dashboard_catalog.rpc import masks, wire
from dashboard_catalog.rpc.call import current_call
from dashboard_catalog.rpc.pages import fill_page
from dashboards.v1 import asset_pb2

DELETED: Mapping[int, str] = {
    asset_pb2.DELETED_UNSPECIFIED: "exclude",
    asset_pb2.DELETED_EXCLUDE: "exclude",
    asset_pb2.DELETED_INCLUDE: "include",
    asset_pb2.DELETED_ONLY: "only",
}
_FILTERS = [name for name in AssetFilters.__dataclass_fields__ if name not in ("deleted", "order_by")]


class AssetCalls:
    """Serves one kind of asset.

    Args:
        spec: The message that callers write.
        resource: The message that is answered.
    """

    def __init__(self, catalog: Catalog, kind: AssetKind, spec: type[Message], resource: type[Message]) -> None:
        self._catalog = catalog
        self._kind = kind
        self._spec: Any = spec.DESCRIPTOR
        self._resource: Any = resource.DESCRIPTOR

    async def create(self, request: Any, answer: type[Any]) -> Any:
        """Serves Create."""
        write = asset_write(self._kind, getattr(request, self._kind.name), Verb.CREATE, writer())
        return self._answer(answer, await self._catalog.write_asset(write, validate_only=request.validate_only))

    async def upsert(self, request: Any, answer: type[Any]) -> Any:
        """Serves Upsert."""
        (mask,) = masks.written_fields(request.update_mask, [self._spec])
        spec = getattr(request, self._kind.name)
        write = asset_write(self._kind, spec, Verb.UPSERT, writer(), mask)
        write.etag = request.etag
        outcome, kept, view = await self._catalog.write_asset(write, validate_only=request.validate_only)
        shown = {self._kind.name: wire.asset_message(view)}
        return answer(outcome=outcome_message(outcome), kept_fields=kept, **shown)

    async def update(self, request: Any, answer: type[Any]) -> Any:
        """Serves Update."""
        (mask,) = masks.written_fields(request.update_mask, [self._spec])
        spec = getattr(request, self._kind.name)
        violations: list[Violation] = []
        values = shaped(wire.spec_values(spec), violations)
        identity = _identity(spec, violations)
        violations = [violation.under(self._kind.name) for violation in violations]
        release = _release(request, self._spec, violations) if request.HasField("release") else None
        if not mask and release is None:
            text = "is required, unless release is given: the fields that are written"
            violations.append(Violation("update_mask", ViolationReason.REQUIRED, text))
        if violations:
            raise invalid(violations)
        write = AssetWrite(
            kind=self._kind,
            verb=Verb.UPDATE,
            writer=writer(),
            key=key_of(request),
            identity=identity,
            values={name: value for name, value in values.items() if name in mask},
            mask=mask,
            release=release,
            etag=request.etag,
        )
        return self._answer(answer, await self._catalog.write_asset(write, validate_only=request.validate_only))

    async def delete(self, request: Any, answer: type[Any]) -> Any:
        """Serves Delete."""
        write = AssetWrite(
            kind=self._kind,
            verb=Verb.DELETE,
            writer=writer(),
            key=key_of(request),
            etag=request.etag,
            hard=request.hard,
        )
        try:
            written = await self._catalog.write_asset(write, validate_only=request.validate_only)
        except CatalogError as error:
            if request.allow_missing and error.reason is Reason.NOT_FOUND:
                return answer()
            raise
        return self._answer(answer, written)

    async def restore(self, request: Any, answer: type[Any]) -> Any:
        """Serves Restore."""
        write = AssetWrite(kind=self._kind, verb=Verb.RESTORE, writer=writer(), key=key_of(request))
        return self._answer(answer, await self._catalog.write_asset(write))

    async def get(self, request: Any, answer: type[Any]) -> Any:
        """Serves Get."""
        fields = masks.fields_of(request.read_mask, self._resource, "read_mask")
        read = AssetRead(
            kind=self._kind,
            principal=current_call().principal,
            key=key_of(request),
            version=_tenths(request.version) if request.HasField("version") else None,
            deleted=DELETED[request.deleted],
        )
        return answer(**{self._kind.name: self._shown(await self._catalog.get_asset(read), fields)})

    async def list(self, request: Any, answer: type[Any]) -> Any:
        """Serves List."""
        fields = masks.fields_of(request.read_mask, self._resource, "read_mask")
        filters = {name: getattr(request, name) for name in _FILTERS if hasattr(request, name)}
        listing = AssetListing(
            kind=self._kind,
            principal=current_call().principal,
            filters=AssetFilters(**filters, deleted=DELETED[request.deleted], order_by=order_of(request.order_by)),
            page_size=page_size_of(request.page_size),
            page_token=request.page_token,
            include_total=request.include_total,
            with_charts=not fields or bool(fields & {"charts", "change_description"}),
        )
        page = await self._catalog.list_assets(listing)
        shown = ((view.record, self._shown(view, fields)) for view in page.assets)
        messages, token = fill_page(shown, listing.token_after, more=page.more)
        return answer(next_page_token=token, total=page.total, **{f"{self._kind.name}s": messages})

    def _answer(self, answer: type[Any], written: tuple[Outcome, tuple[str, ...], AssetView]) -> Any:
        return answer(**{self._kind.name: wire.asset_message(written[2])})

    def _shown(self, view: AssetView, fields: frozenset[str]) -> Any:
        message = wire.asset_message(view)
        for field in self._resource.fields if fields else ():
            if field.name not in fields:
                message.ClearField(field.name)
        return message


def asset_write(kind: AssetKind, spec: Any, verb: Verb, by: Writer, mask: frozenset[str] = frozenset()) -> AssetWrite:
    """Returns the write that a spec asks for.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with its shape.
    """
    violations: list[Violation] = []
    key = asset_key(spec.service, spec.name, violations)
    values = shaped(wire.spec_values(spec), violations)
    if violations or key is None:
        raise invalid([violation.under(kind.name) for violation in violations])
    digest = _digest(spec, mask, by) if by.ingests and verb is Verb.UPSERT else None
    return AssetWrite(kind=kind, verb=verb, writer=by, key=key, values=values, mask=mask, digest=digest)


def writer() -> Writer:
    """Returns who writes in the current call."""
    call = current_call()
    return Writer(principal=call.principal, ingests=call.principal.ingests, call_id=call.id)


def outcome_message(outcome: Outcome) -> "asset_pb2.Outcome.ValueType":
    """Returns the contract's value of an outcome."""
    return asset_pb2.Outcome.Value(f"OUTCOME_{outcome}")


def key_of(request: Any) -> ByName | UUID:
    """Returns the asset that a request names, by id or by fully qualified name.

    Raises:
        CatalogError: INVALID_ARGUMENT if the name does not parse.
    """
    if request.WhichOneof("key") == "id":
        return UUID(request.id)
    try:
        return ByName(*names.split(request.fully_qualified_name, 2))
    except names.NameSyntaxError as error:
        violation = Violation("fully_qualified_name", ViolationReason.INVALID_FORMAT, str(error))
        raise invalid([violation]) from None


def _digest(spec: Message, mask: frozenset[str], by: Writer) -> bytes:
    options = f"{','.join(sorted(mask))};{by.overrides};".encode()
    return hashlib.blake2b(options + spec.SerializeToString(deterministic=True), digest_size=16).digest()


def _identity(spec: Any, violations: list[Violation]) -> dict[str, str]:
    """Returns name and service, raw, as far as the spec of an update repeats them."""
    identity = {"name": spec.name} if spec.name else {}
    if spec.service:
        try:
            identity["service"] = names.split(spec.service, 1)[0]
        except names.NameSyntaxError as error:
            violations.append(Violation("service", ViolationReason.INVALID_FORMAT, str(error)))
    return identity


def _release(request: Any, spec: Any, violations: list[Violation]) -> Marks:
    """Returns the marks that an update gives back, named as the catalog names them."""
    sent = wire.marks_of(request.release)
    spellings = masks.spellings(spec)
    fields = tuple(spellings.get(field, field) for field in sent.fields)
    violations += [
        Violation(
            f"release.fields[{index}]",
            ViolationReason.UNKNOWN_FIELD,
            f"names no stewarded field; there are {', '.join(STEWARDED_FIELDS)}",
        )
        for index, field in enumerate(fields)
        if field not in STEWARDED_FIELDS
    ]
    tags = tuple(requoted(fqn, f"release.tags[{index}]", violations) for index, fqn in enumerate(sent.tags))
    return Marks(fields, tags, sent.extension_keys)


def _tenths(version: float) -> int:
    tenths = round(version * 10)
    if abs(version * 10 - tenths) > 1e-6 or tenths >= 2**31:
        raise invalid([Violation("version", ViolationReason.INVALID_VALUE, "must be a multiple of 0.1, such as 0.3")])
    return tenths
