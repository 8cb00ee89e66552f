"""What an export keeps of an item beside its content, in both directions."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.model import change, version
from dashboard_catalog.catalog.model.change import ChangeDescription, FieldChange
from dashboard_catalog.catalog.model.commands import Preserved
from dashboard_catalog.contract import wire
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid
from dashboardcatalog.v1 import asset_pb2, bulk_pb2

LEEWAY = timedelta(seconds=5)
"""How far in the future a time may be, since the clocks of servers differ."""

# In tenths. Leaves more than as many for the versions that follow.
_LARGEST_VERSION = 10**9


def preserved_of(sent: bulk_pb2.Preserved, *, is_asset: bool) -> Preserved:
    """Returns what an item wants to be preserved, after its annotations have been checked.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with its shape.
    """
    violations: list[Violation] = []
    updated_at = _moment(sent.updated_at, violations)
    given: dict[str, Any] = {
        "id": UUID(sent.id),
        "updated_at": updated_at,
        "updated_by": sent.updated_by,
        "deleted": sent.deleted,
        "former_names": tuple(dict.fromkeys(sent.former_names)),
    }
    if is_asset:
        given |= {
            "version": _version(sent, violations),
            "by_ingestion": sent.by_ingestion,
            "ingested": sent.ingested,
            "edited": wire.marks_of(sent.edited),
            "deleted_by_edit": sent.deleted_by_edit,
            "deleted_with": UUID(sent.deleted_with) if sent.deleted_with else None,
            "change": _change(sent.change_description, violations) if sent.HasField("change_description") else None,
        }
    else:
        violations += _asset_fields(sent)
    if violations:
        raise invalid([violation.under("preserved") for violation in violations])
    return Preserved(**given)


def _moment(sent: Any, violations: list[Violation]) -> datetime:
    moment = wire.from_timestamp(sent)
    if moment > datetime.now(UTC) + LEEWAY:
        violations.append(Violation("updated_at", ViolationReason.INVALID_VALUE, "must not be in the future"))
    # Neither the search index nor PostgreSQL's driver can tell what is much older from what has no time.
    if moment < wire.EPOCH:
        violations.append(Violation("updated_at", ViolationReason.INVALID_VALUE, "must not be before 1970"))
    return moment


def _version(sent: bulk_pb2.Preserved, violations: list[Violation]) -> int:
    tenths = version.tenths_of(sent.version) if sent.HasField("version") else None
    if not sent.HasField("version"):
        violations.append(Violation("version", ViolationReason.REQUIRED, "is required for assets"))
    elif tenths is None or tenths > _LARGEST_VERSION:
        text = f"must be a multiple of 0.1, such as 0.3, and at most {version.as_text(_LARGEST_VERSION)}"
        violations.append(Violation("version", ViolationReason.INVALID_VALUE, text))
    return tenths or 1


def _change(sent: asset_pb2.ChangeDescription, violations: list[Violation]) -> ChangeDescription | None:
    previous = version.tenths_of(sent.previous_version) if sent.previous_version else 0
    if previous is None:
        text = "must be a multiple of 0.1, such as 0.3"
        violations.append(Violation("change_description.previous_version", ViolationReason.INVALID_VALUE, text))
    described = ChangeDescription(
        previous or 0,
        [FieldChange(one.name, None, wire.from_value(one.new_value)) for one in sent.fields_added],
        _changes(sent.fields_updated),
        [FieldChange(one.name, wire.from_value(one.old_value), None) for one in sent.fields_deleted],
    )
    try:
        # Ids do not matter for its form.
        change.encode(described, lambda _field, _name: None)
    except TypeError as error:
        text = f"the values of {error} must be lists of references"
        violations.append(Violation("change_description", ViolationReason.INVALID_VALUE, text))
    return described


def _changes(sent: Iterable[asset_pb2.FieldChange]) -> list[FieldChange]:
    return [FieldChange(one.name, wire.from_value(one.old_value), wire.from_value(one.new_value)) for one in sent]


def _asset_fields(sent: bulk_pb2.Preserved) -> list[Violation]:
    of_assets = {field.name for field, _ in sent.ListFields()} - _OF_ENTITIES
    return [
        Violation(name, ViolationReason.INVALID_VALUE, "is only for dashboards and charts")
        for name in sorted(of_assets)
    ]


_OF_ENTITIES = frozenset({"id", "updated_at", "updated_by", "deleted", "former_names"})
