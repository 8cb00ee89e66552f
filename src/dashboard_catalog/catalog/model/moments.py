"""The time of a change."""

from datetime import datetime


def time_of_change(now: datetime, last_change: datetime) -> datetime:
    """Returns the time of a change that is made now, never before that of the last change of the same thing.

    The clock can be set back between two changes, and servers that share a database have clocks of their own.
    """
    return max(now, last_change)
