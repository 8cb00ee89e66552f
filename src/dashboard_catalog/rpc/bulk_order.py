"""The order of the messages of a bulk stream: the offset of each, and what only the first or the last may hold."""

from dashboard_catalog.contract.limits import MAX_MESSAGE_ITEMS
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboardcatalog.v1 import bulk_pb2


class MessageOrder:
    """Follows the messages of one stream.

    Attributes:
        accepted: Everything below this offset has been written or is being written.
    """

    def __init__(self, accepted: int) -> None:
        self.accepted = accepted
        self._begun = False
        # Offset of the next message, unless it gives its own.
        self._position = 0
        self._finish: bulk_pb2.BulkUpsertFinish | None = None

    def check_follows(self, request: bulk_pb2.BulkUpsertRequest) -> None:
        """Returns if a message may follow those before it.

        Raises:
            CatalogError: INVALID_ARGUMENT.
        """
        if request.HasField("options") and self._begun:
            raise refused("options", ViolationReason.INVALID_VALUE, "may only be in the first message")
        if self._finish is not None:
            raise refused("finish", ViolationReason.INVALID_VALUE, "may only be in the last message")
        self._begun = True

    def place(self, request: bulk_pb2.BulkUpsertRequest) -> tuple[int, int]:
        """Returns the offset of the first item of a message, and the offset after its last item.

        Raises:
            CatalogError: MESSAGE_TOO_LARGE, OFFSET_GAP or INVALID_ARGUMENT.
        """
        size = len(request.items)
        if size > MAX_MESSAGE_ITEMS:
            raise CatalogError(
                Reason.MESSAGE_TOO_LARGE,
                f"a message must hold at most {MAX_MESSAGE_ITEMS} items, has {size}",
                metadata={"limit": str(MAX_MESSAGE_ITEMS), "size": str(size)},
                resource=("message", "items"),
            )
        offset = request.offset if request.HasField("offset") else self._position
        if offset < 0:
            raise refused("offset", ViolationReason.OUT_OF_RANGE, "must not be negative")
        if offset > self.accepted:
            raise CatalogError(
                Reason.OFFSET_GAP,
                f"the next offset is {self.accepted}, not {offset}",
                metadata={"next_offset": str(self.accepted)},
            )
        self._position = offset + size
        self._finish = request.finish if request.HasField("finish") else None
        return offset, self._position

    def check_total(self, written: int, *, required: bool) -> None:
        """Returns if the stream has as many items as its last message said.

        Args:
            written: Number of items that the session has written.
            required: Whether the last message must have said so.

        Raises:
            CatalogError: INVALID_ARGUMENT.
        """
        total = self._finish.total_items if self._finish and self._finish.HasField("total_items") else None
        if total is None and required:
            text = "is required with a sweep: the number of items in the whole stream"
            raise refused("finish.total_items", ViolationReason.REQUIRED, text)
        if total is not None and total != written:
            text = f"is {total}, but the stream had {written} items"
            raise refused("finish.total_items", ViolationReason.INVALID_VALUE, text)


def refused(field: str, reason: ViolationReason, text: str) -> CatalogError:
    """Returns the INVALID_ARGUMENT error of one field of a message."""
    return invalid([Violation(field, reason, text)])
