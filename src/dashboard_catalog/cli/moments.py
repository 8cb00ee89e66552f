"""Times as people read and write them: in the time zone of the machine, as git does."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from dashboard_catalog.cli.endings import CommandError


def local_time(timestamp: Timestamp) -> str:
    """Returns a time to the second, with its zone: `2026-03-01 14:05:09 +0100`."""
    return timestamp.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def moment_of(text: str, option: str) -> Timestamp:
    """Returns the time that an option names, in the zone of the machine unless it names another one.

    Raises:
        CommandError: If it is no time.
    """
    timestamp = Timestamp()
    try:
        timestamp.FromDatetime(datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        expected = "expected a date or a time such as 2026-03-01, '2026-03-01 14:05' or 2026-03-01T14:05:09Z"
        raise CommandError(f"{option}: {text!r} is not a time; {expected}") from None
    return timestamp
