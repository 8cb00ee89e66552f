"""From the requests of a kind of asset to what the catalog is asked for.

Reading a request finds everything that is wrong with its shape, not only the first violation.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model import version
from dashboard_catalog.catalog.model.commands import AssetKey, AssetName, AssetWrite, SentMarks, Verb, reversion
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.model.spec_parsing import parsed_spec, requoted
from dashboard_catalog.catalog.reading.asset_lists import AssetListing, order_of
from dashboard_catalog.catalog.reading.asset_reads import AssetRead
from dashboard_catalog.catalog.reading.asset_versions import Comparison, VersionListing
from dashboard_catalog.catalog.reading.filters import AssetFilters
from dashboard_catalog.catalog.reading.page_sizes import page_size_of
from dashboard_catalog.contract import masks, wire
from dashboard_catalog.contract.asset_specs import asset_write
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.contract.spec_reading import read_spec
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, Violations, invalid

# These are filters of names and texts. The others have types of their own.
_FILTERS = [name for name, field in AssetFilters.__dataclass_fields__.items() if field.default == ""]


class AssetRequests:
    """Reads the requests of one kind of asset.

    Every method raises INVALID_ARGUMENT with everything that is wrong with the shape of its request.
    """

    def __init__(self, messages: AssetMessages) -> None:
        self._kind = messages.kind
        self._spec = messages.spec.DESCRIPTOR
        self._resource = messages.resource.DESCRIPTOR

    def create(self, request: Any, caller: Caller) -> AssetWrite:
        """Reads Create."""
        return asset_write(self._kind, getattr(request, self._kind.name), Verb.CREATE, caller.writer)

    def upsert(self, request: Any, caller: Caller) -> AssetWrite:
        """Reads Upsert."""
        violations = Violations()
        mask = self._mask(request, violations)
        spec = getattr(request, self._kind.name)
        write = violations.gather(lambda: asset_write(self._kind, spec, Verb.UPSERT, caller.writer, mask))
        if write is None or violations:
            raise invalid(violations)
        write.etag = request.etag
        return write

    def update(self, request: Any, caller: Caller) -> AssetWrite:
        """Reads Update."""
        violations, of_spec = Violations(), Violations()
        key = violations.gather(lambda: key_of(request))
        mask = self._mask(request, violations)
        spec = getattr(request, self._kind.name)
        values = parsed_spec(read_spec(spec).values, of_spec)
        identity = _identity(spec, of_spec)
        violations.add(of_spec, self._kind.name)
        release = _release(request, self._kind, self._spec, violations) if request.HasField("release") else None
        if not request.update_mask.paths and release is None:
            text = "is required unless release is given: the fields to write"
            violations.append(Violation("update_mask", ViolationReason.REQUIRED, text))
        if key is None or violations:
            raise invalid(violations)
        return AssetWrite(
            kind=self._kind,
            verb=Verb.UPDATE,
            writer=caller.writer,
            key=key,
            identity=identity,
            values={name: value for name, value in values.items() if name in mask},
            mask=mask,
            release=release,
            etag=request.etag,
        )

    def delete(self, request: Any, caller: Caller) -> AssetWrite:
        """Reads Delete."""
        return AssetWrite(
            kind=self._kind,
            verb=Verb.DELETE,
            writer=caller.writer,
            key=key_of(request),
            etag=request.etag,
            hard=request.hard,
        )

    def restore(self, request: Any, caller: Caller) -> AssetWrite:
        """Reads Restore."""
        return AssetWrite(kind=self._kind, verb=Verb.RESTORE, writer=caller.writer, key=key_of(request))

    def revert(self, request: Any, caller: Caller) -> AssetWrite:
        """Reads Revert. It writes over what people have decided, so a bot needs the permission for that."""
        violations = Violations()
        key = violations.gather(lambda: key_of(request))
        tenths = violations.gather(lambda: _tenths(request.version, "version"))
        if key is None or tenths is None or violations:
            raise invalid(violations)
        writer = replace(caller.writer, overrides=caller.writer.ingests)
        return reversion(self._kind, writer, key, tenths, etag=request.etag)

    def rename(self, request: Any, caller: Caller) -> AssetWrite:
        """Reads Rename."""
        return AssetWrite(
            kind=self._kind,
            verb=Verb.RENAME,
            writer=caller.writer,
            key=key_of(request),
            etag=request.etag,
            new_name=request.new_name,
        )

    def read(self, request: Any, caller: Caller) -> tuple[AssetRead, frozenset[str]]:
        """Reads Get: what is asked for, and the fields to return; an empty set means all."""
        violations = Violations()
        fields = violations.gather(lambda: masks.fields_of(request.read_mask, self._resource, "read_mask"))
        key = violations.gather(lambda: key_of(request))
        tenths = _version(request, "version", violations)
        if key is None or violations:
            raise invalid(violations)
        deleted = wire.DELETED.get(request.deleted, "")
        read = AssetRead(self._kind, caller.principal, key=key, version=tenths, deleted=deleted)
        return read, fields or frozenset()

    def listing(self, request: Any, caller: Caller) -> tuple[AssetListing, frozenset[str]]:
        """Reads List: the page that is asked for, and the fields to return; an empty set means all."""
        violations = Violations()
        fields = violations.gather(lambda: masks.fields_of(request.read_mask, self._resource, "read_mask"))
        filters = _filters(request, violations)
        listing = AssetListing(
            kind=self._kind,
            principal=caller.principal,
            filters=filters,
            page_size=page_size_of(request.page_size),
            page_token=request.page_token,
            include_total=request.include_total,
            unwanted=wire.unwanted_columns(fields or frozenset()),
        )
        violations.gather(listing.position)
        violations.check()
        return listing, fields or frozenset()

    def versions(self, request: Any, caller: Caller) -> tuple[VersionListing, frozenset[str]]:
        """Reads ListVersions: the page that is asked for, and the fields to return; an empty set means all."""
        violations = Violations()
        fields = violations.gather(lambda: masks.fields_of(request.read_mask, self._resource, "read_mask"))
        key = violations.gather(lambda: key_of(request))
        if key is None:
            raise invalid(violations)
        listing = VersionListing(
            kind=self._kind,
            principal=caller.principal,
            key=key,
            page_size=page_size_of(request.page_size),
            page_token=request.page_token,
            unwanted=wire.unwanted_columns(fields or frozenset()),
        )
        violations.gather(listing.position)
        violations.check()
        return listing, fields or frozenset()

    def comparison(self, request: Any, caller: Caller) -> Comparison:
        """Reads CompareVersions."""
        violations = Violations()
        key = violations.gather(lambda: key_of(request))
        from_version = violations.gather(lambda: _tenths(request.from_version, "from_version"))
        to_version = _version(request, "to_version", violations)
        if key is None or from_version is None or violations:
            raise invalid(violations)
        return Comparison(self._kind, caller.principal, key, from_version, to_version)

    def _mask(self, request: Any, violations: Violations) -> frozenset[str]:
        found = violations.gather(lambda: masks.written_fields(request.update_mask, [self._spec]))
        return found[0] if found else frozenset()


def key_of(request: Any) -> AssetKey:
    """Returns the asset that a request names, by id or by fully qualified name.

    Raises:
        CatalogError: INVALID_ARGUMENT if the name does not parse.
    """
    try:
        if request.WhichOneof("key") == "id":
            return UUID(request.id)
        return AssetName(*names.split(request.fully_qualified_name, 2))
    except ValueError as error:
        violation = Violation(request.WhichOneof("key") or "key", ViolationReason.INVALID_FORMAT, str(error))
        raise invalid([violation]) from None


def _filters(request: Any, violations: Violations) -> AssetFilters:
    sent = {name: getattr(request, name) for name in _FILTERS if hasattr(request, name)}
    return AssetFilters(
        **sent,
        updated_after=_moment(request, "updated_after", violations),
        updated_before=_moment(request, "updated_before", violations),
        missing=wire.missing_fields(request.missing),
        deleted=wire.DELETED.get(request.deleted, ""),
        order_by=order_of(request.order_by),
    )


def _moment(request: Any, field: str, violations: Violations) -> datetime | None:
    """Returns the time in a field of a request, if there is one."""
    if not request.HasField(field):
        return None
    try:
        return wire.first_moment(getattr(request, field))
    except (ValueError, OverflowError):
        text = "must be between the years 1 and 9999, with nanos from 0 to 999,999,999"
        violations.append(Violation(field, ViolationReason.OUT_OF_RANGE, text))
        return None


def _identity(spec: Any, violations: list[Violation]) -> dict[str, str]:
    """Returns the raw name and service, if the spec of an update repeats them."""
    identity = {"name": spec.name} if spec.name else {}
    if spec.service:
        try:
            identity["service"] = names.segment(spec.service)
        except names.NameSyntaxError as error:
            violations.append(Violation("service", ViolationReason.INVALID_FORMAT, str(error)))
    return identity


def _release(request: Any, kind: AssetKind, spec: Any, violations: list[Violation]) -> SentMarks:
    """Returns the marks that an update gives back to ingestion, by the names that the catalog uses."""
    sent = wire.marks_of(request.release)
    spellings = masks.spellings(spec)
    fields = tuple(spellings.get(field, field) for field in sent.fields)
    violations += [
        Violation(
            f"release.fields[{index}]",
            ViolationReason.UNKNOWN_FIELD,
            f"unknown stewarded field; expected one of {', '.join(kind.stewarded)}",
        )
        for index, field in enumerate(fields)
        if field not in kind.stewarded
    ]
    tags = tuple(requoted(fqn, f"release.tags[{index}]", violations) for index, fqn in enumerate(sent.tags))
    return SentMarks(fields, tags, sent.extension_keys)


def _version(request: Any, field: str, violations: Violations) -> int | None:
    """Returns the version in a field of a request, in tenths, if there is one."""
    return violations.gather(lambda: _tenths(getattr(request, field), field)) if request.HasField(field) else None


def _tenths(number: float, field: str) -> int:
    tenths = version.tenths_of(number)
    if tenths is None:
        raise invalid([Violation(field, ViolationReason.INVALID_VALUE, "must be a multiple of 0.1, such as 0.3")])
    return tenths
