"""Shows times to people: in the time zone of the machine, as git does."""

from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp


def local_time(timestamp: Timestamp) -> str:
    """Returns a time to the second, with its zone: `2026-03-01 14:05:09 +0100`."""
    return timestamp.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
