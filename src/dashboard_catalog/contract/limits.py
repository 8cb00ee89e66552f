"""The limits of the contract, the same for every door.

The `buf.validate` annotations state the limits of fields, and every door reads those here. Other limits are set here.
"""

from google.protobuf.descriptor import FieldDescriptor

from buf.validate import validate_pb2
from dashboard_catalog.catalog.reading.room import MAX_ANSWER_BYTES
from dashboardcatalog.v1 import bulk_pb2, dashboard_pb2

MAX_MESSAGE_BYTES = 4 * 2**20
"""Size of a request, and of one message of a stream."""

MAX_MESSAGE_ITEMS = 1_000
"""Number of items in one message of a bulk stream."""

MAX_ITEM_BYTES = 512 * 2**10
"""Size of one item of a bulk stream."""

MAX_PROGRESS_BYTES = 128 * 2**10
"""Size of the results in a progress message of a bulk stream. The server holds them while the client does not read."""

MAX_ASSET_BYTES = MAX_ANSWER_BYTES
"""Size of an asset in a response. Clients of gRPC accept 4 MiB by default."""

MAX_KEPT_BYTES = 64 * 2**10
"""Size of what an upsert names in `kept_fields`."""

MAX_STATUS_BYTES = 4 * 2**10
"""Size of the status of an error. It travels in trailers, which get lost when they are long."""


def rules_of(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """Returns the annotations of a field."""
    return field.GetOptions().Extensions[validate_pb2.field]


MAX_NAME_CHARACTERS = rules_of(dashboard_pb2.DashboardSpec.DESCRIPTOR.fields_by_name["name"]).string.max_len
"""Length of the name of an asset or of an entity."""

MAX_FAILURES = rules_of(bulk_pb2.BulkUpsertOptions.DESCRIPTOR.fields_by_name["max_failures"]).int32.lte
"""Number of failed items after which a bulk stream ends; also the default."""
