"""The options of a load, as callers give them by keyword and as the contract says them."""

from collections.abc import Sequence
from typing import TypedDict

from buf.validate import validate_pb2
from dashboardcatalog.v1 import bulk_pb2

_MAX_FAILURES = bulk_pb2.BulkUpsertOptions.DESCRIPTOR.fields_by_name["max_failures"]
MAX_FAILURES = _MAX_FAILURES.GetOptions().Extensions[validate_pb2.field].int32.lte
"""Of a load, as the contract limits it."""

GIVE_UP_SECONDS = 300.0


class LoadOptions(TypedDict, total=False):
    """How a load is written; see the contract's `BulkUpsertOptions`.

    Attributes:
        session_id: A UUID that names the load, so that another process can go on with it; a new one by default.
        service: Fully qualified name of the BI service that it is about.
        update_mask: Fields that are written even where they are empty.
        override_metadata: Write over what people have decided. A right of its own.
        validate_only: Do everything but write. Such a load cannot go on after its connection breaks.
        max_failures: The load ends after more failed items than this; 10,000 by default and at most.
        sweep_percent: Delete what `service` has and the load did not mention, unless that is more than this share.
            No sweep without it.
        give_up_seconds: How long a connection is tried again without getting on; 300 by default.
    """

    session_id: str
    service: str
    update_mask: Sequence[str]
    override_metadata: bool
    validate_only: bool
    max_failures: int
    sweep_percent: int
    give_up_seconds: float


def message_of(options: LoadOptions, session_id: str) -> bulk_pb2.BulkUpsertOptions:
    """Returns the options as the contract says them."""
    message = bulk_pb2.BulkUpsertOptions(
        session_id=session_id,
        service=options.get("service", ""),
        override_metadata=options.get("override_metadata", False),
        validate_only=options.get("validate_only", False),
        max_failures=options.get("max_failures"),
    )
    if paths := options.get("update_mask"):
        message.update_mask.paths.extend(paths)
    if (percent := options.get("sweep_percent")) is not None:
        message.sweep.max_deleted_percent = percent
    return message
