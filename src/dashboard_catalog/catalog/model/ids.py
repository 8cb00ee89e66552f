"""The ids of assets and entities."""

import os
import time
from uuid import UUID

from dashboard_catalog.store.column_types import uuid_of


def new_id() -> UUID:
    """Returns a random id that sorts by time (RFC 9562, version 7), so that index pages fill in order."""
    stamp = time.time_ns() // 1_000_000 << 80
    noise = int.from_bytes(os.urandom(10)) & 0x0FFF_3FFF_FFFF_FFFF_FFFF
    return uuid_of((stamp | 0x7000_8000_0000_0000_0000 | noise).to_bytes(16))
