"""The options of a load: as keyword arguments, and as a message of the contract."""

from collections.abc import Sequence
from typing import TypedDict

from buf.validate import validate_pb2
from dashboardcatalog.v1 import bulk_pb2

_MAX_FAILURES = bulk_pb2.BulkUpsertOptions.DESCRIPTOR.fields_by_name["max_failures"]
MAX_FAILURES = _MAX_FAILURES.GetOptions().Extensions[validate_pb2.field].int32.lte
"""Largest `max_failures` of a load, from the contract."""

GIVE_UP_SECONDS = 300.0


class LoadOptions(TypedDict, total=False):
    """How a load is written; see the contract's `BulkUpsertOptions`.

    Attributes:
        session_id: UUID of the load; another process can continue it. By default a new one.
        service: Fully qualified name of the BI service that is loaded.
        update_mask: Fields to write even if they are empty.
        override_metadata: Overwrite what people have edited. Requires a separate permission.
        preserve: Write items as an export has kept them, with ids, versions and marks. Requires a separate permission.
        missing_references: What becomes of items that refer to something that does not exist. They fail by default.
        validate_only: Validate without writing. Such a load cannot continue after its connection breaks.
        max_failures: End the load after more failed items than this. 10,000 by default and at most.
        sweep_percent: Delete the assets of `service` that the load did not mention, unless they are more than this
            percentage. By default nothing is swept.
        give_up_seconds: How long to try again without progress; 300 by default.
    """

    session_id: str
    service: str
    update_mask: Sequence[str]
    override_metadata: bool
    preserve: bool
    missing_references: bulk_pb2.MissingReferences.ValueType
    validate_only: bool
    max_failures: int
    sweep_percent: int
    give_up_seconds: float


def message_of(options: LoadOptions, session_id: str) -> bulk_pb2.BulkUpsertOptions:
    """Returns the options as a message of the contract."""
    message = bulk_pb2.BulkUpsertOptions(
        session_id=session_id,
        service=options.get("service", ""),
        override_metadata=options.get("override_metadata", False),
        preserve=options.get("preserve", False),
        missing_references=options.get("missing_references", bulk_pb2.MISSING_REFERENCES_UNSPECIFIED),
        validate_only=options.get("validate_only", False),
        max_failures=options.get("max_failures"),
    )
    if paths := options.get("update_mask"):
        message.update_mask.paths.extend(paths)
    if (percent := options.get("sweep_percent")) is not None:
        message.sweep.max_deleted_percent = percent
    return message
