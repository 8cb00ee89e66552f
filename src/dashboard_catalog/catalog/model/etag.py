"""Etags. That of an asset stands for one id and one version; that of an entity for one id and one change."""

from dashboard_catalog.catalog.model import version
from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import AssetRecord, EntityRecord


def etag_of(record: AssetRecord | EntityRecord) -> str:
    """Returns the etag of an asset or entity as it is in a record."""
    number = record.change_number if isinstance(record, EntityRecord) else record.version
    return f"{record.id.hex}.{number}"


def check_etag(etag: str, record: AssetRecord | EntityRecord | None) -> None:
    """Returns if `etag` is empty or that of `record`.

    Raises:
        CatalogError: ABORTED otherwise, also where nothing is stored.
    """
    if not etag or (record is not None and etag == etag_of(record)):
        return
    if record is None:
        raise CatalogError(Reason.ETAG_MISMATCH, "an etag was given, but nothing is stored")
    if isinstance(record, EntityRecord):
        text = f"{label_of(record.kind)} {record.fqn} is not what the etag stands for"
        raise CatalogError(Reason.ETAG_MISMATCH, text)
    stored = version.as_text(record.version)
    text = f"the stored version is {stored}, not that of the etag"
    raise CatalogError(Reason.ETAG_MISMATCH, text, metadata={"version": stored})
