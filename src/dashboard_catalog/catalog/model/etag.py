"""The etag of an asset, which stands for one id and one version."""

from dashboard_catalog.catalog.model import version
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import AssetRecord


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
        raise CatalogError(Reason.ETAG_MISMATCH, "an etag was given, but nothing is stored")
    stored = version.as_text(record.version)
    raise CatalogError(
        Reason.ETAG_MISMATCH,
        f"the stored version is {stored}, not that of the etag",
        metadata={"version": stored},
    )
