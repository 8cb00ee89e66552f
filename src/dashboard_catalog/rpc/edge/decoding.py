"""Turns the bytes of a request into its message, or into an error that says what is wrong.

gRPC itself would answer bytes that do not decode with the text of an exception, and large ones without details. So the
handlers ask it for bytes.
"""

from collections.abc import Callable

from google.protobuf.message import DecodeError, Message

from dashboard_catalog.contract.limits import MAX_MESSAGE_BYTES
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

Parse = Callable[[bytes], Message]


def decode(raw: bytes, parse: Parse) -> Message:
    """Returns the message that the bytes hold.

    Raises:
        CatalogError: MESSAGE_TOO_LARGE or MALFORMED_REQUEST.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise CatalogError(
            Reason.MESSAGE_TOO_LARGE,
            f"a message must be at most {MAX_MESSAGE_BYTES} bytes, has {len(raw)}",
            metadata={"limit": str(MAX_MESSAGE_BYTES), "size": str(len(raw))},
            resource=("message", "bytes"),
        )
    try:
        return parse(raw)
    except DecodeError:
        # Not chained, so that the text of the exception reaches nobody.
        raise CatalogError(Reason.MALFORMED_REQUEST, "the request is not the message that the method takes") from None
