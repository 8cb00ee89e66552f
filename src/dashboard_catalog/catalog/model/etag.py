"""Etags. That of an asset stands for one id and one version; that of an entity for one id and one change."""

from dashboard_catalog.catalog.model import version
from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import AssetRecord, EntityRecord


def etag_of(record: AssetRecord) -> str:
    """Returns the etag of a version."""
    return f"{record.id.hex}.{record.version}"


def check_etag(etag: str, record: AssetRecord | None) -> None:
    """Returns if `etag` is empty or that of `record`.

    Raises:
        CatalogError: ABORTED otherwise, also where nothing is stored.
    """
    if not etag or (record is not None and etag == etag_of(record)):
        return
    if record is None:
        raise _nothing_stored()
    stored = version.as_text(record.version)
    raise CatalogError(
        Reason.ETAG_MISMATCH,
        f"the stored version is {stored}, not that of the etag",
        metadata={"version": stored},
    )


def entity_etag_of(record: EntityRecord) -> str:
    """Returns the etag of an entity as it is now."""
    return f"{record.id.hex}.{record.change_number}"


def check_entity_etag(etag: str, record: EntityRecord | None) -> None:
    """Returns if `etag` is empty or that of `record`.

    Raises:
        CatalogError: ABORTED otherwise, also where nothing is stored.
    """
    if not etag or (record is not None and etag == entity_etag_of(record)):
        return
    if record is None:
        raise _nothing_stored()
    raise CatalogError(Reason.ETAG_MISMATCH, f"{label_of(record.kind)} {record.fqn} is not what the etag stands for")


def _nothing_stored() -> CatalogError:
    return CatalogError(Reason.ETAG_MISMATCH, "an etag was given, but nothing is stored")
